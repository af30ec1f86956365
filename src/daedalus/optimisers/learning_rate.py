"""Learning rates: steps for the gradient methods in the parameters' own units, found by trying them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from daedalus.core import Derivative, Design, Point, Problem, Space
from daedalus.errors import OptimiserError
from daedalus.optimisers.descent import projected
from daedalus.units import unit as unit_value

TRIALS = 12  # steps that are tried: half of the range, a quarter, ...
REPEATS = 4  # sets of random numbers they are tried on
QUARTER = 0.25  # share of the best step that is suggested: a search has to turn on its way [1]
UNKNOWN = 0.02  # step where nothing certain was found [share of the range]
CERTAIN = 2.0  # standard errors


@dataclasses.dataclass(frozen=True)
class SuggestedSteps(Mapping[str, float]):
    """Steps by field name, as ``Adam(steps=...)`` takes them [house units], with a reason for each; prints as both."""

    steps: Mapping[str, float]
    reasons: Mapping[str, str]

    def __getitem__(self, name: str) -> float:
        return self.steps[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)

    def __str__(self) -> str:
        return "\n".join(f"{name}: {self.reasons[name]}" for name in self.steps)


@dataclasses.dataclass(frozen=True)
class Field:
    """All free elements of one field of a design."""

    name: str
    unit: str
    member: np.ndarray  # which parameters belong to it
    range: float  # the largest of its elements [house units]

    def step(self, number: float) -> str:
        """A step in the field's unit."""
        return f"{number / unit_value(self.unit):.3g} {self.unit}".removesuffix(" 1")


def suggested_steps(
    problem: Problem,
    *,
    key: Key[Array, ""],
    events: int | None = None,
    scenarios: int | None = None,
    start: Design | None = None,
    softness: float = 1.0,
    share: float = QUARTER,
) -> SuggestedSteps:
    """Steps for every field of a design, for ``Adam(steps=...)`` or any other gradient method.

    A range test (Smith, WACV 2017, section 3.3) per field: from the start the field alone is moved against the signs
    of its derivatives, by steps that halve from half of its range on. All steps see the same random numbers, so that
    the loss's falls are certain long before the losses are; the test is repeated on other ones for their errors. The
    suggestion is a share of the step with the deepest fall. It costs 4 gradients and 48 losses a field.

    Args:
        problem: the task.
        key: decides every random number.
        events: particles per scenario [1]; the problem's own number by default.
        scenarios: scenarios per evaluation [1]; the problem's own number by default.
        start: where the search will begin; the problem's start by default.
        softness: scale of the relaxations' widths [1].
        share: of the step with the deepest fall that is suggested [1].

    Raises:
        OptimiserError: the problem has no derivative, or the share is not positive.
    """
    if Derivative.NONE in problem.derivative or not share > 0:
        raise OptimiserError(
            f"steps for {problem.name!r} with share {share}: expected a problem whose stages all have a derivative, "
            "and a positive share. Methods without gradients need no steps."
        )
    space, design = problem.space, problem.start if start is None else start
    counts = {"events": problem.events if events is None else events, "scenarios": scenarios, "softness": softness}
    keys = [jax.random.fold_in(key, number) for number in range(REPEATS)]
    measured = [problem.evaluate(design, key=one, gradient=True, **counts) for one in keys]
    slopes = np.stack([np.asarray(evaluation.gradient.value.cube) for evaluation in measured])  # pyright: ignore
    cube, mean, error = np.asarray(space.cube(design)), slopes.mean(0), slopes.std(0, ddof=1) / REPEATS**0.5
    certain = np.where(np.abs(mean) > CERTAIN * error, mean, 0.0)
    descent = -np.sign(np.asarray(projected(jnp.asarray(certain), jnp.asarray(cube))))
    fields = _fields(space)
    trials = [np.clip(cube + _moves(field, descent, space), 0.0, 1.0) for field in fields]
    loss = _loss(problem, space.point(design), counts)
    rows = np.stack([loss(np.concatenate(trials), one) for one in keys])
    falls = np.array([[float(evaluation.loss)] for evaluation in measured]) - rows
    parts = np.split(falls, len(fields), axis=1)
    found = {field.name: _suggestion(field, part, share) for field, part in zip(fields, parts, strict=True)}
    return SuggestedSteps(
        {name: step for name, (step, _) in found.items()}, {n: text for n, (_, text) in found.items()}
    )


def _fields(space: Space) -> list[Field]:
    names = np.array([name.split("[")[0] for name in space.names])
    span = space.upper - space.lower
    units = {name.split("[")[0]: entry.unit for name, entry in zip(space.names, space.entries, strict=True)}
    return [Field(name, unit, names == name, float(span[names == name].max())) for name, unit in units.items()]


def _steps(field: Field) -> Float[np.ndarray, "trial"]:
    """The steps that are tried [house units]."""
    return field.range * 0.5 ** np.arange(1, TRIALS + 1)


def _moves(field: Field, descent: Float[np.ndarray, "param"], space: Space) -> Float[np.ndarray, "trial param"]:
    """The moves of one field [share of range]."""
    return _steps(field)[:, None] * np.where(field.member, descent, 0.0) / (space.upper - space.lower)


def _suggestion(field: Field, falls: Float[np.ndarray, "repeat trial"], share: float) -> tuple[float, str]:
    """A step [house units] and why."""
    mean, error = falls.mean(0), falls.std(0, ddof=1) / REPEATS**0.5
    sure = np.where(np.isfinite(mean), mean - CERTAIN * error, -np.inf)
    best, steps = int(np.argmax(np.where(np.isfinite(mean) & (sure > 0), mean, -np.inf))), _steps(field)
    if not sure[best] > 0:
        step = UNKNOWN * field.range
        return step, f"{field.step(step)}, a share of {UNKNOWN} of the range: no step makes the loss fall for certain"
    fall = f"{mean[best]:.3g} +- {error[best]:.1g}"
    step, most = share * float(steps[best]), field.step(steps[best])
    return step, f"{field.step(step)}, {share:g} of {most}, which lowers the loss most: by {fall}"


def _loss(problem: Problem, point: Point, counts: dict) -> Callable[..., Float[np.ndarray, "trial"]]:
    """The losses of places in the cube on the random numbers of a key, known constraints met."""
    if not problem.traceable:
        design = lambda cube: problem.space.design(Point(jnp.asarray(cube), point.learned))
        return lambda cubes, key: np.array([float(problem.evaluate(design(c), key=key, **counts).loss) for c in cubes])
    partition = problem.partition(counts["events"], counts["scenarios"])

    @eqx.filter_jit
    def run(cubes: Array, key: Array) -> Array:
        points = problem.admitted(Point(cubes, jax.tree.map(lambda leaf: leaf[None], point.learned)), whole=False)
        softness = jnp.asarray(counts["softness"])
        one = lambda cube: problem.measure(
            Point(cube, point.learned), key=key, partition=partition, softness=softness, gradient=False
        )
        return jax.lax.map(lambda cube: one(cube).loss, points.cube)

    return lambda cubes, key: np.asarray(run(jnp.asarray(cubes), key))
