"""The one loop: rounds of ask, evaluate and tell, compiled in chunks, watched from outside."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key, PyTree

from daedalus.core.design import Design
from daedalus.core.evaluation import Evaluation, Status
from daedalus.core.history import History
from daedalus.core.optimiser import Optimiser, Proposal, check_fit
from daedalus.core.problem import Problem
from daedalus.core.space import Point
from daedalus.core.summaries import Partition
from daedalus.errors import RunError
from daedalus.units import unit as unit_value


@dataclasses.dataclass(frozen=True)
class Progress:
    """What watchers see after each chunk of rounds."""

    problem: Problem
    history: History
    done: int  # rounds
    rounds: int
    started_at: float  # clock reading at the start [s]
    points: Point  # asked for in the last round, learned leaves included; axis start first
    state: PyTree  # the optimiser's


Watcher = Callable[[Progress], None]


def training_key(key: Key[Array, ""], round_number: Any) -> Key[Array, ""]:
    """The key of a training round; the fold is apart from that of `scoring_key`."""
    return jax.random.fold_in(jax.random.fold_in(key, 0), round_number)


def scoring_key(key: Key[Array, ""], number: int = 0) -> Key[Array, ""]:
    """A key for measuring results with events that training has never seen."""
    return jax.random.fold_in(jax.random.fold_in(key, 1), number)


def optimise(
    problem: Problem,
    optimiser: Optimiser,
    *,
    key: Key[Array, ""],
    rounds: int,
    events: int | None = None,
    scenarios: int | None = None,
    start: Design | None = None,
    watch: Sequence[Watcher] = (),
    chunk: int = 5,
    block: int = 8192,
) -> History:
    """The history of a search: every point an optimiser asked for, evaluated.

    All starts of a round share events and scenarios, so that they are compared on common random numbers. Chunks of
    rounds run in one compiled call where problem and optimiser are traceable. An interrupt (Ctrl-C) ends the search
    after the last finished chunk and returns what there is.

    Args:
        problem: the task.
        optimiser: the method.
        key: decides every random number of the search.
        rounds: rounds of ask and tell [1].
        events: particles per scenario [1]; the problem's own number by default.
        scenarios: scenarios per evaluation [1]; the problem's own number by default.
        start: where to begin; the problem's start by default.
        watch: called with a `Progress` after every chunk; they only look.
        chunk: rounds per compiled call [1].
        block: events in memory at once [1].

    Raises:
        OptimiserError: the optimiser cannot handle the problem.
        DesignError: the start is out of bounds.
        RunError: no point of a round accepts anything, or a loss or gradient is not finite; names round and stage,
            carries the history.
    """
    check_fit(problem, optimiser, key=key)
    begin = problem.start if start is None else start
    problem.space.check(begin)
    partition = problem.partition(problem.events if events is None else events, scenarios, block=block)
    state = optimiser.init(problem.space, problem.space.point(begin), key=jax.random.fold_in(key, 2), rounds=rounds)
    state, key = partition.everywhere((state, key))
    run = _chunk_runner(problem, optimiser, partition, chunk)
    history, began = History(), time.perf_counter()
    try:
        for first in range(0, rounds, chunk):
            clock = time.perf_counter(), time.process_time()
            state, (proposals, evaluations) = run(state, jnp.asarray(first), jnp.asarray(rounds), key)
            count = min(chunk, rounds - first)
            where = (first, count, len(history), clock, partition)
            history = history.extended(_rows(problem, proposals, evaluations, *where))
            points = jax.tree.map(lambda leaf, last=count - 1: leaf[last], proposals.points)
            progress = Progress(problem, history, first + count, rounds, began, points, state)
            for watcher in watch:
                watcher(progress)
            _stop_if_unsound(problem, history, partition, proposals, key=key, first=first)
    except KeyboardInterrupt:
        pass
    return history


def _chunk_runner(problem: Problem, optimiser: Optimiser, partition: Partition, chunk: int):
    """A function (state, first round, rounds, key) -> (state, (proposals, evaluations)) of the chunk's rounds."""

    def one_round(state: PyTree, number: Array, key: Key[Array, ""]) -> tuple[PyTree, tuple[Proposal, Evaluation]]:
        round_key = training_key(key, number)
        proposal = optimiser.ask(state, key=jax.random.fold_in(round_key, 0))
        real = not optimiser.handles.gradients
        measure = lambda point: problem.measure(
            point,
            key=jax.random.fold_in(round_key, 1),
            partition=partition,
            softness=None if real else proposal.softness,
            gradient=optimiser.handles.gradients,
        )
        evaluation = jax.vmap(measure)(proposal.points)
        return optimiser.tell(state, proposal, evaluation), (proposal, evaluation)

    def guarded(state: PyTree, number: Array, rounds: Array, key: Key[Array, ""]) -> tuple[PyTree, Any]:
        empty = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), jax.eval_shape(one_round, state, number, key)[1])
        return jax.lax.cond(number < rounds, one_round, lambda s, *_: (s, empty), state, number, key)

    @eqx.filter_jit
    def run(state: PyTree, first: Array, rounds: Array, key: Key[Array, ""]) -> tuple[PyTree, Any]:
        return jax.lax.scan(lambda s, number: guarded(s, number, rounds, key), state, first + jnp.arange(chunk))

    return run


