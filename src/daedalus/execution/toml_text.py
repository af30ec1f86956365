"""TOML: scalars, lists and tables written, which is all a configuration needs; anything read."""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from daedalus.errors import RunError
from daedalus.execution.files import read_text

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def toml_text(table: Mapping[str, Any], prefix: str = "") -> str:
    """A mapping as TOML text; entries that are None are left out.

    Args:
        table: strings, booleans, numbers, lists of these, and mappings of the same.
        prefix: dotted name of the table [text]; empty for the document.

    Raises:
        RunError: a value of another type.
    """
    lines = [f"{_key(k)} = {_value(v)}" for k, v in table.items() if v is not None and not isinstance(v, Mapping)]
    text = "".join(f"{line}\n" for line in lines)
    for name, inner in table.items():
        if isinstance(inner, Mapping) and inner:
            path = f"{prefix}{_key(name)}"
            text += f"\n[{path}]\n{toml_text(inner, path + '.')}"
    return text


def read_toml(path: Path) -> dict[str, Any]:
    """The document in a TOML file.

    Raises:
        RunError: no such file, or malformed TOML (line and column are named).
    """
    try:
        return tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as cause:
        raise RunError(f"{path}: {cause}. Expected TOML, lines like 'rounds = 100'.") from cause


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else str(value)  # inf and nan are TOML too
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_value, value))}]"
    raise RunError(f"{value!r} has no TOML form; expected text, booleans, numbers, lists or tables.")


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
