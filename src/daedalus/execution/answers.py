"""Answers of foreign programs: read from what they leave behind, and checked beyond what the contract asks."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from daedalus.core import Answer, Request, SimulationError

Shapes = Mapping[str, tuple[int, ...]]  # of the values that are no single numbers
Entries = Any  # what a program gives: with luck a mapping with the entries of `Answer`

ENTRIES = tuple(field.name for field in dataclasses.fields(Answer))


def read_entries(path: Path) -> Entries:
    """The entries of an answer in a JSON file.

    Raises:
        SimulationError: no file, or no complete JSON in it.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SimulationError(f"no {path.name} was written") from None
    except json.JSONDecodeError as cause:
        where = f"{path.name}, line {cause.lineno}, column {cause.colno}"
        raise SimulationError(f"{where}: {cause.msg}; expected JSON that is complete") from cause
    except UnicodeDecodeError as cause:
        raise SimulationError(f"{path.name} is no text: {cause}; expected JSON") from cause


def read_columns(path: Path) -> dict[str, np.ndarray]:
    """The columns of a Parquet file: one row per event.

    Raises:
        SimulationError: no file, or no complete Parquet in it.
    """
    import pyarrow
    import pyarrow.parquet

    if not path.is_file():
        raise SimulationError(f"no {path.name} was written")
    try:
        table = pyarrow.parquet.read_table(path)
    except (pyarrow.ArrowException, OSError) as cause:
        said = str(cause).replace(str(path), path.name)
        raise SimulationError(f"{path.name}: {said}; expected Parquet that is complete") from cause
    return {name: column.to_numpy() for name, column in zip(table.column_names, table.columns, strict=True)}


def answer_of(found: Entries, request: Request, *, place: str, shapes: Shapes, differentiable: bool) -> Answer:
    """The answer that a program's entries stand for; which names it needs, and that they are finite, is checked later.

    Args:
        found: what a program said.
        request: what it was asked.
        place: what to call the entries' origin in messages.
        shapes: of the values, and of the columns' entries; those not named are single numbers.
        differentiable: whether derivatives have to be there when they are asked for.

    Raises:
        SimulationError: an unknown entry, a wrong shape, an error or a derivative that cannot be right.
    """
    entries = _entries(found, place)
    values, columns = entries.get("values", {}), entries.get("columns", {})
    derivatives = entries.get("derivatives", {})
    if request.gradient and differentiable and not derivatives:
        raise SimulationError("the answer has no derivatives, but they were asked for")
    return Answer(
        values={name: _shaped(name, value, shapes.get(name, ())) for name, value in values.items()},
        errors=_numbers("error", entries.get("errors", {}), values),
        columns={name: _column(name, column, shapes.get(name, ())) for name, column in columns.items()},
        derivatives=_per_value("derivative", derivatives, values, request),
        derivative_errors=_per_value("derivative error", entries.get("derivative_errors", {}), values, request),
    )


def _entries(found: Entries, place: str) -> Mapping[str, Any]:
    if isinstance(found, Answer):
        return vars(found)
    if not isinstance(found, Mapping):
        raise SimulationError(f"{place} holds a {type(found).__name__}; expected the entries {', '.join(ENTRIES)}")
    for name, entry in found.items():
        if name not in ENTRIES or not isinstance(entry, Mapping):
            raise SimulationError(
                f"{place} has the entry {name!r}, a {type(entry).__name__}; expected {', '.join(ENTRIES)}, each "
                "with numbers by name"
            )
    return found


def _shaped(name: str, value: Any, expected: tuple[int, ...]) -> Any:
    try:
        shape = np.asarray(value, float).shape
    except (TypeError, ValueError):
        return value  # no numbers, or a ragged list: the contract's check says so
    if shape != expected:
        raise SimulationError(f"{name} has the shape {shape}; expected {expected}")
    return value


def _column(name: str, column: Any, expected: tuple[int, ...]) -> np.ndarray:
    try:
        found = np.asarray(column)
    except ValueError as cause:
        raise SimulationError(f"the column {name} is ragged: {cause}") from cause
    if found.shape[1:] != expected or found.ndim == 0:
        raise SimulationError(f"the column {name} has the shape {found.shape}; expected (event, *{expected})")
    return found


def _per_value(
    kind: str, found: Mapping[str, Any], values: Mapping[str, Any], request: Request
) -> dict[str, dict[str, float]]:
    strange = [name for name in found if name not in values]
    if strange:
        raise SimulationError(f"there are {kind}s of {', '.join(strange)}, of which there is no value")
    return {name: _numbers(f"{kind} of {name}", numbers, request.parameters) for name, numbers in found.items()}


def _numbers(kind: str, found: Any, known: Mapping[str, Any]) -> dict[str, float]:
    """Finite numbers that belong to known names."""
    if not isinstance(found, Mapping):
        raise SimulationError(f"the {kind} is {str(found)[:60]!r}; expected numbers by name")
    strange = [name for name in found if name not in known]
    if strange:
        raise SimulationError(f"there is an {kind} for {', '.join(strange)}; known are {', '.join(known)}")
    numbers = {}
    for name, number in found.items():
        if isinstance(number, bool) or not isinstance(number, (int, float, np.number)) or not np.isfinite(number):
            raise SimulationError(f"the {kind} for {name} is {str(number)[:60]!r}; expected a finite number")
        numbers[name] = float(number)
    return numbers
