"""`daedalus run`: a search from configuration to run folder."""

from __future__ import annotations

import dataclasses
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jax

from daedalus.app.budgets import money_budget, time_budget
from daedalus.app.configuration import AUTO, Configuration, configuration_file
from daedalus.app.device import prepare
from daedalus.app.engine import check_place, check_shared, engine
from daedalus.app.follow import follow
from daedalus.app.moving import write_animation
from daedalus.app.options import settings as parsed
from daedalus.app.pictures import pictures
from daedalus.app.progress import progress_bar
from daedalus.app.report import write_report
from daedalus.app.results_table import show_results
from daedalus.app.screen import messages, output, remark
from daedalus.app.task import Task, resolved_task
from daedalus.app.team import agreed, announce, deferred_signals, released, team
from daedalus.app.words import Place
from daedalus.core import Design, History
from daedalus.errors import DaedalusError
from daedalus.execution import RunFolder, read_design, recorded_search, result, rounds_done
from daedalus.execution.manifest import now
from daedalus.execution.run_folder import START
from daedalus.execution.scalars import TENSORBOARD, Scalars
from daedalus.execution.toml_text import toml_text
from daedalus.search import Progress, Watcher

HERE = Place()


def search(
    name: str,
    *,
    out: Path | None,
    force: bool,
    settings: Sequence[str] = (),
    place: Place = HERE,
    **values: Any,
) -> RunFolder | None:
    """The run folder of a search that was configured by a name or file and by the command line's values.

    None in a process that follows another one, which keeps the record.

    Args:
        name: the problem, or the path of a configuration file.
        out: the run folder; made from name and time by default.
        force: replace the run in it.
        settings: the problem's options as "name=value" texts.
        place: where it computes.
        values: further fields of `Configuration`; None leaves the configuration's own.

    Raises:
        KeyboardInterrupt: Ctrl-C; the folder then holds the rounds so far, with their figures.
    """
    given = configuration_file(Path(name)) if name.endswith(".toml") else Configuration(name)
    given = given.changed(options=parsed(settings) or None, workers=place.workers, **values)
    check_place(place, chosen=given.optimiser == AUTO)
    with team(place) as leads:
        return perform(given, out=out, force=force, place=place) if leads else follow()


def perform(given: Configuration, *, out: Path | None, force: bool, place: Place = HERE) -> RunFolder:
    """The run folder of a configuration's search, which is performed, measured and pictured.

    Raises:
        RunError: the folder cannot be used, or the search went wrong.
        KeyboardInterrupt: Ctrl-C; the folder then holds the rounds so far, with their figures.
    """
    prepare(given.precision)
    found, choice = resolved_task(given)
    chosen = found.configuration
    for reason in () if choice is None else choice.reasons:
        remark(reason)
    start = found.problem.start if chosen.start is None else read_design(chosen.start, found.problem)
    found = dataclasses.replace(found, problem=dataclasses.replace(found.problem, start=start))
    folder = RunFolder.create(out or default_folder(chosen.problem), force=force)
    with folder.lock():
        kept = chosen if chosen.start is None else chosen.changed(start=START)
        folder.write_configuration(toml_text(kept.table()))
        folder.note(status="starting", configuration=kept.table())
        if choice is not None:
            folder.note(choice=dataclasses.asdict(choice))
        remark(f"run folder: {folder.path}")
        conclude(folder, found, searched(folder, found, start, place=place), start)
    return folder


def default_folder(name: str) -> Path:
    """Where a run of a problem goes unless told otherwise: runs/<name>-<UTC time>."""
    return Path("runs") / f"{name.replace('/', '-')}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"


