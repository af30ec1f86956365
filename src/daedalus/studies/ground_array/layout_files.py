"""Layouts as files: x and y of each unit, read from CSV; `daedalus export` writes it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from daedalus.errors import DesignError, reading
from daedalus.geometry.polygons import place

_AXES = ("x", "y")


def read_layout(path: str | Path) -> Float[np.ndarray, "unit 2"]:
    """The positions of a CSV file [m]: a header with the columns x and y, then a line per unit.

    Columns may be called "x [m]" and "y [m]" too, as `daedalus export` has them; other columns are passed over.

    Raises:
        DesignError: a missing column, a line that holds no finite numbers there, no line, or two units in one place;
            the text names the line, the header being line 1.
        StageError: the file cannot be read.
    """
    path = Path(path)
    if not path.is_file():
        raise DesignError(f"there is no file {path}; expected a layout as CSV with columns x and y in metres.")
    with reading(path, "CSV"), path.open(encoding="utf-8-sig", newline="") as file:
        table = csv.reader(file)
        columns = _columns(path, next(table, []))
        rows = [(table.line_num, *_position(path, table.line_num, row, columns)) for row in table if row]
    if not rows:
        raise DesignError(f"{path.name} holds no unit; expected a line with x and y for each.")
    lines, positions = [row[0] for row in rows], np.array([row[1:] for row in rows])
    _, first, which = np.unique(positions, axis=0, return_index=True, return_inverse=True)
    again = np.flatnonzero(first[which.ravel()] != np.arange(len(positions)))
    if again.size:
        k, earlier = again[0], first[which.ravel()][again[0]]
        raise DesignError(
            f"{path.name}, line {lines[k]}: a unit at {place(positions[k])} m, where that of line {lines[earlier]} "
            "stands; expected one in each place. Move or remove it."
        )
    return positions


def _columns(path: Path, header: Sequence[str]) -> tuple[int, int]:
    """Which columns hold x and y."""
    names = [name.strip().lower().removesuffix("[m]").strip() for name in header]
    found = [names.index(axis) for axis in _AXES if names.count(axis) == 1]
    if len(found) < 2:
        raise DesignError(
            f"{path.name}, line 1: columns {', '.join(header) or 'none'}; expected one column x and one column y, in "
            "metres. Name them in the first line."
        )
    return found[0], found[1]


def _position(path: Path, line: int, row: Sequence[str], columns: tuple[int, int]) -> tuple[float, float]:
    """Position in a row."""
    texts = [row[column] if column < len(row) else "nothing" for column in columns]
    try:
        x, y = map(float, texts)
        if np.isfinite([x, y]).all():
            return x, y
    except ValueError:
        pass
    raise DesignError(f"{path.name}, line {line}: x is {texts[0]}, y is {texts[1]}; expected finite numbers [m].")
