"""Designs as files: every parameter by name, with its value and unit, and beside it what the design has learned."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from daedalus.core import Design, Entry, Problem, Space
from daedalus.core.leaves import leaves_of
from daedalus.errors import DesignError
from daedalus.execution.files import read_json, write_json
from daedalus.execution.leaves_file import read_leaves, write_leaves
from daedalus.units import dimension, unit

LEAVES = ".npz"  # what the file of the learned leaves ends in


def design_table(space: Space, design: Design) -> dict[str, dict[str, Any]]:
    """All parameters of a design, frozen ones included, as {name: {"value": number, "unit": text}}.

    Values are the shortest decimals from which `design_from_table` makes the same numbers again, where there are such:
    a double in another unit may move by its last bit, once.
    """
    whole = _unfrozen(space)
    pairs = zip(whole.entries, np.asarray(whole.values(design)), strict=True)
    return {entry.name: {"value": _shortest(value, unit(entry.unit)), "unit": entry.unit} for entry, value in pairs}


def design_from_table(space: Space, table: Mapping[str, Any]) -> Design:
    """The design a table describes; parameters it leaves out keep the values of the space's template.

    A line is {"value": number, "unit": text} or a bare number in the data sheet's unit. A list of numbers
    fills all elements of a field: "z" stands for z[0], z[1], ...

    Raises:
        DesignError: an unknown parameter, a unit of another kind, a value that is no number, or out of
            bounds.
    """
    whole = _unfrozen(space)
    known = {entry.name: number for number, entry in enumerate(whole.entries)}
    flat = np.array(whole.values(space.template), float)
    for name, line in _elements(table, list(known)).items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
            hint = f"Did you mean {', '.join(near)}?" if near else f"Known: {', '.join(list(known)[:12])} ..."
            raise DesignError(f"unknown parameter {name!r}. {hint}")
        flat[known[name]] = _quantity(whole.entries[known[name]], line)
    design = whole.filled(flat)
    whole.check(design)
    return design


def write_design(path: Path, problem: Problem, design: Design) -> None:
    """Makes or replaces a design file, with the problem's name and version beside the parameters.

    Learned leaves go into a file of their own beside it, "design.npz" for "design.json", whose SHA-256 the design file
    knows: the two belong together.
    """
    space = problem.space
    about: dict[str, Any] = {"problem": problem.name, "version": problem.version}
    if space.learned_size:
        digest = write_leaves(path.with_suffix(LEAVES), leaves_of(space.point(design).learned))
        about["learned"] = {"file": path.with_suffix(LEAVES).name, "numbers": space.learned_size, "sha256": digest}
    write_json(path, about | {"parameters": design_table(space, design)})


def read_design(path: Path, problem: Problem) -> Design:
    """The design in a file, either as `write_design` makes it or as the bare table of parameters.

    A table that says nothing of learned leaves is of hardware only: the leaves are then the problem's start's.

    Raises:
        RunError: the file, or that of its learned leaves, is missing or malformed, or the latter is another one.
        DesignError: it names an unknown parameter, a wrong unit, or a value out of bounds, or the design has other
            learned leaves; the text names the file.
    """
    content = read_json(path)
    table = content.get("parameters", content)
    if not isinstance(table, dict):
        raise DesignError(f"{path}: 'parameters' is {table!r}; expected a table {{name: {{value, unit}}}}.")
    try:
        design, learned = design_from_table(problem.space, table), content.get("learned") or {}
        if "parameters" not in content or not learned:
            return design
        return problem.space.trained(design, read_leaves(path.with_name(learned["file"]), learned.get("sha256")))
    except DesignError as cause:
        raise DesignError(f"{path}: {cause}") from cause


def _unfrozen(space: Space) -> Space:
    return dataclasses.replace(space, free=np.arange(len(space.every)))


def _shortest(value: np.floating, scale: float) -> float:
    """The shortest decimal that times a scale is a number again, in the number's own precision."""
    tries = (float(f"{float(value) / scale:.{digits}g}") for digits in range(1, 18))
    return next((each for each in tries if type(value)(each * scale) == value), float(value) / scale)


def _elements(table: Mapping[str, Any], known: list[str]) -> dict[str, Any]:
    """The table with lists spread over the elements they fill."""
    lines: dict[str, Any] = {}
    for name, line in table.items():
        values = line.get("value") if isinstance(line, Mapping) else line
        names = [k for k in known if k.startswith(f"{name}[")]
        if not isinstance(values, list) or not names:
            lines[name] = line
            continue
        values = np.ravel(np.asarray(values, object)).tolist()
        if len(values) != len(names):
            raise DesignError(f"{name} has {len(values)} values; expected {len(names)}: {names[0]} to {names[-1]}.")
        given = {"unit": line["unit"]} if isinstance(line, Mapping) and "unit" in line else {}
        lines |= {k: {"value": value, **given} for k, value in zip(names, values, strict=True)}
    return lines


def _quantity(entry: Entry, line: Any) -> float:
    """A table's line as a number in house units."""
    value, given = (
        (line.get("value"), line.get("unit", entry.unit)) if isinstance(line, Mapping) else (line, entry.unit)
    )
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not np.isfinite(value):
        raise DesignError(f"{entry.name} is {value!r}; expected a finite number in {entry.unit}.")
    if not isinstance(given, str) or dimension(given) != dimension(entry.unit):
        raise DesignError(f"{entry.name} is given in {given!r}; expected {entry.unit!r} or a unit of the same kind.")
    if entry.kind != "continuous" and value != round(value):
        raise DesignError(f"{entry.name} is {value}; expected a whole number.")
    return float(value) * unit(given)
