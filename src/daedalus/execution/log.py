"""The log of a run: what happened and when, a line of JSON each, for people and for programs."""

from __future__ import annotations

import dataclasses
import errno
import json
import math
import numbers
import os
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from daedalus.errors import RunError

LOG = "log.jsonl"  # in the run folder
Level = Literal["info", "warning", "error"]


class Log:
    """Writes what happens to a log, one line at a time: ``log("chunk", done=5, loss=0.3)``.

    A line holds time (UTC, ISO 8601), level, event and the facts; numbers that are not finite are the texts "nan",
    "inf" and "-inf". Lines of several processes never mix, for each is appended in one piece (on a disk of one's own;
    network file systems promise less). Where it cannot be written, it warns once and the search goes on.
    """

    def __init__(self, path: Path) -> None:
        """A log that goes to a file, which is made at the first line; its folder exists."""
        self.path = path
        self._warned = False

    def __call__(self, event: str, /, *, level: Level = "info", **facts: Any) -> None:
        """Appends a line.

        Args:
            event: what happened, in a word or two.
            level: how bad it is.
            facts: what belongs to it; those called time or event get an underscore behind their names.
        """
        head = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "level": level, "event": event}
        told = {f"{name}_" if name in head else name: _plain(fact) for name, fact in facts.items()}
        line = json.dumps(head | told, ensure_ascii=False, allow_nan=False) + "\n"
        try:
            _append(self.path, line.encode("utf-8", "backslashreplace"))  # half a surrogate: as JSON escapes it
        except OSError as cause:
            self._warn(cause)

    def _warn(self, cause: OSError) -> None:
        if not self._warned:
            self._warned = True
            text = f"the log {self.path} cannot be written: {cause}. The run goes on, with gaps in its log."
            warnings.warn(text, RuntimeWarning, stacklevel=3)


@dataclasses.dataclass(frozen=True)
class Logged:
    """What a log holds."""

    entries: list[dict[str, Any]]  # line by line
    torn: int  # lines that were not written whole, and are left out


def read_log(path: Path) -> Logged:
    """The whole lines of a log, also while it is written, and the number of torn ones.

    Raises:
        RunError: the file cannot be read.
    """
    try:
        text = path.read_bytes()
    except OSError as cause:
        raise RunError(f"the log {path} cannot be read: {cause}. Check the path.") from cause
    found = [_entry(line) for line in text.split(b"\n") if line]
    entries = [entry for entry in found if entry is not None]
    return Logged(entries, len(found) - len(entries))


def _append(path: Path, line: bytes) -> None:
    """Adds a line in one piece; where the last one was torn, behind a new beginning."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        length = os.fstat(file).st_size
        torn = length > 0 and os.pread(file, 1, length - 1) != b"\n"
        text = b"\n" + line if torn else line
        if os.write(file, text) < len(text):
            raise OSError(errno.ENOSPC, "a part of a line was written")
    finally:
        os.close(file)


def _entry(line: bytes) -> dict[str, Any] | None:
    """What a line says; None where it is not whole."""
    try:
        value = json.loads(line)
    except ValueError:  # not JSON, or not even text
        return None
    return value if isinstance(value, dict) else None


def _plain(value: Any) -> Any:
    """The value as strict JSON has it; what it has no form for is the text Python prints."""
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value) if math.isfinite(value) else str(float(value))
    if isinstance(value, numbers.Complex):
        return str(value)
    return _plain(value.tolist()) if hasattr(value, "tolist") else str(value)  # arrays
