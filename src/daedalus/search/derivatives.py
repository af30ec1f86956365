"""The gradient of a problem held against finite differences of what it is the gradient of: bias, noise, verdict."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from daedalus.core import Partition, Point, Problem
from daedalus.errors import OptimiserError
from daedalus.search.lost import Loss, lost_at

STEPS = (0.005, 0.02, 0.04)  # [share of range]; of the differences of the real apparatus, the next one tells the error
SMALL_STEP = {"float64": 1e-5, "float32": 5e-3}  # [share of range]; of the differences of the smooth function
SURE = 3.0  # [standard errors]; a difference that counts
CLOSE = 0.05  # [1]; share of a derivative within which two are the same
SLIGHT = 0.005  # [1]; share of the largest derivative below which one does not matter
ABSENT = 0.02  # [1]; share of the true derivative below which there is none
PASSABLE = 3.0  # [1]; a bias within this factor, sign kept, still leads downhill


class Verdict(enum.StrEnum):
    """What a derivative is worth."""

    TRUST = "trust"  # it is the derivative of the expected loss of the real apparatus
    BIASED = "biased"  # it is not, but leads the same way, within a factor of three
    WRONG = "wrong"  # it leads elsewhere, or a derivative that exists was dropped
    ZERO = "zero"  # it vanishes because something jumps
    UNCLEAR = "unclear"  # the errors are too large to tell: more events or keys


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One parameter's derivative at one design; derivatives are of the loss, per range of the parameter."""

    design: int
    name: str
    softness: float  # of the relaxations the derivative was taken through [1]
    derivative: float  # mean over keys
    error: float  # its standard error
    spread: float  # standard deviation of a single key's
    difference: float  # of the same function with the same keys, by small finite differences
    truth: float  # of the real apparatus, by finite differences over a step that averages jumps
    truth_error: float  # standard error and what the curvature makes of the step, in quadrature
    verdict: Verdict
    reason: str

    @property
    def bias(self) -> float:
        """The derivative minus the truth."""
        return self.derivative - self.truth

    @property
    def bias_error(self) -> float:
        """The standard error of the bias."""
        return float(np.hypot(self.error, self.truth_error))

    @property
    def signal_to_noise(self) -> float:
        """The derivative over the standard deviation of a single evaluation's [1]."""
        return abs(self.derivative) / self.spread if self.spread > 0 else float("inf")


def check_derivatives(
    problem: Problem,
    cubes: Sequence[Float[Array, "param"]],
    *,
    key: Key[Array, ""],
    events: int,
    scenarios: int | None = None,
    keys: int = 8,
    softness: Sequence[float] = (1.0,),
    chosen: Sequence[int] | None = None,
) -> list[Comparison]:
    """Every parameter's derivative at several designs, compared with finite differences.

    The truth is the central difference of the real apparatus on common random numbers, averaged over keys, with the
    step whose error is least: a small one where all is smooth, a wide one where jumps of events must average out.
    Verdicts come from these values only, not from what stages say of themselves.

    Args:
        problem: the task; its evaluations can be traced.
        cubes: where; moved inside the bounds by two steps.
        key: decides all random numbers.
        events: particles per scenario [1].
        scenarios: scenarios of an evaluation [1].
        keys: independent evaluations [1]; at least two.
        softness: of the relaxations the derivative is taken through [1].
        chosen: numbers of the free parameters; all by default.

    Raises:
        OptimiserError: the problem's evaluations are a foreign program's, or fewer than two keys.
    """
    if not problem.traceable or keys < 2:
        raise OptimiserError(
            f"cannot check the derivatives of {problem.name!r} with {keys} keys; expected a problem with a pipeline "
            "and at least two keys. Test a foreign program's derivative in its own language."
        )
    measure = _Measure(problem, problem.partition(events, scenarios), jax.random.split(key, keys))
    numbers = list(range(problem.space.size)) if chosen is None else list(chosen)
    found = []
    for number, cube in enumerate(cubes):
        point = Point(jnp.clip(cube, STEPS[-1], 1 - STEPS[-1]), problem.space.point(problem.start).learned)
        truths = [measure.differences(point, numbers, step, None) for step in STEPS]
        for soft in softness:
            found += _compared(problem, measure, point, numbers, truths, soft=soft, design=number)
    return found


