"""A recorded search: the one loop, with its record kept in a run folder while it goes on."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import jax
import numpy as np

from daedalus.core import Design, Direct, Evaluator, History, Optimiser, Problem, Simulator, Space
from daedalus.errors import RunError
from daedalus.execution.design_file import design_from_table, design_table
from daedalus.execution.journal import Journal
from daedalus.execution.log import LOG, Log
from daedalus.execution.manifest import manifest, now
from daedalus.execution.run_folder import RunFolder
from daedalus.execution.search_record import (
    RecordedEvaluator,
    Recorder,
    SearchRecord,
    begun,
    differing,
    failure,
    read_search,
)
from daedalus.search import Progress, Watcher, optimise
from daedalus.search.checkpoint import Checkpoint
from daedalus.search.guards import CAREFUL, Guards
from daedalus.search.orders import Elsewhere

TOLD = ("problem", "problem_version", "optimiser", "seed", "rounds", "daedalus", "device")  # in the log's first line


def recorded_search(
    folder: RunFolder,
    problem: Problem,
    optimiser: Optimiser,
    *,
    seed: int,
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
    guards: Guards = CAREFUL,
) -> History:
    """The history of a search whose every finished chunk of rounds is on the disk before the next one begins.

    Where the folder's journal holds the beginning of this very search, it goes on from there, and the history is that
    of the whole, bit by bit as if it had never stopped (on the same machine and versions, but for the clock's columns).
    The manifest's status is "running", then "searched", "interrupted" or "failed" (with the cause).

    Args:
        folder: where the record is kept; nobody else writes to it meanwhile.
        problem: the task.
        optimiser: the method.
        seed: what the run's key is made from [1].
        rounds: rounds of ask and tell [1].
        more_rounds: rounds beyond those, which the method does not plan for [1]; a finished search may go on by them.
        events: particles per scenario [1]; the problem's own number by default.
        most_events: up to which these grow, where the noise of the gradient asks for it [1]; not at all by default.
        scenarios: scenarios per evaluation [1]; the problem's own number by default.
        start: where to begin; the problem's start by default.
        watch: called after every chunk, besides the folder's own watcher.
        chunk: rounds per compiled call [1].
        block: events in memory at once [1]; as many as suit the device by default.
        evaluator: where a foreign simulator is run, or where designs are evaluated; by default in this thread.
        guards: how it meets numbers that are not finite, and when it has diverged.

    Raises:
        DaedalusError: somebody else writes to the folder, its journal is of another search, or what `optimise` raises.
    """
    begin = _as_filed(problem.start if start is None else start)
    events = problem.events if events is None else events
    sizes = {"rounds": rounds, "events": events, "scenarios": scenarios, "chunk": chunk, "block": block}
    kept, further = dataclasses.asdict(guards), {"more_rounds": more_rounds, "most_events": most_events}
    made_of = manifest(problem, optimiser, seed=seed, **sizes) | {"guards": kept, **further}
    how = {**sizes, **further, "key": jax.random.key(seed), "start": begin, "guards": guards}
    with folder.lock():
        since = _earlier(folder, made_of, traceable=problem.traceable)
        folder.note(**made_of)
        folder.write_start(problem, begin)
        with Journal(folder.journal) as journal:
            if problem.simulator is not None:
                outcomes = () if since is None else since.outcomes
                evaluator = RecordedEvaluator(_asked(evaluator, problem.simulator), journal, outcomes)
            search = partial(optimise, problem, optimiser, evaluator=evaluator, **how)
            return _watched(folder, journal, search, since=since, made_of=made_of, watch=watch)


def _watched(
    folder: RunFolder,
    journal: Journal,
    search: Callable[..., History],
    *,
    since: SearchRecord | None,
    made_of: Mapping[str, Any],
    watch: Sequence[Watcher],
) -> History:
    """The history of a search that is recorded in a journal and told of in a log."""
    if since is None:
        journal.append(begun(made_of))
    known = None if since is None else since.checkpoint
    log = Log(folder.path / LOG)
    log("resumed" if known else "begun", done=known.done if known else 0, **{n: made_of[n] for n in TOLD})
    recorder = Recorder(journal, 0 if known is None else len(known.history))
    watched = partial(search, since=known, watch=(recorder, partial(_log_rounds, log), *watch))
    return _noted(folder, journal, log, watched, made_of=made_of, known=known)


def _log_rounds(log: Log, progress: Progress) -> None:
    history, count = progress.history, len(progress.history)
    new = history["round"] >= history["round"][-1]
    for fault in progress.faults:
        log("not finite", level="warning", round=fault.round, row=fault.row, place=fault.place)
    loss, events = float(np.min(history["loss"][new])), int(history["events"][-1])
    log("rounds", done=progress.done, of=progress.rounds, rows=count, lowest_loss=loss, events=events)


def _earlier(folder: RunFolder, made_of: Mapping[str, Any], *, traceable: bool) -> SearchRecord | None:
    """What the folder's journal says of this search; None where there is none yet.

    Raises:
        RunError: it is of another search, or of one that failed and would do so again.
    """
    if not folder.journal.exists():
        return None
    found = read_search(folder.journal)
    if not found.made_of:
        return None
    different = differing(found.made_of, made_of)
    if different:
        raise RunError(
            f"{folder.path} holds another search: {'; '.join(different)}. Go on with what it began with, or choose "
            "another folder."
        )
    if found.failed and traceable and found.failed_under == made_of["guards"]:
        raise RunError(
            f"the search in {folder.path} cannot go on, for it would fail again: {found.failed} Go on with "
            "--unsound skip if other points may be sound, or start another one."
        )
    return found


def _noted(
    folder: RunFolder,
    journal: Journal,
    log: Log,
    search: Callable[[], History],
    *,
    made_of: Mapping[str, Any],
    known: Checkpoint | None,
) -> History:
    """A search's history, which becomes a file of its own; how the search ended is noted in manifest and log."""
    history = History() if known is None else known.history
    try:
        history = search()
    except BaseException as cause:
        status = "interrupted" if isinstance(cause, KeyboardInterrupt) else "failed"
        log(status, level="error", cause=str(cause) or repr(cause))
        if isinstance(cause, RunError) and hasattr(cause, "history"):  # its rounds are in the journal
            history = cause.history  # pyright: ignore[reportAttributeAccessIssue]
            journal.append(failure(str(cause), made_of["guards"]))
        with suppress(OSError):  # a full disk must not hide what happened; the journal holds what there is
            folder.note(status=status, cause=str(cause) or repr(cause), finished_at=now())
            folder.write_history(history)
        raise
    folder.write_history(history)
    done = rounds_done(history)
    status = "searched" if done >= made_of["rounds"] + made_of["more_rounds"] else "interrupted"
    folder.note(status=status, searched_at=now())
    log(status, done=done, rows=len(history))
    return history


def _asked(evaluator: Evaluator | Elsewhere | None, simulator: Simulator) -> Evaluator:
    """What is asked to run a simulator."""
    return evaluator if isinstance(evaluator, Evaluator) else Direct(simulator)


def _as_filed(design: Design) -> Design:
    """The design as its file gives it back: a repeated run begins from the same bits."""
    space = Space.of(design)
    return design_from_table(space, design_table(space, design))


def rounds_done(history: History) -> int:
    """The number of finished rounds in a history [1]."""
    return int(history["round"].max()) + 1 if len(history) else 0
