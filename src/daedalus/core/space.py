"""Spaces: the round trip between designs and the unit cube, with names, units, bounds and symmetries."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from daedalus.core.design import Design, Entry, at, entries_of, fields_of
from daedalus.core.leaves import Leaves, learned_from
from daedalus.errors import DesignError
from daedalus.gradients.relaxations import straight_through
from daedalus.units import unit as unit_value


class Point(eqx.Module):
    """What a search moves: a vector in the unit cube, and the learned leaves of the design beside it."""

    cube: Float[Array, "*start param"]  # free parameters, 0 at the lower and 1 at the upper bound [1]
    learned: PyTree  # arrays of learned(...) fields, None elsewhere


@dataclasses.dataclass(frozen=True, eq=False)
class Space:
    """The space of a design's free parameters.

    Made by `Space.of`; `freeze` and `narrow` make new spaces. The map to the cube is linear in each parameter,
    exact at both bounds and for whole numbers, and good to rounding elsewhere.
    """

    template: Design  # holds the values of frozen parameters and of learned leaves
    paths: tuple[tuple[str, ...], ...]
    every: tuple[Entry, ...]  # all scalars, free and frozen
    free: np.ndarray  # positions of the free scalars in ``every``

    @staticmethod
    def of(design: Design) -> Space:
        """The space of all parameters of a design.

        Raises:
            DesignError: a field without a data sheet, bounds that do not fit a field's shape, or a value outside.
        """
        paths, every = tuple(path for path, _ in fields_of(design)), entries_of(design)
        return Space(design, paths, every, np.arange(len(every)))

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The free scalars, in the order of the cube's axes."""
        return tuple(self.every[i] for i in self.free)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the free scalars."""
        return tuple(entry.name for entry in self.entries)

    @property
    def size(self) -> int:
        """The number of free scalars."""
        return len(self.free)

    @property
    def learned_size(self) -> int:
        """The number of numbers in the learned leaves."""
        return sum(leaf.size for leaf in jax.tree.leaves(self._learned(self.template)))

    @property
    def lower(self) -> np.ndarray:
        """Lower bounds of the free scalars [house units]."""
        return np.array([entry.lower for entry in self.entries])

    @property
    def upper(self) -> np.ndarray:
        """Upper bounds of the free scalars [house units]."""
        return np.array([entry.upper for entry in self.entries])

    @property
    def whole(self) -> np.ndarray:
        """Which free scalars take whole numbers only (whole numbers and choices)."""
        return np.array([entry.kind != "continuous" for entry in self.entries], bool)

    def values(self, design: Design) -> Float[Array, "param"]:
        """The free parameters of a design as one vector [house units]."""
        return self._flat(design)[self.free]

    def cube(self, design: Design) -> Float[Array, "param"]:
        """A design's position in the unit cube [1]."""
        return (self.values(design) - self.lower) / (self.upper - self.lower)

    def design(self, point: Point | Float[Array, "param"]) -> Design:
        """The design at a point of the unit cube; exact at both bounds, whole numbers rounded.

        Whole numbers and choices have the derivative of the identity (straight-through, biased).
        """
        cube = point.cube if isinstance(point, Point) else point
        values = self.lower * (1 - cube) + self.upper * cube
        design = self.filled(jnp.where(self.whole, straight_through(values), values))
        return self._with_learned(design, point.learned) if isinstance(point, Point) else design

    def snapped(self, cube: Float[Array, "param"]) -> Float[Array, "param"]:
        """The nearest place in the cube where whole numbers are whole, inside their bounds."""
        span = jnp.where(self.whole, self.upper - self.lower, 1.0)
        levels = jnp.clip(jnp.round(self.lower + span * cube), jnp.ceil(self.lower), jnp.floor(self.upper))
        return jnp.where(self.whole, (levels - self.lower) / span, cube)

    def filled(self, values: Float[Array, "param"] | Float[np.ndarray, "param"]) -> Design:
        """The design whose free parameters have the given values [house units], in the process's precision."""
        flat = self._flat(self.template).at[self.free].set(jnp.asarray(values, jnp.result_type(float)))
        leaves, start = [], 0
        for path in self.paths:
            shape = np.shape(at(self.template, path))
            stop = start + int(np.prod(shape))
            leaves.append(flat[start:stop].reshape(shape))
            start = stop
        return eqx.tree_at(lambda d: [at(d, path) for path in self.paths], self.template, leaves)

    def point(self, design: Design) -> Point:
        """A design as a point: its place in the cube and its learned leaves."""
        return Point(self.cube(design), self._learned(design))

    def trained(self, design: Design, leaves: Leaves) -> Design:
        """A design with other learned leaves, given by name.

        Raises:
            DesignError: the design has other leaves, or of other shapes.
        """
        return self._with_learned(design, learned_from(leaves, self._learned(design)))

    def check(self, design: Design) -> None:
        """Checks that a design's values are finite and within their bounds.

        Raises:
            DesignError: a value is not; the text names the parameter, the value, its bounds and unit.
        """
        for entry, value in zip(self.every, np.asarray(self._flat(design)), strict=True):
            tolerance = 1e-6 * (entry.upper - entry.lower)
            if not entry.lower - tolerance <= value <= entry.upper + tolerance:
                scale = unit_value(entry.unit)
                raise DesignError(
                    f"{entry.name} is {value / scale:g} {entry.unit}; expected {entry.lower / scale:g} to "
                    f"{entry.upper / scale:g} {entry.unit}. Move it inside, or widen the bounds in the design class."
                )

    def freeze(self, *names: str) -> Space:
        """A space without the named parameters, which keep the template's values; "z" freezes all of z[...].

        Raises:
            DesignError: a name that is not in this space.
        """
        gone = {i for name in names for i in self._matching(name)}
        return dataclasses.replace(self, free=np.array([i for i in self.free if i not in gone], int))

    def narrow(self, bounds: Mapping[str, tuple[float, float]]) -> Space:
        """A space with tighter bounds [house units] for the named parameters.

        Raises:
            DesignError: an unknown name, or bounds outside the present ones.
        """
        every = list(self.every)
        for name, (lower, upper) in bounds.items():
            for i in self._matching(name):
                if not every[i].lower <= lower < upper <= every[i].upper:
                    raise DesignError(
                        f"{name} cannot be narrowed to {lower:g} .. {upper:g}; expected an interval inside "
                        f"{every[i].lower:g} .. {every[i].upper:g} (house units)."
                    )
                every[i] = dataclasses.replace(every[i], lower=float(lower), upper=float(upper))
        return dataclasses.replace(self, every=tuple(every))

    def canonical(self, design: Design) -> Design:
        """The design with exchangeable rows in canonical order, largest first."""
        return _ordered(design)

    def _matching(self, name: str) -> list[int]:
        found = [
            int(i)
            for i in self.free
            if self.every[i].name == name or self.every[i].name.startswith((name + "[", name + "."))
        ]
        if not found:
            raise DesignError(f"no free parameter is called {name!r}. {_nearest(name, list(self.names))}")
        return found

    def _flat(self, design: Design) -> Float[Array, "every"]:
        if not self.paths:
            return jnp.zeros(0)
        return jnp.concatenate([jnp.ravel(at(design, path)) for path in self.paths]).astype(jnp.result_type(float))

    def _learned(self, design: Design) -> PyTree:
        hardware = eqx.tree_at(lambda d: [at(d, path) for path in self.paths], design, replace_fn=lambda _: None)
        return eqx.filter(hardware, eqx.is_inexact_array)

    def _with_learned(self, design: Design, leaves: PyTree) -> Design:
        return eqx.combine(leaves, design) if jax.tree.leaves(leaves) else design


def _ordered(design: Design) -> Design:
    nested = [f.name for f in dataclasses.fields(design) if isinstance(getattr(design, f.name), Design)]
    for name in nested:
        design = eqx.tree_at(lambda d, n=name: getattr(d, n), design, _ordered(getattr(design, name)))
    for symmetry in design.symmetries:
        order = jnp.argsort(-getattr(design, symmetry.by))
        rows = [getattr(design, field)[order] for field in symmetry.fields]
        design = eqx.tree_at(lambda d, s=symmetry: [getattr(d, f) for f in s.fields], design, rows)
    return design


def _nearest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    return f"Did you mean {', '.join(close)}?" if close else f"Known: {', '.join(known[:12])} ..."
