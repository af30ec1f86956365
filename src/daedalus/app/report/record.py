"""Records: all that a run folder holds for its page, read once."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path
from typing import Any

from daedalus.app.report.filing import filed_task
from daedalus.app.screen import remark
from daedalus.app.task import Task
from daedalus.core import History
from daedalus.errors import RunError
from daedalus.execution import RunFolder, read_history
from daedalus.execution.files import read_json
from daedalus.execution.run_folder import DESIGN, LANDSCAPE, START

FINISHED = "finished"


@dataclasses.dataclass(frozen=True)
class Record:
    """What a page is made of; what the folder lacks is None or empty."""

    folder: RunFolder
    noted: dict[str, Any]  # the manifest
    measured: dict[str, Any] | None  # what the designs are worth
    designs: dict[str, dict[str, Any]]  # "start" and "optimised", as the design files have them
    landscape: dict[str, Any] | None
    history: History | None
    task: Task | None  # None where the study is not installed, or is of another version

    @property
    def name(self) -> str:
        """The full name of the problem."""
        return str(self.noted.get("problem") or self.configured.get("problem") or "a run")

    @property
    def configured(self) -> dict[str, Any]:
        """The configuration of the run."""
        return self.noted.get("configuration") or {}

    @property
    def place(self) -> str:
        """The name of the folder, as a shell takes it."""
        return shlex.quote(self.folder.path.resolve().name)

    @property
    def allowance(self) -> str:
        """How much worse than the best the landscape lets designs be, in words."""
        found = self.landscape or {}
        share = (found.get("looked") or {}).get("free_play", found).get("allowance")
        return f"{100 * share:g} %" if isinstance(share, int | float) else "a little"

    @property
    def parameters(self) -> dict[str, dict[str, Any]]:
        """The parameters of the optimised design by name, with value and unit; of the start where there is none."""
        return (self.designs.get("optimised") or self.designs.get("start") or {}).get("parameters", {})

    def pictures(self) -> list[str]:
        """The names of the pictures that the folder has, in the order in which they were drawn."""
        names = [Path(str(name)).name for name in self.noted.get("figures", [])]
        return [name for name in dict.fromkeys(names) if (self.folder.figures / f"{name}.png").is_file()]


def record(folder: RunFolder, found: Task | None = None) -> Record:
    """The record of a run folder.

    Args:
        folder: the run folder.
        found: its task, where it is known already.

    Raises:
        RunError: the folder is not a run's, or a file in it is malformed.
    """
    noted, path = folder.manifest(), folder.path
    places = {"start": path / START, "optimised": path / DESIGN}
    return Record(
        folder,
        noted,
        folder.result(),
        {name: read_json(place) for name, place in places.items() if place.exists()},
        read_json(path / LANDSCAPE) if (path / LANDSCAPE).exists() else None,
        _history(folder),
        found or _task(folder),
    )


def _history(folder: RunFolder) -> History | None:
    try:
        return read_history(folder.path)
    except RunError:
        return None


def _task(folder: RunFolder) -> Task | None:
    """The task, if it can still be made: a page without what the study says of itself is better than none."""
    try:
        return filed_task(folder, computing=False)
    except Exception as cause:
        remark(f"the page lacks what the study says of its problem: {cause}")
        return None
