"""A recorded search: the one loop, with its record kept in a run folder while it goes on."""

from __future__ import annotations

from collections.abc import Sequence

import jax

from daedalus.core import Design, History, Optimiser, Problem, Space
from daedalus.execution.design_file import design_from_table, design_table
from daedalus.execution.manifest import manifest, now
from daedalus.execution.run_folder import RunFolder
from daedalus.search import Progress, Watcher, optimise


def recorded_search(
    folder: RunFolder,
    problem: Problem,
    optimiser: Optimiser,
    *,
    seed: int,
    rounds: int,
    events: int | None = None,
    scenarios: int | None = None,
    start: Design | None = None,
    watch: Sequence[Watcher] = (),
    chunk: int = 5,
    block: int = 8192,
    evaluator: Evaluator | None = None,
) -> History:
    """The history of a search whose manifest, start and history are in the folder at every moment.

    The manifest's status is "running" until the search ends, then "searched", "interrupted" (Ctrl-C; the
    rounds so far are kept) or "failed" (with the cause; the rounds so far are kept).

    Args:
        folder: where the record is kept.
        problem: the task.
        optimiser: the method.
        seed: what the run's key is made from [1].
        rounds: rounds of ask and tell [1].
        events: particles per scenario [1]; the problem's own number by default.
        scenarios: scenarios per evaluation [1]; the problem's own number by default.
        start: where to begin; the problem's start by default.
        watch: called after every chunk, besides the folder's own watcher.
        chunk: rounds per compiled call [1].
        block: events in memory at once [1].
        evaluator: where a foreign simulator is run; by default in this thread, one evaluation at a time.

    Raises:
        DaedalusError: what `optimise` raises, after it was noted.
    """
    begin = _as_filed(problem.start if start is None else start)
    particles = problem.events if events is None else events
    sizes = {"rounds": rounds, "events": particles, "scenarios": scenarios, "chunk": chunk, "block": block}
    folder.note(**manifest(problem, optimiser, seed=seed, **sizes))
    folder.write_start(problem, begin)

    def journal(progress: Progress) -> None:
        folder.write_history(progress.history)

    try:
        how = {"key": jax.random.key(seed), "start": begin, "watch": (journal, *watch), "evaluator": evaluator}
        history = optimise(problem, optimiser, **how, **sizes)
    except BaseException as cause:
        status = "interrupted" if isinstance(cause, KeyboardInterrupt) else "failed"
        folder.note(status=status, cause=str(cause) or repr(cause), finished_at=now())
        raise
    folder.note(status="searched" if rounds_done(history) >= rounds else "interrupted", searched_at=now())
    return history


def _as_filed(design: Design) -> Design:
    """The design as its file gives it back: a repeated run begins from the same bits."""
    space = Space.of(design)
    return design_from_table(space, design_table(space, design))


def rounds_done(history: History) -> int:
    """The number of finished rounds in a history [1]."""
    return int(history["round"].max()) + 1 if len(history) else 0
