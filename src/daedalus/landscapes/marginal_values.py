"""Marginal values: what one more unit of cost buys of performance, along a front and at one design."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from daedalus.core import Design, Partition, Point, Problem, scoring_key
from daedalus.landscapes.comparison import KEYS, LOSS
from daedalus.landscapes.errors import LandscapeError
from daedalus.landscapes.trade_offs import Front
from daedalus.units import unit as unit_value

AT_BOUND = 1e-6  # of the cube: a parameter this near to a bound does not move [1]


@dataclasses.dataclass(frozen=True, eq=False)
class MarginalValues:
    """d performance / d cost at the points of a front, in the order of their cost."""

    cost: Float[np.ndarray, "point"]  # [unit of the cost]
    value: Float[np.ndarray, "point"]  # [unit of the performance / unit of the cost]
    error: Float[np.ndarray, "point"]  # standard error of the measurement; what a search left undone is not in it
    unit: str  # in words: a performance without a unit counts as 1


def marginal_values(front: Front) -> MarginalValues:
    """The slope of a front of performance and cost at each of its points, from paired measurements.

    That of the parabola through a point and its two neighbours, or through the last three at the ends: exact for
    parabolas at any spacing. Errors by leaving out one key at a time, so that what common random numbers share cancels;
    they know nothing of a search that has not converged.

    Raises:
        LandscapeError: not two figures, fewer than three points, or two of them at the same cost.
    """
    samples = front.samples
    if len(front.aims) != 2 or len(front) < 3:
        raise LandscapeError(f"{len(front)} points of {len(front.aims)} figures; expected three or more, of two.")
    order = np.argsort(np.mean(samples, 0)[:, 1], kind="stable")
    samples, keys = samples[:, order], len(samples)
    mean = np.mean(samples, 0)
    if np.any(np.diff(mean[:, 1]) <= 0):
        raise LandscapeError(
            "two points of the front have the same cost; expected different ones. A budget that nobody can use makes "
            "such points: `BudgetScan.front` is without them."
        )
    without = (keys * mean - samples) / (keys - 1)
    replicas = np.array([_slopes(*one.T[::-1]) for one in without])
    error = np.sqrt((keys - 1) * np.var(replicas, 0))
    unit = f"{front.aims[0].unit} / {front.aims[1].unit}"
    return MarginalValues(mean[:, 1], _slopes(mean[:, 1], mean[:, 0]), error, unit)


@dataclasses.dataclass(frozen=True)
class Multiplier:
    """What the gradients of performance and cost say at one design of the marginal value."""

    value: float  # d performance / d cost [unit of the performance / unit of the cost]
    error: float  # its standard error
    residual: float  # share of the performance's slope that is not along that of the cost: 0 at an optimum [1]


def multiplier(
    problem: Problem,
    design: Design,
    performance: str,
    cost: str,
    *,
    key: Key[Array, ""],
    softness: float | None = None,
    keys: int = KEYS,
    events: int | None = None,
    scenarios: int | None = None,
) -> Multiplier:
    """The marginal value of money at a design that is optimal within its budget.

    There the slopes of performance and cost are parallel, and their ratio, the Lagrange multiplier but for its sign,
    is the derivative of the best performance by the budget (Nocedal and Wright, Numerical Optimization (2006), section
    12.9). By least squares over the parameters that are not at a bound, in units of their ranges; elsewhere than at an
    optimum the residual says so.

    Args:
        problem: the task.
        design: optimal at its cost.
        performance: a figure by name, or "loss".
        cost: a figure by name.
        key: decides the fresh events.
        softness: scale of the relaxations' widths [1]; None where the real apparatus has a derivative.
        keys: sets of events [1]; each costs two gradients.
        events: per scenario [1]; the problem's own number by default.
        scenarios: of an evaluation [1].

    Raises:
        LandscapeError: no compiled evaluation, an unknown figure or twice the same, a cost that nothing changes, a
            slope that is not finite, or fewer than two keys.
    """
    units = {LOSS: 1.0} | {figure.name: unit_value(figure.unit) for figure in problem.figures}
    if not problem.traceable or performance == cost or not {performance, cost} <= units.keys() or keys < 2:
        raise LandscapeError(
            f"{performance!r} by {cost!r} of {problem.name!r} with {keys} keys; expected two of {', '.join(units)}, "
            "two keys or more, and a compiled evaluation."
        )
    partition = problem.partition(problem.events if events is None else events, scenarios)
    point, scales = problem.space.point(design), {name: units[name] for name in (performance, cost)}
    slope = _derivative(problem, point, scales, partition, softness)
    slopes = np.array([slope(point.cube, scoring_key(key, number)) for number in range(keys)])
    inside = np.abs(np.asarray(point.cube) - 0.5) < 0.5 - AT_BOUND
    mean = np.mean(slopes, 0)[:, inside]
    if not np.all(np.isfinite(mean)) or not np.any(mean[1]):
        raise LandscapeError(
            f"the slope of {cost!r} at the design is zero or not finite; expected one. Metrics of the real apparatus "
            "only have none with a softness, and hard edges none without."
        )
    ratio = lambda pair: pair[0] @ pair[1] / (pair[1] @ pair[1])
    replicas = [ratio((keys * mean - one[:, inside]) / (keys - 1)) for one in slopes]
    error, value = np.sqrt((keys - 1) * np.var(replicas)), ratio(mean)
    size = np.linalg.norm(mean[0])
    residual = np.linalg.norm(mean[0] - value * mean[1]) / size if size > 0 else 0.0
    return Multiplier(float(value), float(error), float(residual))


def _derivative(
    problem: Problem, point: Point, units: Mapping[str, float], partition: Partition, softness: float | None
) -> Callable[[Array, Array], Array]:
    """The derivatives of figures, each in its unit, by the place in the cube, as a function of place and key."""

    def figures(cube: Array, key: Array) -> Array:
        here = dataclasses.replace(point, cube=cube)
        found = problem.measure(here, key=key, partition=partition, softness=softness, gradient=False)
        values = {**found.values, LOSS: found.loss}
        return jnp.stack([values[name] / unit for name, unit in units.items()])

    return jax.jit(jax.jacrev(figures))


def _slopes(x: Float[np.ndarray, "point"], y: Float[np.ndarray, "point"]) -> Float[np.ndarray, "point"]:
    """The slopes at x of parabolas through three neighbouring points (divided differences)."""
    first = np.diff(y) / np.diff(x)
    second = np.diff(first) / (x[2:] - x[:-2])
    middle = first[:-1] + second * np.diff(x)[:-1]
    start, end = first[0] - second[0] * (x[1] - x[0]), first[-1] + second[-1] * (x[-1] - x[-2])
    return np.concatenate([[start], middle, [end]])
