"""Remaking: the pictures of a run drawn again from its record, and the page written anew."""

from __future__ import annotations

from pathlib import Path

from daedalus.app.moving import write_animation
from daedalus.app.pictures import pictures
from daedalus.app.report.filing import filed_task
from daedalus.app.report.page import write_report
from daedalus.app.screen import remark
from daedalus.execution import RunFolder, read_design, read_history
from daedalus.execution.run_folder import DESIGN, HISTORY, REPORT, START
from daedalus.execution.search_record import read_search


def remake(path: Path) -> None:
    """Remakes the figures of a run folder from its record, and writes its report.

    A run that left neither rows nor a start has a page all the same, which says how it ended.

    Raises:
        RunError: the folder is not a run's or is malformed, or the problem has changed its version since.
    """
    folder = RunFolder(path)
    folder.manifest()  # says whether this is a run's folder
    if (path / START).exists() and _rows(folder):
        _redraw(folder)
    else:
        remark("the run left no rows; there is nothing to draw.")
    write_report(folder)
    remark(f"written: {path / REPORT}")


def _rows(folder: RunFolder) -> bool:
    """Whether the run has left any rows."""
    found = read_search(folder.journal).checkpoint if folder.journal.exists() else None
    return found is not None or (folder.path / HISTORY).exists()


def _redraw(folder: RunFolder) -> None:
    found, path = filed_task(folder), folder.path
    history = read_history(path)
    start = read_design(path / START, found.problem)
    measured = folder.result()
    after = read_design(path / DESIGN, found.problem) if measured and (path / DESIGN).exists() else None
    folder.write_figures(pictures(found, history, start, after, measured))
    write_animation(folder, found, history)