def searched(folder: RunFolder, found: Task, start: Design, *, place: Place) -> History:
    """The history of a task's search, recorded in a folder, from where its record ends.

    Raises:
        RunError: the folder cannot be used, or the search went wrong; figures and report of the rounds so far are left.
    """
    chosen, seen = found.configuration, History()
    check_shared(found.problem)
    folder.write_start(found.problem, start)
    announce(folder)

    def remember(progress: Progress) -> None:
        nonlocal seen
        seen = progress.history

    bar, made = progress_bar(messages(), chosen.all_rounds), engine(folder, found.problem, place)
    with bar as shown, made as evaluator, tensorboard(folder, place.tensorboard) as scalars, ends(chosen) as end:
        how = {
            "start": start,
            "watch": (remember, shown, *scalars, *end),
            "guards": chosen.guards,
            "evaluator": evaluator,
        }
        try:
            with released():
                return recorded_search(folder, found.problem, found.optimiser, **how, **chosen.search_sizes)
        except DaedalusError:
            with suppress(OSError, DaedalusError):  # a full disk, say, must not hide what happened
                folder.write_figures(pictures(found, seen))
                write_report(folder)
            raise


def conclude(folder: RunFolder, found: Task, history: History, start: Design) -> None:
    """Measures, pictures and prints a finished search.

    Raises:
        KeyboardInterrupt: the search is not finished; design and figures of the rounds so far are left.
    """
    if rounds_done(history) < found.configuration.all_rounds:
        _conclude_interrupted(folder, found, history, start)
        raise KeyboardInterrupt
    chosen, key = found.configuration, jax.random.key(found.configuration.seed)
    sizes = {"events": chosen.events, "scenarios": chosen.scoring_scenarios}
    try:
        with messages().status("measuring on fresh events ..."):
            design, measured = result(found.problem, history, start, key=key, **sizes)
        folder.write_design(found.problem, design)
        folder.write_result(measured)
        with messages().status("drawing ..."):
            folder.write_figures(pictures(found, history, start, design, measured))
            write_animation(folder, found, history)
    except BaseException as cause:
        status = "interrupted" if isinstance(cause, KeyboardInterrupt) else "failed"
        folder.note(status=status, cause=str(cause) or repr(cause), finished_at=now())
        raise
    folder.note(status="finished", finished_at=now())
    write_report(folder)
    show_results(output(), measured)
    remark(
        "The optimised design was chosen on one set of fresh events and measured on another; "
        f"everything is in {folder.path}, to be opened with {folder.path / 'report.html'}."
    )


def _conclude_interrupted(folder: RunFolder, found: Task, history: History, start: Design) -> None:
    """Leaves design and figures of the rounds so far."""
    folder.note(status="interrupted", finished_at=now())
    if len(history) == 0:
        remark("interrupted before the first chunk of rounds was finished; there is no history.")
        return
    design = history.design(found.problem, history.best_row())
    folder.write_design(found.problem, design)
    folder.write_figures(pictures(found, history))
    write_report(folder)
    remark(
        f"interrupted after {rounds_done(history)} rounds; {folder.path} holds them, and as design.json the "
        f"design of lowest loss, which was not measured again. Go on with: daedalus resume {folder.path}"
    )


@contextmanager
def ends(chosen: Configuration) -> Iterator[tuple[Watcher, ...]]:
    """The watchers that end a search before its last round; a batch system's signal is heard in this context."""
    budgets = time_budget(chosen.hours), money_budget(chosen.euros, chosen.price)
    if jax.process_count() == 1:
        with terminable():
            yield budgets
    else:
        with deferred_signals() as wished:
            yield (agreed(budgets, wished),)


@contextmanager
def tensorboard(folder: RunFolder, wanted: bool) -> Iterator[tuple[Watcher, ...]]:
    """The watcher that writes scalars for TensorBoard, where they are wanted or a run has begun with them."""
    if not (wanted or (folder.path / TENSORBOARD).exists()):
        yield ()
        return
    with Scalars(folder.path) as scalars:
        yield (scalars,)


@contextmanager
def terminable() -> Iterator[None]:
    """A batch system's SIGTERM ends what happens in this context as Ctrl-C does: after the last whole chunk."""
    if threading.current_thread() is not threading.main_thread():  # only there may signals be handled
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
