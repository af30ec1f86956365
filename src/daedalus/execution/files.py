"""Files that are either the old one or the new one, never half of one."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from daedalus.errors import RunError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary sibling to write to, which takes the file's place when the block ends without an error.

    Args:
        path: the file to make or to replace; its folder exists.
    """
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield part
        with open(part, "rb+") as written:
            os.fsync(written.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Makes or replaces a text file."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Makes or replaces a JSON file, as `json_text` has it."""
    write_text(path, json_text(value) + "\n")


def json_text(value: Mapping[str, Any]) -> str:
    """A mapping as JSON; numbers that are not finite become null."""
    return json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False)


def read_text(path: Path) -> str:
    """The text of a file.

    Raises:
        RunError: it is not there, cannot be read, or is no text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as cause:
        raise RunError(f"there is no file {path}. Check the path.") from cause
    except (OSError, UnicodeDecodeError) as cause:
        raise RunError(f"{path} cannot be read as text: {cause}.") from cause


def read_json(path: Path) -> dict[str, Any]:
    """The mapping in a JSON file.

    Raises:
        RunError: no such file, malformed JSON (line and column are named), or something else than a mapping.
    """
    try:
        value = json.loads(read_text(path))
    except json.JSONDecodeError as cause:
        where = f"{path}, line {cause.lineno}, column {cause.colno}"
        raise RunError(f"{where}: {cause.msg}; expected JSON. Correct the file there.") from cause
    if not isinstance(value, dict):
        raise RunError(f"{path} holds a {type(value).__name__}; expected a JSON object {{...}}.")
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
