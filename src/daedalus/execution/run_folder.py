"""Run folders: everything a run leaves behind, and everything needed to repeat it."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daedalus.core import Design, History, Problem
from daedalus.errors import RunError
from daedalus.execution.design_file import LEAVES, write_design
from daedalus.execution.design_file import read_design as read_design_file
from daedalus.execution.files import read_json, replacing, write_json, write_text
from daedalus.execution.history_file import read_history_file, write_history
from daedalus.execution.lock import Lock
from daedalus.execution.log import LOG
from daedalus.execution.scalars import TENSORBOARD
from daedalus.execution.search_record import read_search

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MANIFEST, CONFIGURATION, HISTORY, JOURNAL = "manifest.json", "config.toml", "history.parquet", "journal"
LOCK = "writer.lock"
DESIGN, START, RESULT, REPORT = "design.json", "start.json", "result.json", "report.html"
FIGURES, ANIMATION = "figures", "search.gif"
LANDSCAPE = "landscape.json"  # what `daedalus landscape` found around the optimum
_SUFFIXES = (".png", ".pdf")


@dataclasses.dataclass(frozen=True)
class RunFolder:
    """A folder with the record of one run; every file is replaced atomically.

    manifest.json is written before the first evaluation and says how the run ended; config.toml repeats it;
    journal grows with every chunk of rounds, and history.parquet is made of it; start.json and design.json hold the
    first and the optimised design with units, start.npz and design.npz what these have learned (where anything is to be
    learned), result.json what both are worth, figures/ the pictures as PNG and PDF and the search as an animation.
    """

    path: Path

    @staticmethod
    def create(path: Path, *, force: bool = False) -> RunFolder:
        """A new run folder. With ``force`` the files of an earlier run are removed from it, and no others.

        Raises:
            RunError: the folder exists and ``force`` was not given, or it exists and holds something else
                than a run.
        """
        try:
            path.mkdir(parents=True, exist_ok=force)
        except FileExistsError as cause:
            what = "a folder" if path.is_dir() else "a file"
            remedy = (
                "Choose another --out, or --force to replace the run in it."
                if path.is_dir()
                else "Choose another --out."
            )
            raise RunError(f"{path} exists, {what}; expected a new folder. {remedy}") from cause
        except OSError as cause:
            raise RunError(f"the folder {path} cannot be made: {cause}. Choose another --out.") from cause
        folder = RunFolder(path)
        if any(path.iterdir()):
            with folder.lock():
                folder._clear()
        return folder

    @property
    def journal(self) -> Path:
        """The file of all rounds and states."""
        return self.path / JOURNAL

    def lock(self, *, broken: bool = False) -> Lock:
        """The right to write here, as a context; a process that has it gets it again.

        Args:
            broken: take it in any case: its holder is known to be gone.

        Raises:
            RunError: another process has it; its name is in the message.
        """
        return Lock(self.path / LOCK, broken=broken)

    @property
    def figures(self) -> Path:
        """The folder of the pictures."""
        return self.path / FIGURES

    def manifest(self) -> dict[str, Any]:
        """What the run was made of and how it ended.

        Raises:
            RunError: there is no manifest (the folder is not a run's), or it is malformed.
        """
        if not (self.path / MANIFEST).is_file():
            raise RunError(f"{self.path} holds no {MANIFEST}; expected a folder as `daedalus run --out` leaves it.")
        return read_json(self.path / MANIFEST)

    def note(self, **entries: Any) -> None:
        """Adds or changes entries of the manifest."""
        known = read_json(self.path / MANIFEST) if (self.path / MANIFEST).exists() else {}
        write_json(self.path / MANIFEST, known | entries)

    def write_configuration(self, text: str) -> None:
        """Writes config.toml."""
        write_text(self.path / CONFIGURATION, text)

    def write_history(self, history: History) -> None:
        """Writes history.parquet; a history without rows is not written."""
        if len(history):
            write_history(self.path / HISTORY, history)

    def write_start(self, problem: Problem, design: Design) -> None:
        """Writes start.json, the design the search began with."""
        write_design(self.path / START, problem, design)

    def write_design(self, problem: Problem, design: Design) -> None:
        """Writes design.json, the optimised design."""
        write_design(self.path / DESIGN, problem, design)

    def write_result(self, result: Mapping[str, Any]) -> None:
        """Writes result.json, what the designs are worth."""
        write_json(self.path / RESULT, result)

    def result(self) -> dict[str, Any] | None:
        """What the designs are worth, or None where the run ended before they were measured."""
        return read_json(self.path / RESULT) if (self.path / RESULT).exists() else None

    def write_figures(self, figures: Mapping[str, Figure]) -> None:
        """Writes pictures by name as PNG and PDF, and notes their names in the manifest."""
        self.figures.mkdir(exist_ok=True)
        for name, figure in figures.items():
            for suffix in _SUFFIXES:
                with replacing(self.figures / f"{name}{suffix}") as part:
                    figure.savefig(part, format=suffix[1:])
        known = self.manifest().get("figures", [])
        self.note(figures=[*known, *(name for name in figures if name not in known)])

    def write_animation(self, animation: bytes) -> None:
        """Writes the animation of the search, a GIF."""
        self.figures.mkdir(exist_ok=True)
        with replacing(self.figures / ANIMATION) as part:
            part.write_bytes(animation)

    def _clear(self) -> None:
        """Removes what an earlier run wrote."""
        if not (self.path / MANIFEST).is_file():
            raise RunError(
                f"{self.path} is not empty and holds no {MANIFEST}: it is not a run's. Choose another --out."
            )
        pictures = [Path(str(name)).name for name in self.manifest().get("figures", [])]
        damaged = (each.name for each in self.path.glob(f"{JOURNAL}.damaged*"))
        shutil.rmtree(self.path / TENSORBOARD, ignore_errors=True)
        leaves = [Path(name).with_suffix(LEAVES).name for name in (DESIGN, START)]
        for name in (JOURNAL, LOG, *damaged, HISTORY, DESIGN, START, *leaves, RESULT, REPORT, CONFIGURATION, LANDSCAPE):
            (self.path / name).unlink(missing_ok=True)
        for name in pictures:
            for suffix in _SUFFIXES:
                (self.figures / f"{name}{suffix}").unlink(missing_ok=True)
        (self.figures / ANIMATION).unlink(missing_ok=True)
        (self.path / MANIFEST).unlink()


def read_manifest(path: Path | str) -> dict[str, Any]:
    """The manifest of a run folder.

    Raises:
        RunError: the folder is not a run's, or its manifest is malformed.
    """
    return RunFolder(Path(path)).manifest()


def read_history(path: Path | str) -> History:
    """The history of a run folder, also of one that is being written.

    Raises:
        RunError: the folder is not a run's, or it has no readable history.
    """
    read_manifest(path)
    journal, derived = Path(path) / JOURNAL, Path(path) / HISTORY
    if journal.exists():  # runs of earlier versions have none
        checkpoint = read_search(journal).checkpoint
        if checkpoint is not None:
            return checkpoint.history
    return read_history_file(derived)


def read_design(path: Path | str, problem: Problem) -> Design:
    """The optimised design of a run folder (of one that is not finished, that of lowest loss), or the one in a file.

    Raises:
        RunError: the file is missing or malformed.
        DesignError: it does not fit the problem.
    """
    place = Path(path)
    if place.is_dir() and (place / JOURNAL).exists() and not (place / DESIGN).exists():
        history = read_history(place)
        if (place / START).exists():  # what is frozen, or not trained, is the start's
            problem = dataclasses.replace(problem, start=read_design_file(place / START, problem))
        return history.design(problem, history.best_row())
    return read_design_file(place / DESIGN if place.is_dir() else place, problem)
