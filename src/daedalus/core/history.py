"""Histories: a table with one row per evaluated design."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool

from daedalus.core.leaves import Leaves
from daedalus.core.problem import Problem
from daedalus.errors import RunError
from daedalus.units import unit as unit_value

if TYPE_CHECKING:
    import pandas

CLOCK_COLUMNS = ("wall_seconds", "cpu_seconds", "finished_at")  # the only ones that may differ between equal runs


@dataclasses.dataclass(frozen=True, eq=False)
class History:
    """A table of evaluations: column name to one value per row.

    Columns: row, round, start, status; a parameter each as "name [unit]"; the loss; for every figure its value and
    its standard error ("name", "name_error") in its own unit; accepted, effective_events, empty, events, softness, key,
    signal (of gradients); and the clock's `CLOCK_COLUMNS`. In a notebook it shows itself as a table.

    Learned leaves are no columns: they are kept, beside the table, of the last sound row of every start and of the best
    row so far. Methods without gradients leave them as the problem's start has them.
    """

    columns: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    learned: Mapping[int, Leaves] = dataclasses.field(default_factory=dict)  # by row, where the design has any

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()))) if self.columns else 0

    def __getitem__(self, name: str) -> np.ndarray:
        """The column of a name.

        Raises:
            RunError: there is none.
        """
        if name not in self.columns:
            raise RunError(f"the history has no column {name!r}; it has {', '.join(self.columns)}.")
        return self.columns[name]

    def extended(self, rows: dict[str, np.ndarray]) -> History:
        """A history with more rows of the same columns."""
        if not self.columns:
            return History({name: np.asarray(values) for name, values in rows.items()})
        columns = {name: np.concatenate([old, rows[name]]) for name, old in self.columns.items()}
        return History(columns, self.learned)

    def row(self, number: int) -> dict[str, Any]:
        """One row as a mapping."""
        return {name: values[number].item() for name, values in self.columns.items()}

    @property
    def complete(self) -> Bool[np.ndarray, "row"]:
        """Which rows' designs can be had: all, or those whose learned leaves are kept."""
        every = np.arange(len(self))
        return np.isin(every, list(self.learned)) if self.learned else every >= 0

    def best_row(self, column: str = "loss") -> int:
        """The row of the smallest value among sound ones. It is the luckiest too: measure it again before you trust it.

        Raises:
            RunError: no sound row.
        """
        sound = np.where((self["status"] == "ok") & np.isfinite(self[column]) & self.complete)[0]
        if len(sound) == 0:
            raise RunError(f"no row of the history has status ok and a finite {column}; nothing can be called best.")
        return int(sound[np.argmin(self[column][sound])])

    def design(self, problem: Problem, number: int) -> Any:
        """The design of one row, with what it had learned.

        Raises:
            RunError: the design has learned leaves, and those of this row are not kept.
        """
        hardware, row = self.hardware(problem, number), range(len(self))[number]
        if not (problem.space.learned_size and "signal" in self.columns):  # without gradients nothing is learned
            return hardware
        if row not in self.learned:
            known = ", ".join(map(str, sorted(self.learned))) or "none"
            raise RunError(
                f"the learned leaves of row {row} are not kept; they are of the last row of every start and of the "
                f"best one, {known}. Take one of these, or history.hardware, which has the leaves of the start."
            )
        return problem.space.trained(hardware, self.learned[row])

    def hardware(self, problem: Problem, number: int) -> Any:
        """The design of one row but for its learned leaves, which are the start's: for its layout and its cost."""
        space = problem.space
        values = np.array([float(self[entry.column][number]) * unit_value(entry.unit) for entry in space.entries])
        return space.filled(np.clip(values, space.lower, space.upper))

    def to_pandas(self) -> pandas.DataFrame:
        """The history as a pandas frame; needs pandas (the extra "notebook")."""
        import pandas  # optional package

        return pandas.DataFrame(self.columns).set_index("row", drop=False)

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name}</th>" for name in self.columns)
        shown = [*range(min(5, len(self))), *range(max(5, len(self) - 5), len(self))]
        cell = lambda value: f"<td>{value:.5g}</td>" if isinstance(value, float) else f"<td>{value}</td>"
        body = "".join("<tr>" + "".join(cell(v) for v in self.row(i).values()) + "</tr>" for i in shown)
        return f"<table><caption>{len(self)} evaluations</caption><tr>{head}</tr>{body}</table>"
