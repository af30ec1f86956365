"""Stored tables of designs as simulators: a search among what was simulated before."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from daedalus.core import Answer, Problem, Request, SimulationError, Space
from daedalus.errors import ProblemError, RunError
from daedalus.units import dimension
from daedalus.units import unit as unit_value

TITLE = re.compile(r"(?P<name>.+?)(?: \[(?P<unit>[^\]]*)\])?")  # "z[3] [cm]", "z[3]"
TOLERANCE = 1e-5  # [share of range]; of a design from its row, for rounding


@final
class StoredTable:
    """A simulator that looks its answers up in a table of designs.

    Where a design is there several times, the seed says which row answers. A search is led by `nearest` to the
    designs that are there; for any other the evaluation fails.
    """

    differentiable = False

    def __init__(self, space: Space, rows: np.ndarray, values: dict[str, np.ndarray], names: Sequence[str]) -> None:
        """Sorts the rows by design.

        Args:
            space: of the designs.
            rows: the designs, row first [house units].
            values: the values and, under "<name>_error", their standard errors where they are known.
            names: which of them an answer needs.
        """
        from scipy.spatial import KDTree  # slow to import, and nobody else needs it

        self.space, self.rows, self.values, self.names = space, rows, values, tuple(names)
        cubes = (rows - space.lower) / (space.upper - space.lower)
        self.cubes, self._design = np.unique(cubes, axis=0, return_inverse=True)
        self._tree = KDTree(self.cubes)

    @staticmethod
    def read(path: Path | str, space: Space, names: Sequence[str]) -> StoredTable:
        """The table in a Parquet or CSV file: a column per parameter, value and standard error.

        A parameter's column is titled "name" or "name [unit]", as in a history; without a unit it is in the unit of
        the data sheet. Values are titled by their names, errors "<name>_error". Designs outside the bounds are left
        out; a value that is missing is a failed evaluation.

        Args:
            path: ends in .parquet or .csv.
            space: which parameters there are.
            names: the values that are needed.

        Raises:
            RunError: the file cannot be read, lacks a column, or has no design within bounds.
        """
        columns = _columns(Path(path))
        units = {match["name"]: (match["unit"], title) for title in columns if (match := TITLE.fullmatch(title))}
        missing = [name for name in space.names if name not in units] + [n for n in names if n not in columns]
        if missing:
            raise RunError(f"{path} has no column for {', '.join(missing)}; it has {', '.join(columns)}.")
        rows = np.stack([_house(path, columns, *units[e.name], e.unit) for e in space.entries], axis=1)
        wanted = [name for n in names for name in (n, f"{n}_error") if name in columns]
        values = {name: _numbers(path, columns, name) for name in wanted}
        slack = TOLERANCE * (space.upper - space.lower)
        inside = np.all((rows >= space.lower - slack) & (rows <= space.upper + slack), axis=1)
        if not inside.any():
            raise RunError(f"none of the {len(rows)} designs of {path} lies within the bounds; check its units.")
        return StoredTable(space, rows, values, names).restricted(inside)

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.rows)

    def restricted(self, kept: np.ndarray) -> StoredTable:
        """The table of some of its rows only."""
        values = {name: column[kept] for name, column in self.values.items()}
        return StoredTable(self.space, self.rows[kept], values, self.names)

    def __call__(self, request: Request) -> Answer:
        """The stored answer.

        Raises:
            SimulationError: the design is not in the table.
        """
        house = [request.parameters[e.name] * unit_value(e.unit) for e in self.space.entries]
        cube = (np.array(house) - self.space.lower) / (self.space.upper - self.space.lower)
        distance, design = self._tree.query(cube)
        if distance > TOLERANCE * max(1.0, np.sqrt(len(cube))):
            raise SimulationError(
                f"the design is not in the table; the nearest is {distance:.2g} away in the unit cube"
            )
        same = np.flatnonzero(self._design == design)
        row = same[request.seed % len(same)]
        at_row = {name: float(column[row]) for name, column in self.values.items()}
        errors = {n: at_row[f"{n}_error"] for n in self.names if np.isfinite(at_row.get(f"{n}_error", np.nan))}
        return Answer({name: at_row[name] for name in self.names}, errors)

    def nearest(
        self, wished: Float[np.ndarray, "start param"], taken: Float[np.ndarray, "row param"]
    ) -> Float[np.ndarray, "start param"]:
        """For each wished-for place the nearest design of the table that is not taken, no two alike [cube].

        Where all are taken, all are free again.

        Args:
            wished: where a search would like to go [cube].
            taken: designs of the table it has seen [cube].
        """
        free = np.ones(len(self.cubes), bool)
        if len(taken):
            free[self._tree.query(taken)[1]] = False
        found = []
        for place in wished:
            if not free.any():
                free[:] = True
            distances = np.where(free, np.sum((self.cubes - place) ** 2, axis=1), np.inf)
            found.append(int(np.argmin(distances)))
            free[found[-1]] = False
        return self.cubes[found]


def offline(problem: Problem, path: Path | str) -> Problem:
    """The same problem among the designs of a stored table; its simulator is not run.

    The start is the design nearest to the problem's own; designs that violate a known constraint are left out.

    Args:
        problem: a task with a simulator, which says which values its figures need.
        path: the table, as `StoredTable.read` reads it.

    Raises:
        ProblemError: the problem has no simulator.
        RunError: what `StoredTable.read` raises, or no design meets the known constraints.
    """
    if problem.simulator is None:
        raise ProblemError(
            f"{problem.name!r} has a pipeline, whose figures read sums over events; expected a problem with a "
            "simulator, whose figures read an answer's values."
        )
    space = problem.space
    table = StoredTable.read(path, space, problem.simulator.names)
    kept = _admissible(problem, table.rows)
    if not kept.any():
        raise RunError(f"no design of {path} meets the known constraints of {problem.name!r}.")
    table = table.restricted(kept)
    start = table.nearest(np.asarray(space.cube(problem.start), float)[None], np.zeros((0, space.size)))[0]
    return dataclasses.replace(problem, simulator=table, start=space.design(jnp.asarray(start, jnp.result_type(float))))


def _admissible(problem: Problem, rows: np.ndarray) -> np.ndarray:
    """Which designs meet the known constraints."""
    known: list[Any] = [c for c in problem.constraints if c.known]
    if not known:
        return np.ones(len(rows), bool)

    def worst(values: Array) -> Array:
        design = problem.space.filled(values)
        return jnp.max(jnp.concatenate([c.excess(jnp.asarray(c.function(design))) for c in known]))

    return np.asarray(jax.vmap(worst)(jnp.asarray(rows, jnp.result_type(float)))) <= TOLERANCE


def _columns(path: Path) -> dict[str, Any]:
    """The columns of a file by title."""
    import pyarrow
    import pyarrow.csv
    import pyarrow.parquet

    readers = {".parquet": pyarrow.parquet.read_table, ".csv": pyarrow.csv.read_csv}
    if path.suffix not in readers:
        raise RunError(f"{path} ends in {path.suffix!r}; expected a table in {' or '.join(readers)}.")
    try:
        table = readers[path.suffix](path)
    except (pyarrow.ArrowException, OSError) as cause:
        raise RunError(f"{path} cannot be read: {cause}.") from cause
    return dict(zip(table.column_names, table.columns, strict=True))


def _numbers(path: Path | str, columns: dict[str, Any], title: str) -> np.ndarray:
    try:
        return columns[title].to_numpy().astype(float)
    except (TypeError, ValueError) as cause:
        raise RunError(f"{path}, column {title}: {cause}; expected numbers.") from cause


def _house(path: Path | str, columns: dict[str, Any], unit: str | None, title: str, shown: str) -> np.ndarray:
    """A parameter's column in house units."""
    unit = shown if unit is None else unit
    if dimension(unit) != dimension(shown):
        raise RunError(f"{path}, column {title}: expected a unit of the kind of {shown!r}.")
    return _numbers(path, columns, title) * unit_value(unit)
