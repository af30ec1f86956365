"""Where the time of an evaluation goes, stage by stage."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, PyTree

from daedalus.core import Derivative, Evaluation, Partition, Pipeline, Point, Problem
from daedalus.errors import ProblemError
from daedalus.events import Events

Run = Callable[[Point, Key[Array, ""], Array], PyTree]


@dataclasses.dataclass(frozen=True)
class StageTime:
    """What one part of an evaluation takes."""

    name: str  # the stage's; "pass 1: ..." with the names of its sums; "figures"; "gradient"
    seconds: float  # its own [s]
    cumulative: float  # of the evaluation up to its end [s]
    share: float  # its own over the whole [1]


def stage_times(
    problem: Problem,
    *,
    key: Key[Array, ""],
    events: int,
    scenarios: int | None = None,
    softness: float | None = None,
    repeats: int = 5,
    block: int | None = None,
) -> list[StageTime]:
    """What every stage of the start's evaluation takes, then every pass of sums, the figures, and the gradient.

    Evaluations that end after the first stage, after the second and so on are compiled separately and timed by turns,
    on the events, scenarios, blocks and devices of a whole one; a part's time is the difference of two medians. What
    is compiled in pieces cannot be fused across the cuts, every piece sums up all that its last stage hands on, and the
    first stage bears what a call costs: the shares are leads, not an accounting. A later pass makes the events anew
    where they lie in several blocks or groups, and that is its time. The gradient's part is what an evaluation takes
    longer with it; where a stage has no derivative there is none.

    Args:
        problem: the task; its evaluations can be traced.
        key: decides all random numbers.
        events: particles per scenario [1].
        scenarios: scenarios of an evaluation [1]; the problem's own number by default.
        softness: scale of the relaxations' widths [1]; None is the real apparatus.
        repeats: how often each piece is timed [1]; at least once.
        block: events in memory at once [1]; as many as suit the device by default.

    Raises:
        ProblemError: the problem's evaluations are a foreign program's, or nothing is to be timed.
    """
    if not problem.traceable:
        raise ProblemError(
            f"{problem.name!r} is evaluated by a foreign simulator; expected a problem with a pipeline, whose stages "
            "can be timed one by one. Profile the simulator with the tools of its own language."
        )
    if repeats < 1:
        raise ProblemError(f"{repeats} repeats; expected at least one. Raise the number of repeats.")
    pieces = _pieces(problem, problem.partition(events, scenarios, block=block), key, softness)
    arguments = problem.space.point(problem.start), key, jnp.asarray(1.0 if softness is None else softness)
    names, runs = zip(*pieces, strict=True)
    return parts(names, np.median(_seconds(runs, arguments, repeats), 0))


def parts(names: Sequence[str], medians: Float[np.ndarray, "part"]) -> list[StageTime]:
    """The parts of an evaluation from what its beginnings take.

    A beginning takes no longer than what it is the beginning of: where it seems to (noise, or a result that the whole
    evaluation never needs), the shorter time counts, so that no part is negative and all of them are the whole.

    Args:
        names: of the parts.
        medians: of the evaluations that end with each [s].
    """
    cumulative = np.minimum.accumulate(medians[::-1])[::-1]
    own = np.diff(cumulative, prepend=0.0)
    rows = zip(names, own.tolist(), cumulative.tolist(), (own / cumulative[-1]).tolist(), strict=True)
    return [StageTime(*row) for row in rows]


def beginning(problem: Problem, stages: int, passes: int = 0) -> Problem:
    """The problem whose pipeline ends after some stages, the source among them, and after some passes of sums.

    Without passes it ends in one that uses everything the last stage hands on, so that no work is saved.
    """
    build, own = problem.build, stages - (problem.source is not None)

    def cut(design: Any, truth: Any) -> Pipeline:
        assert build is not None
        whole = build(design, truth)
        return Pipeline(whole.stages[:own], whole.passes[:passes] if passes else {"everything": _everything})

    return dataclasses.replace(problem, build=cut)


def _everything(record: Events, earlier: Mapping[str, Any]) -> list[Array]:
    """The sum of every array of real numbers in a record, and how many of every other one are not zero."""
    real = lambda leaf: jnp.issubdtype(leaf.dtype, jnp.inexact)
    count = lambda leaf: jnp.count_nonzero(leaf).astype(record.weight.dtype)
    return [jnp.sum(leaf) if real(leaf) else count(leaf) for leaf in jax.tree.leaves(eqx.filter(record, eqx.is_array))]


def _pieces(
    problem: Problem, partition: Partition, key: Key[Array, ""], softness: float | None
) -> list[tuple[str, Run]]:
    """The beginnings of an evaluation with the name of the part they end with, and last the whole."""
    soft = lambda width: None if softness is None else width

    def summed(piece: Problem) -> Run:
        def run(point: Point, key: Key[Array, ""], width: Array) -> PyTree:
            return piece.summaries(point, key=key, partition=partition, softness=soft(width))[0]

        return eqx.filter_jit(run)

    def measured(gradient: bool) -> Run:
        def run(point: Point, key: Key[Array, ""], width: Array) -> Evaluation:
            return problem.measure(point, key=key, partition=partition, softness=soft(width), gradient=gradient)

        return eqx.filter_jit(run)

    chain = problem.pipeline(problem.start, key=key, softness=softness)
    count = len(chain.stages)
    pieces = [(stage.name, summed(beginning(problem, n))) for n, stage in enumerate(chain.stages, start=1)]
    for number, sums in enumerate(chain.passes, start=1):
        name = f"pass {number}: {', '.join(sums)}" if sums else f"pass {number}"
        pieces.append((name, summed(beginning(problem, count, number))))
    pieces.append(("figures", measured(False)))
    return pieces if Derivative.NONE in chain.derivative else [*pieces, ("gradient", measured(True))]


def _seconds(runs: Sequence[Run], arguments: tuple[Any, ...], repeats: int) -> Float[np.ndarray, "repeat part"]:
    """What every piece takes; they take turns, so that a machine that slows down slows all of them."""

    def seconds(run: Run) -> float:
        began = time.perf_counter()
        jax.block_until_ready(run(*arguments))
        return time.perf_counter() - began

    for run in runs:
        jax.block_until_ready(run(*arguments))  # compiles
    return np.array([[seconds(run) for run in runs] for _ in range(repeats)])
