"""All checks of one problem, for the command line and for anybody's study."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from daedalus.core import Derivative, Point, Problem, Stage, stage_key
from daedalus.events import Events, blank_events
from daedalus.testing.gradients import LEARNED, check_gradient
from daedalus.testing.objectives import check_objective
from daedalus.testing.problems import check_problem
from daedalus.testing.spaces import check_space
from daedalus.testing.stages import check_stage

_EVENTS = 61  # prime, so that no other axis of a record is as long
_COMPARED = 6  # parameters whose derivative is compared with finite differences


class Verdict(NamedTuple):
    """The outcome of one check: its name, whether it passed, and its report or its complaint."""

    name: str
    ok: bool
    text: str


def conformance(problem: Problem, *, key: Key[Array, ""] | None = None, events: int = _EVENTS) -> list[Verdict]:
    """The outcome of every check that applies to a problem: space, stages, figures, evaluation, gradient.

    Args:
        problem: the task.
        key: decides all random numbers.
        events: particles per scenario [1].
    """
    seed = jax.random.key(0) if key is None else key
    return [_verdict(name, check) for name, check in _checks(problem, seed, events)]


def _verdict(name: str, check: Callable[[], object]) -> Verdict:
    try:
        return Verdict(name, True, str(check()))
    except Exception as cause:  # whatever goes wrong in somebody's problem is the answer
        return Verdict(name, False, f"{type(cause).__name__}: {cause}")


def _checks(problem: Problem, key: Key[Array, ""], events: int) -> Iterator[tuple[str, Callable[[], object]]]:
    yield "space", lambda: check_space(problem.space)
    if not problem.traceable:
        yield "problem", lambda: check_problem(problem, key=key, events=events)
        return
    chain = problem.pipeline(problem.start, key=key)
    record = blank_events(jnp.arange(events, dtype=jnp.uint32))
    for number, stage in enumerate(chain.stages):
        yield f"stage {stage.name}", _stage_check(problem, number, record, key)
        try:
            record = stage(record, key=stage_key(key, stage.name))
        except Exception:  # the check has already said why; what comes after has no input
            break
    scenarios = max(problem.scenarios.count, 2) if problem.scenarios.random else problem.scenarios.count
    partition = problem.partition(events, min(scenarios, 4))
    for figure in problem.figures:
        yield (
            f"figure {figure.name}",
            lambda figure=figure: check_objective(
                figure,
                problem.start,
                *problem.summaries(problem.space.point(problem.start), key=key, partition=partition),
            ),
        )
    yield "problem", lambda: check_problem(problem, key=key, events=events, scenarios=partition.scenarios)
    soft = problem.pipeline(problem.start, key=key, softness=1.0)
    if Derivative.NONE not in soft.derivative:
        names = (*problem.space.names[:: max(problem.space.size // _COMPARED, 1)], LEARNED)
        yield (
            "gradient",
            lambda: check_gradient(problem, key=key, events=events, scenarios=partition.scenarios, names=names, keys=2),
        )


def _stage_check(problem: Problem, number: int, record: Events, key: Key[Array, ""]) -> Callable[[], object]:
    """The check of one stage of a problem, its derivative taken by the design's parameters."""
    start = problem.space.point(problem.start)

    def build(cube: Float[Array, "param"]) -> Stage:
        inside = jnp.where(problem.space.whole, start.cube, cube)  # whole numbers have no differences
        return problem.pipeline(problem.space.design(Point(inside, start.learned)), key=key).stages[number]

    def check() -> object:
        stage = build(start.cube)
        return check_stage(stage, record, key=stage_key(key, stage.name), build=build, at=start.cube)

    return check
