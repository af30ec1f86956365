"""The designs a run folder offers by name: its start, its optimum, references, and every row of its history."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import math
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from daedalus.app.explorer.place import shortened
from daedalus.core import Design, History, Problem
from daedalus.errors import DaedalusError, RunError
from daedalus.execution import RunFolder, read_design, read_history
from daedalus.execution.files import read_json
from daedalus.execution.run_folder import DESIGN, HISTORY, JOURNAL, LANDSCAPE, START

START_NAME, OPTIMUM, BEST, ROW, REFERENCE = "start", "optimum", "best", "row ", "reference "
RANGES = ("profile", "slice")


class Designs:
    """What can be begun with, in a folder whose run may still be going on.

    What stands in the folder is read again where it has changed since.
    """

    def __init__(self, folder: RunFolder, problem: Problem):
        """Reads the start; what is frozen or not trained is the start's.

        Raises:
            RunError: the start is malformed.
            DesignError: it does not fit the problem.
        """
        start = folder.path / START
        held = dataclasses.replace(problem, start=read_design(start, problem)) if start.exists() else problem
        self.folder, self.problem = folder, held
        self._read: dict[str, tuple[Any, Any]] = {}  # by file: its stamp, and what was in it
        self._rows: dict[str, Design] = {}  # rows whose designs were had; a run forgets what others have learned

    def names(self) -> dict[str, str]:
        """The designs that can be begun with by name, and what they are; of rows only the best one."""
        found = {START_NAME: "the run's start"}
        if (self.folder.path / DESIGN).exists():
            found = {OPTIMUM: "the run's optimum"} | found
        if self.best_row() is not None:
            found[BEST] = "the best row of the history so far"
        return found | {f"{REFERENCE}{name}": f"reference: {name}" for name in self.problem.references}

    def first(self) -> str:
        """The name of what a page begins with: the optimum, or else the best row so far, or else the start."""
        names = self.names()
        return next(name for name in (OPTIMUM, BEST, START_NAME) if name in names)

    def settled(self, name: str) -> str:
        """The name that stays with a design: that of its row for the best one, which may change.

        Raises:
            RunError: the history has no sound row.
        """
        if name != BEST:
            return name
        row = self.best_row()
        if row is None:
            raise RunError(
                "no row of the history is sound yet, so that none is best. Wait for the run, or take its start."
            )
        return f"{ROW}{row}"

    def named(self, name: str) -> Design:
        """The design of a name.

        Raises:
            RunError: there is none of that name, or what it has learned is not kept.
        """
        name = self.settled(name)
        if name.startswith(ROW):
            return self._row(name)
        if name == START_NAME:
            return self.problem.start
        if name == OPTIMUM and OPTIMUM in self.names():
            return self._fresh(DESIGN, lambda: read_design(self.folder.path / DESIGN, self.problem))
        reference = name.removeprefix(REFERENCE)
        if reference in self.problem.references:
            return self.problem.references[reference]
        names = list(self.names())
        near = difflib.get_close_matches(name, names, n=2, cutoff=0.4)
        hint = f"Did you mean {' or '.join(near)}?" if near else f"Known: {', '.join(names)}, row 0, row 1 ..."
        raise RunError(f"no design is called {shortened(name)}. {hint}")

    def history(self) -> History:
        """The history as it is now; without columns where there is none yet."""
        name = JOURNAL if (self.folder.path / JOURNAL).exists() else HISTORY
        if not (self.folder.path / name).exists():
            return History()

        def read() -> History:
            with contextlib.suppress(RunError):  # no round is recorded yet
                return read_history(self.folder.path)
            return History()

        return self._fresh(name, read)

    def best_row(self) -> int | None:
        """The row of the lowest loss so far, None where none is sound."""
        history = self.history()
        with contextlib.suppress(RunError):
            return history.best_row() if len(history) else None
        return None

    def status(self) -> str:
        """How the run stands, as its manifest says."""
        with contextlib.suppress(DaedalusError):
            return str(self.folder.manifest().get("status", "unknown"))
        return "unknown"

    def free_play(self) -> dict[str, dict[str, tuple[float, float]]]:
        """The near-optimal ranges by parameter and kind [its unit]; empty where nobody has looked for them.

        "profile" is where the others may follow, "slice" where they stay. Lines of another form are left out.
        """
        if not (self.folder.path / LANDSCAPE).exists():
            return {}

        def read() -> dict[str, dict[str, tuple[float, float]]]:
            with contextlib.suppress(RunError):
                return _ranges(read_json(self.folder.path / LANDSCAPE).get("free_play"))
            return {}

        return self._fresh(LANDSCAPE, read)

    @cached_property
    def title(self) -> str:
        """The folder's name."""
        return self.folder.path.resolve().name

    def _row(self, name: str) -> Design:
        history, digits = self.history(), name.removeprefix(ROW).strip()
        row = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 12 else -1
        if not 0 <= row < len(history):
            last = f"0 to {len(history) - 1}" if len(history) else "none yet"
            raise RunError(f"the history has no row {shortened(digits)}; its rows are {last}.")
        if name not in self._rows:
            design = history.design(self.problem, row)
            if not all(np.isfinite(np.asarray(self.problem.space.values(design)))):
                raise RunError(f"row {row} of the history has values that are not finite; take another one.")
            self._rows[name] = design
        return self._rows[name]

    def _fresh(self, name: str, read: Any) -> Any:
        """What a file holds, read again where the file has changed."""
        known = (self.folder.path / name).stat()
        stamp = (known.st_mtime_ns, known.st_size)
        if self._read.get(name, (None, None))[0] != stamp:
            self._read[name] = (stamp, read())
        return self._read[name][1]


def _ranges(table: Any) -> dict[str, dict[str, tuple[float, float]]]:
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for name, line in table.items() if isinstance(table, dict) else ():
        kept = {kind: _range(line.get(kind)) for kind in RANGES} if isinstance(line, dict) else {}
        found[str(name)] = {kind: ends for kind, ends in kept.items() if ends is not None}
    return found


def _range(ends: Any) -> tuple[float, float] | None:
    if not isinstance(ends, list) or len(ends) != 2:
        return None
    if not all(isinstance(end, (int, float)) and math.isfinite(end) for end in ends) or ends[0] > ends[1]:
        return None
    return float(ends[0]), float(ends[1])


def folder_of(path: Path) -> RunFolder:
    """The run folder at a path.

    Raises:
        RunError: there is none.
    """
    folder = RunFolder(path)
    folder.manifest()
    return folder