def _rows(problem: Problem, proposals: Proposal, evaluations: Evaluation, *where: Any) -> dict[str, np.ndarray]:
    """The history's columns for the first ``count`` rounds of a chunk."""
    first, count, row, (wall, cpu), partition = where
    take = lambda array: np.asarray(array)[:count].reshape(-1)
    starts = evaluations.loss.shape[1]
    size, space = count * starts, problem.space
    cube = np.asarray(proposals.points.cube)[:count].reshape(size, -1)
    values = np.asarray(jax.vmap(lambda c: space.values(space.design(c)))(jnp.asarray(cube)))
    rounds = first + np.repeat(np.arange(count), starts)
    names = np.array([status.name.lower() for status in Status])
    columns: dict[str, Any] = {
        "row": row + np.arange(size),
        "round": rounds,
        "start": np.tile(np.arange(starts), count),
    }
    columns["status"] = names[take(evaluations.status)]
    for entry, column in zip(space.entries, values.T, strict=True):
        columns[entry.column] = column / unit_value(entry.unit)
    columns["loss"] = take(evaluations.loss)
    for figure in problem.figures:
        columns[figure.name] = take(evaluations.values[figure.name]) / unit_value(figure.unit)
        columns[f"{figure.name}_error"] = take(evaluations.errors[figure.name]) / unit_value(figure.unit)
    columns |= {"accepted": take(evaluations.accepted), "empty": take(evaluations.empty)}
    columns["softness"] = np.repeat(np.asarray(proposals.softness)[:count], starts)
    columns["events"] = np.full(size, partition.events * partition.scenarios)
    columns["key"] = np.array([f"training/{number}" for number in rounds])
    columns["wall_seconds"] = np.full(size, (time.perf_counter() - wall) / size)
    columns["cpu_seconds"] = np.full(size, (time.process_time() - cpu) / size)
    columns["finished_at"] = np.full(size, datetime.now(UTC).isoformat(timespec="seconds"))
    return columns


def _stop_if_unsound(
    problem: Problem, history: History, partition: Partition, proposals: Proposal, *, key: Key[Array, ""], first: int
) -> None:
    """Raises where the newest rows hold a non-finite loss or gradient, or where no point of a round saw anything."""
    status, rounds = history["status"], history["round"]
    blind = np.setdiff1d(rounds[rounds >= first], rounds[status != "empty"])  # rounds whose points are all empty
    bad = np.where((status == "failed") & (rounds >= first) | np.isin(rounds, blind))[0]
    if len(bad) == 0:
        return
    row, number = bad[0], int(rounds[bad[0]])
    if status[row] == "empty":
        cause = f"no event was accepted in any of the {partition.scenarios} scenarios"
        remedy = "Start from a design that sees particles, or use more events."
    else:
        point = jax.tree.map(lambda leaf: leaf[number - first, int(history["start"][row])], proposals.points)
        place = problem.first_non_finite(
            problem.space.design(point),
            key=jax.random.fold_in(training_key(key, number), 1),
            events=partition.events,
            softness=proposals.softness[number - first],
            scenarios=partition.scenarios,
        )
        cause = f"the loss or its gradient is not finite; the first non-finite value appears in {place}"
        remedy = "The history up to here is kept in this error's `history`."
    error = RunError(f"round {number} of {problem.name!r}: {cause}. {remedy}")
    error.history = history  # pyright: ignore[reportAttributeAccessIssue]
    raise error
