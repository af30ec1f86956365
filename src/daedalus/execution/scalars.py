"""Scalars for TensorBoard: loss and figures of every new row, in the files that it watches."""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from daedalus.core import History, Problem
from daedalus.errors import RunError
from daedalus.search import Progress

TENSORBOARD = "tensorboard"  # in the run folder
FORMAT = "brain.Event:2"  # version of the files


class Scalars:
    """A watcher that writes loss and figures of every new row as TensorBoard's scalars.

    Every start is a run of its own ("start0", "start1", ...), the step is the round, the time that at which the row was
    finished. A figure is called "name [unit]". A resumed search goes on in a new file, which says that what older ones
    hold of its rounds is void. Nothing stays open between two calls, however many starts there are.
    """

    def __init__(self, folder: Path, known: int = 0) -> None:
        """Scalars in a run folder, of whose rows those up to a number are there already.

        Raises:
            RunError: the package tensorboardX is missing.
        """
        self.path, self.known = folder / TENSORBOARD, known
        self._event, self._seal = _format()
        self._files: dict[int, Path] = {}
        self._closed = False

    def __call__(self, progress: Progress) -> None:
        """Writes the rows since the last call.

        Raises:
            RunError: they cannot be written, or the scalars are closed.
        """
        if self._closed:
            raise RunError(f"the scalars in {self.path} are closed. Make new ones for another search.")
        history = progress.history
        starts = history["start"][self.known :]
        try:
            for start in np.unique(starts).tolist():
                self._write(start, progress.problem, history, self.known + np.flatnonzero(starts == start))
        except OSError as cause:
            raise RunError(
                f"scalars cannot be written to {self.path}: {cause}. Make room or leave them out, then continue with "
                "`daedalus resume`."
            ) from cause
        self.known = len(history)

    def close(self) -> None:
        """Ends the scalars; all rows that were seen are written."""
        self._closed = True

    def __enter__(self) -> Scalars:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, start: int, problem: Problem, history: History, rows: np.ndarray) -> None:
        """Appends rows of one start to its file, which is new at the first call."""
        events = [self._row(problem, history, row) for row in rows.tolist()]
        if start not in self._files:
            self._files[start], older = self._new_file(start)
            events = [*self._head(events[0], older), *events]
        with open(self._files[start], "ab") as file:
            file.write(b"".join(_framed(event.SerializeToString(), self._seal) for event in events))

    def _new_file(self, start: int) -> tuple[Path, bool]:
        """A name behind those of the run's older files, and whether there are any."""
        folder = self.path / f"start{start}"
        folder.mkdir(parents=True, exist_ok=True)
        number = len(list(folder.glob("events.out.tfevents.*")))
        return folder / f"events.out.tfevents.{number:06d}", number > 0

    def _head(self, first: Any, older: bool) -> list[Any]:
        """The events a file begins with: its format, and where it takes the place of older files."""
        version = self._event(wall_time=first.wall_time, file_version=FORMAT)
        again = self._event(wall_time=first.wall_time, step=first.step, session_log={"status": "START"})
        return [version, again] if older else [version]

    def _row(self, problem: Problem, history: History, row: int) -> Any:
        """The scalars of one row."""
        columns = {"loss": "loss"} | {_tag(figure.name, figure.unit): figure.name for figure in problem.figures}
        with np.errstate(over="ignore"):  # beyond float32 it is infinite
            values = [{"tag": tag, "simple_value": np.float32(history[c][row])} for tag, c in columns.items()]
        finished = datetime.fromisoformat(str(history["finished_at"][row])).timestamp()
        return self._event(wall_time=finished, step=int(history["round"][row]), summary={"value": values})


def _tag(name: str, unit: str) -> str:
    return name if unit in ("", "1") else f"{name} [{unit}]"


def _framed(text: bytes, seal: Callable[[bytes], int]) -> bytes:
    """A record: length, its checksum, the text, its checksum (TensorFlow's TFRecord format)."""
    length = struct.pack("<Q", len(text))
    return length + struct.pack("<I", seal(length)) + text + struct.pack("<I", seal(text))


def _format() -> tuple[Callable[..., Any], Callable[[bytes], int]]:
    """What makes an event, and the checksum of records.

    Raises:
        RunError: the package that knows them is missing.
    """
    try:
        from tensorboardX.proto import event_pb2
        from tensorboardX.record_writer import masked_crc32c
    except ImportError as cause:
        raise RunError(
            "scalars for TensorBoard need the package tensorboardX, which is not installed: "
            "pip install 'daedalus-design[tensorboard]', or leave them out."
        ) from cause
    return event_pb2.Event, masked_crc32c  # pyright: ignore[reportAttributeAccessIssue]
