"""The one loop: rounds of ask, evaluate and tell, watched from outside."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

import jax
import numpy as np
from jaxtyping import Array, Key, PyTree

from daedalus.core import (
    Design,
    Evaluator,
    History,
    Optimiser,
    Partition,
    Point,
    Problem,
    Space,
)
from daedalus.errors import DesignError
from daedalus.search.checkpoint import Checkpoint, state_of
from daedalus.search.event_numbers import EventNumbers, event_numbers
from daedalus.search.fit import check_fit
from daedalus.search.guards import CAREFUL, Fault, Guard, Guards
from daedalus.search.kept import with_leaves
from daedalus.search.orders import Elsewhere
from daedalus.search.rounds import designs_of
from daedalus.search.rows import Rows
from daedalus.search.shrinking import Shrinking
from daedalus.search.ways import Ways


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
    faults: tuple[Fault, ...] = ()  # of the newest rows: points whose loss or gradient was not finite


Watcher = Callable[[Progress], None]


def optimise(
    problem: Problem,
    optimiser: Optimiser,
    *,
    key: Key[Array, ""],
    rounds: int,
    more_rounds: int = 0,
    events: int | None = None,
    most_events: int | None = None,
    scenarios: int | None = None,
    start: Design | None = None,
    watch: Sequence[Watcher] = (),
    chunk: int = 5,
    block: int | None = None,
    evaluator: Evaluator | Elsewhere | None = None,
    since: Checkpoint | None = None,
    guards: Guards = CAREFUL,
) -> History:
    """The history of a search: every point an optimiser asked for, evaluated.

    All starts of a round share events and scenarios: common random numbers. Chunks of rounds run in one compiled call
    where problem and optimiser are traceable. Points are made to meet known constraints before they are evaluated.
    An interrupt (Ctrl-C) ends the search after the last finished chunk and returns what there is.

    Args:
        problem: the task.
        optimiser: the method.
        key: decides every random number of the search.
        rounds: rounds of ask and tell [1]; methods plan with them.
        more_rounds: rounds beyond those, which the method does not plan for [1].
        events: particles per scenario [1]; the problem's own number by default.
        most_events: up to which these grow, where the noise of the gradient asks for it [1]; not at all by default.
        scenarios: scenarios per evaluation [1]; the problem's own number by default.
        start: where to begin; the problem's start by default.
        watch: called with a `Progress` after every chunk; they only look.
        chunk: rounds per compiled call [1].
        block: events in memory at once [1]; as many as suit the device by default.
        evaluator: where a foreign simulator is run, or where designs are evaluated; by default in this thread.
        since: where an earlier search with the same arguments ended; the history is then that of the whole search,
            the same bits as without an end (but for the clock's columns).
        guards: how it meets numbers that are not finite, and when it has diverged.

    Raises:
        OptimiserError: the optimiser cannot handle the problem, or events are to grow and it has no gradients.
        DesignError: the start is out of bounds.
        RunError: the earlier search was another one, or this one is stopped by its guards; names round and stage,
            carries the history. Failures of a simulator are rows like others, unless nothing else happens.
    """
    check_fit(problem, optimiser, key=key)
    begin = _checked(problem, problem.start if start is None else start, learns=optimiser.handles.gradients)
    numbers = event_numbers(problem, optimiser, events, most_events)
    optimiser = Shrinking(optimiser) if guards.unsound == "shrink" else optimiser
    how = {"key": jax.random.fold_in(key, 2), "rounds": rounds, "goals": problem.goals}
    state = optimiser.init(problem.space, problem.space.point(begin), **how)
    how = {"cut": partial(_cut, problem, numbers, scenarios, block), "chunk": chunk, "evaluator": evaluator}
    ways = Ways(problem, optimiser, designs_of(optimiser, state, key), **how)
    earlier = Checkpoint(0, {}, History()) if since is None else since
    state = state if since is None else state_of(since.state, state)
    guard = Guard(guards, problem, key, gradients=optimiser.handles.gradients)
    return _performed(guard, ways, state, earlier, last=rounds + more_rounds, watch=watch)


def _performed(
    guard: Guard,
    ways: Ways,
    state: PyTree,
    earlier: Checkpoint,
    *,
    last: int,
    watch: Sequence[Watcher],
) -> History:
    """The history after the rounds that are left."""
    problem, history, began = guard.problem, earlier.history, time.perf_counter()
    rows, done = Rows(problem), earlier.done
    with suppress(KeyboardInterrupt):
        while done < last:
            clock = time.perf_counter(), time.process_time()
            partition, perform = ways(history)
            batch = perform(state, done, last, guard.key)
            state, proposals = batch.state, batch.proposals
            history = history.extended(rows(batch, partition, first=done, row=len(history), clock=clock))
            history = with_leaves(history, batch)
            done += len(proposals.softness)
            points = jax.tree.map(lambda leaf: leaf[-1], proposals.points)
            faults = guard.faults(batch, history, partition)
            progress = Progress(problem, history, done, last, began, points, state, faults)
            for watcher in watch:
                watcher(progress)
            guard.check(history, faults, partition)
    return history


def _cut(
    problem: Problem, numbers: EventNumbers, scenarios: int | None, block: int | None, history: History
) -> Partition:
    """How the events of the rounds after a history are cut."""
    count = problem.partition(numbers.first, scenarios).scenarios
    return problem.partition(numbers.after(history, count), scenarios, block=block)


def _checked(problem: Problem, start: Design, *, learns: bool) -> Design:
    """A start that lies within bounds and has the problem's values for what is frozen, learned leaves among it or not.

    Raises:
        DesignError: it does not.
    """
    space = problem.space
    space.check(start)
    every, filled = Space.of(start), space.filled(space.values(start))
    if problem.frozen and not np.array_equal(every.values(filled), every.values(start)):
        raise DesignError(
            f"the start has other values of {', '.join(problem.frozen)} than {problem.name!r}, where they are frozen; "
            "expected the same. Give them to the problem: dataclasses.replace(problem, start=...)."
        )
    own, others = (jax.tree.leaves(space.point(design).learned) for design in (start, problem.start))
    if not learns and not all(np.array_equal(*pair) for pair in zip(own, others, strict=True)):
        raise DesignError(
            f"the start has other learned leaves than {problem.name!r}, and a method without gradients does not move "
            "them; expected the same. Give them to the problem: dataclasses.replace(problem, start=...)."
        )
    return start
