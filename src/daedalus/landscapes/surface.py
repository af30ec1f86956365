"""Surfaces: the loss over the free parameters, a plain function that can be compiled, mapped and differentiated."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cached_property

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from daedalus.core import Problem
from daedalus.core.problem import Softness
from daedalus.landscapes.errors import LandscapeError
from daedalus.units import unit as unit_value

Place = Float[Array, "param"]


class Height(eqx.Module):
    """What a surface says of one place."""

    loss: Float[Array, "*point"]  # what is minimised [1]
    error: Float[Array, "*point"]  # its standard error, zero where the loss is exact [1]
    excess: Float[Array, "*point"]  # beyond the worst constraint [scales]; not above zero where all are met


def _same(cube: Place) -> Place:
    return cube


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

    def loss(self, cube: Place) -> Float[Array, ""]:
        """The loss at a place [1]; traceable."""
        return self.height(cube).loss

    def heights(self, cubes: Float[Array, "point param"] | Float[np.ndarray, "point param"]) -> Height:
        """The surface at many places, one after the other in one compiled program, with numpy leaves."""
        found = self._one_by_one(jnp.asarray(cubes, jnp.result_type(float)))
        return jax.tree.map(np.asarray, found)

    @cached_property
    def _one_by_one(self) -> Callable[[Array], Height]:
        return jax.jit(lambda cubes: jax.lax.map(self.height, cubes))

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

    def height(cube: Place) -> Height:
        point = eqx.tree_at(lambda p: p.cube, start, cube)
        found = problem.measure(point, key=key, partition=partition, softness=softness, gradient=False)
        known = [c.excess(c.read(space.design(cube), None, None)).ravel() for c in problem.constraints if c.known]
        rows = jnp.concatenate([found.excess.ravel(), *known, jnp.full(1, -jnp.inf, cube.dtype)])
        error = jnp.where(jnp.isnan(found.loss_error), 0.0, found.loss_error)
        return Height(found.loss, error, jnp.max(rows))

    scales = np.array([unit_value(entry.unit) for entry in space.entries])
    return Surface(
        height,
        space.names,
        space.lower / scales,
        space.upper / scales,
        tuple(entry.unit for entry in space.entries),
        ordered=lambda cube: space.cube(space.canonical(space.design(cube))),
        admitted=lambda cube: problem.admitted(eqx.tree_at(lambda p: p.cube, start, cube[None]), whole=True).cube[0],
    )


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
    return Surface(height, names, lower, upper, ordered=ordered)
