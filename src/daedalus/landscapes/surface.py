"""Surfaces: the loss over the free parameters, a plain function that can be compiled, mapped and differentiated."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cached_property
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from daedalus.core import Design, Problem
from daedalus.core.problem import Softness
from daedalus.landscapes.errors import LandscapeError
from daedalus.units import unit as unit_value

Place = Float[Array, "param"]
Scalar = float | Float[Array, ""]
CHUNK = 64  # places per call of the compiled program; fewer cost no more than themselves
ORDERED = 1024  # places that are ordered at a time


class Height(eqx.Module):
    """What a surface says of one place."""

    loss: Float[Array, "*point"]  # what is minimised [1]
    error: Float[Array, "*point"]  # its standard error, zero where the loss is exact [1]
    excess: Float[Array, "*point"]  # beyond the worst constraint [scales]; not above zero where all are met


def _same(cube: Place) -> Place:
    return cube


def _unbounded(cube: Place) -> Float[Array, ""]:
    return jnp.full_like(cube[0], -jnp.inf)


@dataclasses.dataclass(frozen=True, eq=False)
class Surface:
    """A loss over the unit cube of some named parameters, with the random events held fixed.

    Two places differ by their designs only, never by their events: differences are paired. Other events, of another
    key, make another surface, and how much several of them differ is the statistical error of what is read off one.
    """

    height: Callable[[Place], Height]  # traceable
    names: tuple[str, ...]
    lower: Float[np.ndarray, "param"]  # [unit of each parameter]
    upper: Float[np.ndarray, "param"]  # [unit of each parameter]
    units: tuple[str, ...] = ()
    ordered: Callable[[Place], Place] = _same  # a place with exchangeable parameters in canonical order
    admitted: Callable[[Place], Place] = _same  # the nearest place that meets the known constraints
    known: Callable[[Place], Float[Array, ""]] = _unbounded  # excess of the worst known constraint alone [scales]
    walled: bool = False  # whether known constraints bound the places, none of whose parameters takes whole numbers
    measured: bool = True  # whether there are constraints besides, whose excess an evaluation finds

    def __post_init__(self) -> None:
        """Checks that the parts belong together.

        Raises:
            LandscapeError: they are of different lengths, or a parameter has no room.
        """
        sizes = {len(self.names), len(self.lower), len(self.upper), len(self.units or self.names)}
        if len(sizes) > 1 or not np.all(self.lower < self.upper):
            raise LandscapeError(
                f"{len(self.names)} names, {len(self.lower)} lower and {len(self.upper)} upper bounds, "
                f"{len(self.units)} units; expected as many of each, and every lower bound below its upper one."
            )

    @property
    def size(self) -> int:
        """The number of parameters."""
        return len(self.names)

    @property
    def exchangeable(self) -> bool:
        """Whether some parameters are exchangeable, so that places are brought into canonical order."""
        return self.ordered is not _same

    def loss(self, cube: Place) -> Float[Array, ""]:
        """The loss at a place [1]; traceable."""
        return self.height(cube).loss

    def heights(self, cubes: Float[Array, "point param"] | Float[np.ndarray, "point param"]) -> Height:
        """The surface at many places, one after the other in one program compiled once, with numpy leaves."""
        rows = np.asarray(cubes, jnp.result_type(float))
        found = [self._some(rows[first : first + CHUNK]) for first in range(0, max(len(rows), 1), CHUNK)]
        return jax.tree.map(lambda *leaves: np.concatenate(leaves), *found)

    def canonical(self, cubes: Float[np.ndarray, "point param"]) -> Float[np.ndarray, "point param"]:
        """The places with exchangeable parameters in canonical order."""
        if not self.exchangeable or not len(cubes):
            return cubes
        spare = np.repeat(cubes[-1:], -len(cubes) % ORDERED, 0)
        parts = np.concatenate([cubes, spare]).reshape(-1, ORDERED, self.size)
        ordered = np.concatenate([self._ordering(jnp.asarray(part)) for part in parts])
        return ordered[: len(cubes)].astype(cubes.dtype)

    def allowed(self, cubes: Float[np.ndarray, "point param"]) -> Float[np.ndarray, "point param"]:
        """The places moved as little as needed to meet bounds and known constraints."""
        wished = np.clip(cubes, 0.0, 1.0)
        if self.admitted is _same:
            return wished
        return np.asarray(self._admitting(jnp.asarray(wished, jnp.result_type(float))), wished.dtype)

    def known_excess(self, cubes: Float[np.ndarray, "point param"]) -> Float[np.ndarray, "point"]:
        """The excess of the worst known constraint alone at many places [scales]."""
        return np.asarray(self._knowing(jnp.asarray(cubes, jnp.result_type(float))), float)

    def _some(self, cubes: np.ndarray) -> Height:
        buffer = np.zeros((CHUNK, self.size), cubes.dtype)
        buffer[: len(cubes)] = cubes
        return jax.tree.map(lambda leaf: np.asarray(leaf)[: len(cubes)], self._one_by_one(buffer, len(cubes)))

    @cached_property
    def _one_by_one(self) -> Callable[[Any, int], Height]:
        def measured(cubes: Array, count: Any) -> Height:
            shape = jax.eval_shape(self.height, cubes[0])
            blank = jax.tree.map(lambda leaf: jnp.zeros((CHUNK, *leaf.shape), leaf.dtype), shape)
            at = lambda i, rows: jax.tree.map(lambda row, leaf: row.at[i].set(leaf), rows, self.height(cubes[i]))
            return jax.lax.fori_loop(0, count, at, blank)

        return jax.jit(measured)

    @cached_property
    def _admitting(self) -> Callable[[Array], Array]:
        return jax.jit(lambda cubes: jax.lax.map(self.admitted, cubes))

    @cached_property
    def _knowing(self) -> Callable[[Array], Array]:
        return jax.jit(lambda cubes: jax.lax.map(self.known, cubes))

    @cached_property
    def _ordering(self) -> Callable[[Array], Array]:
        return jax.jit(jax.vmap(self.ordered))

    def values(self, cubes: Float[np.ndarray, "*point param"]) -> Float[np.ndarray, "*point param"]:
        """The parameters at places of the cube [unit of each parameter]."""
        return self.lower + (self.upper - self.lower) * np.asarray(cubes)

    def cubes(self, values: Float[np.ndarray, "*point param"]) -> Float[np.ndarray, "*point param"]:
        """The places of the cube with given parameters [1]."""
        return (np.asarray(values) - self.lower) / (self.upper - self.lower)


def surface(
    problem: Problem,
    *,
    key: Key[Array, ""],
    events: int | None = None,
    scenarios: int | None = None,
    softness: Softness = None,
) -> Surface:
    """The surface of a problem for the events of one key.

    Args:
        problem: the task; its learned leaves stay those of the start.
        key: decides the events.
        events: per scenario [1]; the problem's own number by default.
        scenarios: of an evaluation [1].
        softness: scale of the relaxations' widths [1], for derivatives; None is the real apparatus.

    Raises:
        LandscapeError: the problem cannot be traced, or has no free parameter.
    """
    space = problem.space
    if not problem.traceable or not space.size:
        raise LandscapeError(
            f"{problem.name!r} has {space.size} free parameters and {'a' if problem.traceable else 'no'} compiled "
            "evaluation; expected both. Of a foreign simulator, the landscape is that of a model fitted to its history."
        )
    partition = problem.partition(problem.events if events is None else events, scenarios)
    start = space.point(problem.start)

    def known(cube: Place) -> Float[Array, ""]:
        rows = [c.excess(c.read(space.design(cube), None, None)).ravel() for c in problem.constraints if c.known]
        return jnp.max(jnp.concatenate([*rows, jnp.full(1, -jnp.inf, cube.dtype)]))

    def height(cube: Place) -> Height:
        point = eqx.tree_at(lambda p: p.cube, start, cube)
        found = problem.measure(point, key=key, partition=partition, softness=softness, gradient=False)
        rows = jnp.append(found.excess.ravel(), known(cube))
        error = jnp.where(jnp.isnan(found.loss_error), 0.0, found.loss_error)
        return Height(found.loss, error, jnp.max(rows))

    scales = np.array([unit_value(entry.unit) for entry in space.entries])
    return Surface(
        height,
        space.names,
        space.lower / scales,
        space.upper / scales,
        tuple(entry.unit for entry in space.entries),
        ordered=(lambda cube: space.cube(space.canonical(space.design(cube)))) if _symmetric(problem.start) else _same,
        admitted=lambda cube: problem.admitted(eqx.tree_at(lambda p: p.cube, start, cube[None]), whole=True).cube[0],
        known=known,
        walled=any(constraint.known for constraint in problem.constraints) and not bool(space.whole.any()),
        measured=bool(problem.goals.constraints),
    )


def _symmetric(design: Design) -> bool:
    """Whether a design, or one inside it, has exchangeable rows."""
    inside = [getattr(design, field.name) for field in dataclasses.fields(design)]
    return bool(design.symmetries) or any(_symmetric(part) for part in inside if isinstance(part, Design))


def analytic(
    loss: Callable[[Place], Float[Array, ""]],
    names: tuple[str, ...],
    bounds: tuple[float, float] = (0.0, 1.0),
    *,
    ordered: Callable[[Place], Place] = _same,
) -> Surface:
    """The surface of a formula, exact and without constraints; the same bounds for every parameter.

    Args:
        loss: of the parameters [1]; traceable.
        names: of the parameters.
        bounds: of each of them.
        ordered: a place of the cube with exchangeable parameters in canonical order.
    """
    lower, upper = (np.full(len(names), each) for each in bounds)
    free = lambda cube: loss(lower + (upper - lower) * cube)
    height = lambda cube: Height(free(cube), jnp.zeros_like(cube[0]), jnp.full_like(cube[0], -jnp.inf))
    return Surface(height, names, lower, upper, ordered=ordered, measured=False)
