"""The check of a problem's gradient: its value against finite differences, its bias, its spread."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, PyTree

from daedalus.core import Derivative, Design, Partition, Point, Problem, Space
from daedalus.errors import DesignError
from daedalus.testing.report import require
from daedalus.units import unit

_STEPS = {
    "float64": (2e-5, 1e-6),
    "float32": (2e-2, 5e-2),
}  # [share of range]; step of differences, tolerance
_DIRECTIONS = 3  # random ones, along which the derivative by learned leaves is compared
LEARNED = "learned"  # the name that stands for the learned leaves
_SMALL = 1e-3  # [1]; derivatives below this share of the largest are compared with that share


@dataclasses.dataclass(frozen=True, eq=False)
class GradientReport:
    """A gradient compared with finite differences, per parameter; derivatives are of the machine's loss.

    The bias is the relaxed gradient minus finite differences of the real apparatus (NaN where not asked for).
    """

    names: tuple[str, ...]
    units: tuple[str, ...]  # the parameters'; derivatives are per unit
    derivative: np.ndarray  # by automatic differentiation
    difference: np.ndarray  # by finite differences of the same function, with the same random numbers
    relative: np.ndarray  # |derivative - difference| / size [1]
    spread: np.ndarray  # standard deviation over independent keys
    bias: np.ndarray  # mean over keys
    bias_error: np.ndarray  # standard error of the bias

    def __str__(self) -> str:
        head = f"{'parameter':24s} {'derivative':>13s} {'difference':>13s} {'relative':>9s}"
        head += f" {'spread':>10s} {'bias':>22s}"
        numbers = (self.derivative, self.difference, self.relative, self.spread, self.bias, self.bias_error)
        rows = []
        for name, per, *row in zip(self.names, self.units, *numbers, strict=True):
            bias = "" if np.isnan(row[4]) else f"{row[4]:+.3g} +- {row[5]:.2g}"
            label = f"{name} [1/{per}]"
            rows.append(f"{label:24s} {row[0]:13.6g} {row[1]:13.6g} {row[2]:9.1e} {row[3]:10.3g} {bias:>22s}")
        worst = max(self.relative, default=0.0)
        along = sum(name.startswith(LEARNED) for name in self.names)
        learned = f" and learned leaves along {along} directions" if along else ""
        title = f"gradient by {len(self.names) - along} parameters{learned}: within {worst:.1e} of finite differences"
        return "\n".join([title, head, *rows])


def check_gradient(
    problem: Problem,
    design: Design | None = None,
    *,
    key: Key[Array, ""],
    events: int,
    scenarios: int | None = None,
    softness: float = 1.0,
    names: Sequence[str] = (),
    keys: int = 4,
    real: bool = False,
    real_step: float = 0.02,
    tolerance: float | None = None,
) -> GradientReport:
    """Compares a problem's gradient with finite differences of the same smooth function and random numbers.

    Differences are central and of fourth order, in the unit cube; the design is moved inside the bounds by two steps.
    Learned leaves are moved together, along a few random directions, in units of their own size. Where differences are
    off, in float64, a tenth and a hundredth of the step are tried, for a function of few events may bend sharply within
    a step: a right derivative then agrees, a wrong one does not. Where a stage is noisy (score function) the value of
    one key is not held against it.

    Args:
        problem: the task.
        design: where; the problem's start by default.
        key: decides all random numbers.
        events: particles per scenario [1].
        scenarios: scenarios of an evaluation [1].
        softness: scale of the relaxations' widths [1].
        names: parameters to compare, "z" for all z[...], "learned" for the learned leaves; all by default.
        keys: independent evaluations for the spread, and for the bias [1].
        real: also measure the bias against finite differences of the real apparatus.
        real_step: step of these differences [share of range].
        tolerance: largest relative difference [1]; 1e-6 in float64, 0.05 in float32 by default.

    Raises:
        ConformanceError: the gradient is not finite, or differs by more than the tolerance.
        DesignError: an unknown parameter.
    """
    space = problem.space
    partition = problem.partition(events, scenarios)
    point = space.point(problem.start if design is None else design)
    step, allowed = _STEPS[str(point.cube.dtype)]
    point = Point(jnp.clip(point.cube, 2 * step, 1 - 2 * step), point.learned)
    directions = _directions(point, jax.random.fold_in(key, 0))
    chosen = _chosen(problem, names)
    slopes = _slopes(problem, point, directions, _keys(key, keys), partition=partition, softness=softness)
    limit = allowed if tolerance is None else tolerance
    finer = (step / 10, step / 100) if point.cube.dtype == np.float64 else ()
    moved = _moved(_loss(problem, partition, softness), point, directions)  # compiled once for all steps
    difference = _refined(partial(_fourth_order, moved, key), chosen, slopes[0], (step, *finer), limit)
    bias = np.full(len(chosen), np.nan), np.full(len(chosen), np.nan)
    if real:
        apparatus = partial(_moved, _loss(problem, partition, None), directions=directions)
        bias = _bias(apparatus, point, _keys(key, keys), slopes=slopes, chosen=chosen, step=real_step)
    report = _report(space, chosen, slopes, difference, bias)
    flags = problem.pipeline(space.design(point), key=key, softness=softness).derivative
    if not flags & (Derivative.NOISY | Derivative.NONE):
        _hold(report, limit)
    return report


def _report(
    space: Space, chosen: list[int], slopes: np.ndarray, difference: np.ndarray, bias: tuple[np.ndarray, np.ndarray]
) -> GradientReport:
    """The comparison per unit of each parameter instead of per range; learned leaves come last."""
    derivative, along = slopes[0][chosen], range(slopes.shape[1] - space.size)
    names = [*space.names, *(f"{LEARNED}, direction {number}" for number in along)]
    units = [*(entry.unit for entry in space.entries), *("1" for _ in along)]
    spans = np.append(space.upper - space.lower, np.ones(len(along)))
    scale = spans[chosen] / np.array([unit(units[i]) for i in chosen])
    spread = np.std(slopes, 0, ddof=1)[chosen] if len(slopes) > 1 else np.full(len(chosen), np.nan)
    return GradientReport(
        tuple(names[i] for i in chosen),
        tuple(units[i] for i in chosen),
        derivative / scale,
        difference / scale,
        _relative(derivative, difference),
        spread / scale,
        bias[0] / scale,
        bias[1] / scale,
    )


def _refined(
    at: Callable[[list[int], float], np.ndarray],
    chosen: list[int],
    slope: np.ndarray,
    steps: tuple[float, ...],
    limit: float,
) -> np.ndarray:
    """Differences ``at(parameters, step)`` of the first step; of finer ones where these come nearer to the slope."""
    derivative, difference = slope[chosen], at(chosen, steps[0])
    for finer in steps[1:]:
        off = np.flatnonzero(_relative(derivative, difference) > limit)
        again = at([chosen[i] for i in off], finer)
        nearer = np.abs(again - derivative[off]) < np.abs(difference[off] - derivative[off])
        difference[off] = np.where(nearer, again, difference[off])
    return difference


def _relative(derivative: np.ndarray, difference: np.ndarray) -> np.ndarray:
    """Relative deviations [1]; small differences count as no smaller than a share of the largest."""
    floor = _SMALL * max(float(np.max(np.abs(difference), initial=0.0)), 1e-12)
    return np.abs(derivative - difference) / np.maximum(np.abs(difference), floor)


def _hold(report: GradientReport, limit: float) -> None:
    """Complains of the parameter whose derivative is farthest off."""
    worst = report.names[int(np.argmax(report.relative))] if report.names else ""
    require(
        np.all(report.relative <= limit),
        f"the derivative by {worst} is off:\n{report}",
        f"agreement with finite differences to {limit:g}",
        "Look at the stages that parameter enters.",
    )


def _chosen(problem: Problem, names: Sequence[str]) -> list[int]:
    """The numbers of the free parameters that are compared, and behind them those of the directions."""
    known = problem.space.names
    for name in names:
        if name != LEARNED and not any(_is_part(entry, name) for entry in known):
            raise DesignError(f"no free parameter is called {name!r}; expected one of {', '.join(known)}.")
    chosen = [i for i, entry in enumerate(known) if not names or any(_is_part(entry, name) for name in names)]
    wanted = problem.space.learned_size and (not names or LEARNED in names)
    along = range(len(known), len(known) + (_DIRECTIONS if wanted else 0))
    # straight through whole numbers nothing is held exact
    return [*(i for i in chosen if not problem.space.whole[i]), *along]


def _is_part(entry: str, name: str) -> bool:
    return entry == name or entry.startswith((name + "[", name + "."))


def _loss(problem: Problem, partition: Partition, softness: float | None) -> Callable[[Point, Key[Array, ""]], Array]:
    return lambda point, key: (
        problem.measure(point, key=key, partition=partition, softness=softness, gradient=False).loss
    )


def _directions(point: Point, key: Key[Array, ""]) -> PyTree:
    """Random directions of the learned leaves, axis of the directions first; every leaf is moved by about its size."""
    leaves, structure = jax.tree.flatten(point.learned)
    size = lambda leaf: jnp.where(jnp.any(leaf != 0), jnp.sqrt(jnp.mean(leaf**2)), 1.0).astype(leaf.dtype)
    draw = lambda n, leaf: jax.random.normal(jax.random.fold_in(key, n), (_DIRECTIONS, *leaf.shape), leaf.dtype)
    return jax.tree.unflatten(structure, [size(leaf) * draw(n, leaf) for n, leaf in enumerate(leaves)])


def _slopes(
    problem: Problem,
    point: Point,
    directions: PyTree,
    keys: list[Key[Array, ""]],
    *,
    partition: Partition,
    softness: float,
) -> np.ndarray:
    """Gradients in the cube, then along the directions, for several keys, shape (key, param and direction)."""

    @eqx.filter_jit
    def slope(each: Key[Array, ""]) -> Array:
        found = problem.measure(point, key=each, partition=partition, softness=softness, gradient=True).gradient
        assert found is not None
        pairs = zip(jax.tree.leaves(directions), jax.tree.leaves(found.value.learned), strict=True)
        along = [jnp.tensordot(direction, leaf, leaf.ndim) for direction, leaf in pairs]
        return jnp.append(found.value.cube, sum(along)) if along else found.value.cube

    found = np.stack([np.asarray(slope(each)) for each in keys])
    remedy = "daedalus.search.first_non_finite names the stage."
    require(np.isfinite(found).all(), "the gradient is not finite", "finite numbers", remedy)
    return found


def _keys(key: Key[Array, ""], count: int) -> list[Key[Array, ""]]:
    return [key, *(jax.random.fold_in(key, number) for number in range(1, count))]


def _moved(loss: Callable[[Point, Key[Array, ""]], Array], point: Point, directions: PyTree) -> Callable[..., Array]:
    """A compiled function (number of a parameter, key, steps [share of range]) -> the loss after each step.

    Numbers beyond those of the parameters are of directions.
    """
    size = point.cube.shape[0]

    def shifted(number: Array, step: Array) -> Point:
        share = lambda first, count: jnp.where(first + jnp.arange(count) == number, step, 0.0)
        along = lambda leaf, each: leaf + jnp.tensordot(share(size, _DIRECTIONS).astype(leaf.dtype), each, 1)
        return Point(point.cube + share(0, size), jax.tree.map(along, point.learned, directions))

    @eqx.filter_jit
    def moved(number: Array, key: Key[Array, ""], steps: Array) -> Array:
        at = lambda step: loss(shifted(number, step), key)
        return jnp.stack([at(step) for step in steps]) if len(steps) < 3 else jax.lax.map(at, steps)

    return moved


def _differences(
    moved: Callable[..., Array], key: Key[Array, ""], chosen: list[int], steps: tuple[float, ...]
) -> Float[Array, "chosen step"]:
    """The loss with one parameter at a time moved by the given steps [share of range]."""
    found = [moved(jnp.asarray(i), key, jnp.asarray(steps)) for i in chosen]
    return jnp.stack(found) if found else jnp.zeros((0, len(steps)))


def _fourth_order(moved: Callable[..., Array], key: Key[Array, ""], chosen: list[int], step: float) -> np.ndarray:
    """Central differences of fourth order by one parameter at a time [per range]."""
    found = _differences(moved, key, chosen, (-2 * step, -step, step, 2 * step))
    return np.array(found @ np.array([1, -8, 8, -1]) / (12 * step))


def _bias(
    moved_from: Callable[[Point], Callable[..., Array]],
    point: Point,
    keys: list[Key[Array, ""]],
    *,
    slopes: np.ndarray,
    chosen: list[int],
    step: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard error, over keys, of the relaxed gradient minus differences of the real apparatus."""
    real = moved_from(Point(jnp.clip(point.cube, step, 1 - step), point.learned))
    rows = []
    for each in keys:
        behind, ahead = np.asarray(_differences(real, each, chosen, (-step, step))).T
        rows.append((ahead - behind) / (2 * step))
    off = slopes[:, chosen] - np.stack(rows)
    return np.mean(off, 0), np.std(off, 0, ddof=1) / np.sqrt(len(off)) if len(off) > 1 else np.full(len(chosen), np.nan)
