"""What a problem is like, measured: how long an evaluation takes, how noisy it is, what its derivative is worth."""

from __future__ import annotations

import dataclasses
import math
import time
from collections import Counter

import jax
import numpy as np
from jaxtyping import Array, Key

from daedalus.core import Derivative, Design, Problem
from daedalus.search.derivatives import Verdict, check_derivatives

LOOKED_AT = 6  # parameters whose derivative is compared with differences
PLACES = 4  # designs besides the start that tell how much the loss varies
KEYS = 4


@dataclasses.dataclass(frozen=True)
class Findings:
    """What a few evaluations tell about a problem."""

    gradients: str  # "exact", "noisy", "biased", "wrong" or "none"
    noise: float  # standard error of the loss over its variation between designs [1]
    seconds: float  # of one evaluation [s]; 0 for a foreign simulator, which is not called
    gradient_seconds: float  # of one with its gradient [s]; nan where there is none
    verdicts: dict[str, int]  # of the derivatives that were compared


def findings(
    problem: Problem, *, key: Key[Array, ""], events: int | None = None, scenarios: int | None = None
) -> Findings:
    """What a problem is like; costs some tens of evaluations, and none of a foreign simulator.

    Args:
        problem: the task.
        key: decides all random numbers.
        events: particles per scenario [1].
        scenarios: scenarios of an evaluation [1].
    """
    flags = problem.derivative
    if not problem.traceable:
        return Findings("none" if Derivative.NONE in flags else "exact", 0.0, 0.0, math.nan, {})
    evaluate = lambda design, **how: problem.evaluate(design, key=key, events=events, scenarios=scenarios, **how)
    seconds = _seconds(lambda: evaluate(problem.start).loss)
    places = jax.random.uniform(key, (PLACES, problem.space.size))
    found = [evaluate(design) for design in _designs(problem, places)]
    losses = np.array([float(each.loss) for each in found])
    spread = float(np.std(losses[np.isfinite(losses)]))
    error = float(np.nan_to_num(found[0].loss_error))
    noise = error / max(spread, 1e-30) if error > 0 and problem.space.size else 0.0
    if Derivative.NONE in flags:
        return Findings("none", noise, seconds, math.nan, {})
    gradient_seconds = _seconds(lambda: evaluate(problem.start, softness=1.0, gradient=True).gradient)
    verdicts = _verdicts(problem, key, events, scenarios)
    return Findings(_worth(verdicts, flags), noise, seconds, gradient_seconds, dict(verdicts))


def _designs(problem: Problem, places: Array) -> list[Design]:
    """The start and designs anywhere, as admissible ones."""
    start = problem.space.point(problem.start)
    anywhere = [dataclasses.replace(start, cube=place) for place in places]
    one = lambda point: problem.admitted(jax.tree.map(lambda leaf: leaf[None], point), whole=True)
    moved = [jax.tree.map(lambda leaf: leaf[0], one(point)) for point in anywhere]
    return [problem.start, *(problem.space.design(point) for point in moved)]


def _seconds(run) -> float:
    jax.block_until_ready(run())  # compiles
    began = time.perf_counter()
    jax.block_until_ready(run())
    return time.perf_counter() - began


def _verdicts(problem: Problem, key: Key[Array, ""], events: int | None, scenarios: int | None) -> Counter[str]:
    if problem.space.size == 0:
        return Counter()
    chosen = np.unique(np.linspace(0, problem.space.size - 1, LOOKED_AT).round().astype(int)).tolist()
    rows = check_derivatives(
        problem,
        [problem.space.cube(problem.start)],
        key=key,
        events=problem.events if events is None else events,
        scenarios=scenarios,
        keys=KEYS,
        chosen=chosen,
    )
    return Counter(str(row.verdict) for row in rows)


def _worth(verdicts: Counter[str], flags: Derivative) -> str:
    bad = verdicts[Verdict.WRONG] + verdicts[Verdict.ZERO]
    if 2 * bad > verdicts.total():
        return "wrong"
    if bad or verdicts[Verdict.BIASED]:
        return "biased"
    unclear = 2 * verdicts[Verdict.UNCLEAR] > verdicts.total()
    return "noisy" if Derivative.NOISY in flags or unclear else "exact"