class _Measure:
    """Compiled evaluations of a problem, for several keys."""

    def __init__(self, problem: Problem, partition: Partition, keys: Key[Array, "key"]) -> None:
        self.keys = keys

        def loss(point: Point, key: Key[Array, ""], softness: Array | None) -> Array:
            return problem.measure(point, key=key, partition=partition, softness=softness, gradient=False).loss

        def slope(point: Point, key: Key[Array, ""], softness: Array) -> tuple[Array, Array, Array]:
            found = problem.measure(point, key=key, partition=partition, softness=softness, gradient=True)
            assert found.gradient is not None
            return found.gradient.value.cube, found.loss, found.loss_error

        def difference(point: Point, numbers: Array, step: Array, key: Key[Array, ""], softness: Array | None):
            at = lambda i, h: loss(Point(point.cube.at[i].add(h), point.learned), key, softness)
            return jax.lax.map(lambda i: (at(i, step) - at(i, -step)) / (2 * step), numbers)

        self._slope, self._difference = eqx.filter_jit(slope), eqx.filter_jit(difference)

    def differences(
        self, point: Point, numbers: Sequence[int], step: float, softness: float | None
    ) -> Float[np.ndarray, "key param"]:
        """Central differences of the loss, key by key."""
        soft = None if softness is None else jnp.asarray(softness)
        run = lambda key: self._difference(point, jnp.asarray(numbers), jnp.asarray(step), key, soft)
        return np.stack([np.asarray(run(key)) for key in self.keys])

    def slopes(self, point: Point, softness: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Gradients, losses and their errors, key by key."""
        found = [self._slope(point, key, jnp.asarray(softness)) for key in self.keys]
        return tuple(np.stack([np.asarray(each[i]) for each in found]) for i in range(3))  # pyright: ignore


def _compared(
    problem: Problem, measure: _Measure, point: Point, numbers: list[int], truths: list[np.ndarray], *,
    soft: float, design: int,
) -> list[Comparison]:  # fmt: skip
    slopes, losses, loss_errors = measure.slopes(point, soft)
    small = measure.differences(point, numbers, SMALL_STEP[str(point.cube.dtype)], soft)
    frozen = len(set(losses.tolist())) == 1 and bool(np.nanmax(np.append(loss_errors, 0.0)) > 0)
    count = len(measure.keys)
    largest = float(np.max(np.abs(np.mean(truths[1], 0)), initial=0.0))
    rows = []
    for column, number in enumerate(numbers):
        own = slopes[:, number]
        truth, truth_error = _truth([each[:, column] for each in truths])
        numbers_ = {
            "derivative": float(own.mean()),
            "error": float(own.std(ddof=1) / count**0.5),
            "difference": float(small[:, column].mean()),
            "truth": truth,
            "truth_error": truth_error,
        }
        where = lambda i=number: lost_at(problem, point, i, key=measure.keys[0], softness=soft, step=STEPS[1])
        mismatch = float(np.max(np.abs(own - small[:, column])))
        verdict, reason = _verdict(**numbers_, largest=largest, mismatch=mismatch, frozen=frozen, where=where)
        spread = float(own.std(ddof=1))
        rows.append(
            Comparison(
                design, problem.space.names[number], soft, spread=spread, verdict=verdict, reason=reason, **numbers_
            )
        )
    return rows


def _truth(by_step: list[np.ndarray]) -> tuple[float, float]:
    """The difference whose error is least, and that error: statistical, and of the step by Richardson's rule.

    A central difference is off in proportion to the square of its step; the next wider step shows by how much.
    """
    found = []
    for narrow, wide, own, other in zip(STEPS, STEPS[1:], by_step, by_step[1:]):
        curved = (other.mean() - own.mean()) * narrow**2 / (wide**2 - narrow**2)
        error = float(np.hypot(own.std(ddof=1) / len(own) ** 0.5, curved))
        found.append((error, float(own.mean())))
    seen = bool(np.all(by_step[0] != 0))  # a key in which nothing jumps knows no error
    error, value = min(found) if seen else found[-1]
    return value, error


def _verdict(
    *,
    derivative: float,
    error: float,
    difference: float,
    truth: float,
    truth_error: float,
    largest: float,
    mismatch: float,
    frozen: bool,
    where: Callable[[], Loss],
) -> tuple[Verdict, str]:
    """The verdict on one derivative and its reason, from values only."""
    noise = float(np.hypot(error, truth_error))
    close = CLOSE * abs(truth) + SLIGHT * largest
    significant = abs(truth) > SURE * truth_error and abs(truth) > SLIGHT * largest
    if significant and abs(derivative) < ABSENT * abs(truth) and abs(derivative - truth) > SURE * noise:
        lost = where()
        return (Verdict.ZERO if lost.jumps else Verdict.WRONG), lost.text
    if abs(derivative - truth) <= SURE * noise + close:
        if noise > max(0.3 * abs(truth), close, 1e-12):
            return Verdict.UNCLEAR, "errors too large to tell; take more events or keys"
        if frozen and derivative != 0:
            return Verdict.BIASED, "the random numbers are the same for every key"
        return Verdict.TRUST, ""
    if truth * derivative > 0 and 1 / PASSABLE <= derivative / truth <= PASSABLE:
        return Verdict.BIASED, f"{derivative / truth:.2g} times the truth"
    if mismatch > 0.01 * max(abs(difference), abs(derivative)):
        return Verdict.WRONG, f"not the derivative of its own function, whose differences give {difference:.3g}"
    return Verdict.WRONG, "the relaxed apparatus behaves otherwise than the real one"
