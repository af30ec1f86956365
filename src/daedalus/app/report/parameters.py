"""Parameters: what each of them was, became, and could be, as the rows of tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from daedalus.app.report.record import Record
from daedalus.core.design import entries_of, fields_of
from daedalus.units import unit

ROUNDING = 1e-6  # of a parameter's range [1]
MANY = 40  # parameters from which on they are shown by field [1]


@dataclasses.dataclass(frozen=True)
class Line:
    """One parameter, in the unit it is shown in; what is not known is None or empty."""

    name: str
    unit: str
    start: float | None = None
    optimised: float | None = None
    bounds: tuple[float, float] | None = None
    kind: str = ""
    doc: str = ""
    free: bool = True  # whether the search moved it
    play: dict[str, Any] = dataclasses.field(default_factory=dict)  # its free play, as the landscape has it

    @property
    def field(self) -> str:
        """The field that it is an element of: "upper.x" for "upper.x[3]"."""
        return self.name.partition("[")[0]

    def interval(self, kind: str) -> str:
        """The ends of its free play, with a star at a bound: alone ("slice") or the others following ("profile")."""
        ends, stars = self.play.get(kind), self.play.get(f"{kind}_open", (False, False))
        if not ends or len(ends) != 2:
            return ""
        return " to ".join(f"{end:.4g}{'*' if star else ''}" for end, star in zip(ends, stars, strict=False))


def lines(record: Record) -> list[Line]:
    """Every parameter of a run, frozen ones included."""
    tables = {name: design.get("parameters", {}) for name, design in record.designs.items()}
    entries = {} if record.task is None else {e.name: e for e in entries_of(record.task.problem.start)}
    moved = None if record.task is None else set(record.task.problem.space.names)
    play = (record.landscape or {}).get("free_play") or {}
    found = []
    for name in entries or record.parameters:
        entry = entries.get(name)
        values = {each: _value(table.get(name)) for each, table in tables.items()}
        about: dict[str, Any] = {}
        if entry is not None:
            size = unit(entry.unit)
            about = {"bounds": (entry.lower / size, entry.upper / size), "kind": entry.kind, "doc": entry.doc}
        line = record.parameters.get(name, {})
        shown = entry.unit if entry is not None else str(line.get("unit", "")) if isinstance(line, dict) else ""
        free = moved is None or name in moved
        found.append(Line(name, shown, **values, **about, free=free, play=play.get(name) or {}))
    return found


def fields(found: Iterable[Line]) -> dict[str, list[Line]]:
    """Parameters by the field that they are elements of, called "z[0..4]" where there are several."""
    grouped: dict[str, list[Line]] = {}
    for line in found:
        grouped.setdefault(line.field, []).append(line)
    return {_called(field, members): members for field, members in grouped.items()}


def choices(record: Record) -> dict[str, str]:
    """What the numbers of a choice stand for, by field."""
    sheet = [] if record.task is None else fields_of(record.task.problem.start)
    told = {".".join(path): line.choices for path, line in sheet if line.choices}
    return {name: ", ".join(f"{number}: {each}" for number, each in enumerate(names)) for name, names in told.items()}


def each(found: Sequence[Line], allowance: str) -> list[list[str]]:
    """A row for every parameter; columns that would be empty are left out."""
    columns = {
        "parameter": [line.name for line in found],
        "start": [_number(line.start, line.bounds) for line in found],
        "optimised": [_number(line.optimised, line.bounds) + ("" if line.free else " (held)") for line in found],
        "unit": [_unit(line.unit) for line in found],
        "allowed": [_span(line.bounds) for line in found],
        f"within {allowance}, alone": [line.interval("slice") for line in found],
        f"within {allowance}, others following": [line.interval("profile") for line in found],
    }
    return _rows(columns)


def summarised(found: Sequence[Line], allowance: str) -> list[list[str]]:
    """A row for every field: the smallest and largest value, and the farthest move."""
    grouped = fields(found)
    groups = list(grouped.values())
    columns = {
        "parameters": list(grouped),
        "start": [_extent(line.start for line in group) for group in groups],
        "optimised": [_extent(line.optimised for line in group) for group in groups],
        "farthest move": [_farthest(group) for group in groups],
        "unit": [_unit(group[0].unit) for group in groups],
        "allowed": [_bounds(group) for group in groups],
        f"width within {allowance}, alone": [_widths(group, "slice") for group in groups],
        f"width within {allowance}, others following": [_widths(group, "profile") for group in groups],
    }
    return _rows(columns)


def sheet(record: Record, found: Sequence[Line]) -> list[list[str]]:
    """A row for every field: its bounds and its meaning."""
    names, grouped = choices(record), fields(found)
    groups = list(grouped.values())
    held = [sum(not line.free for line in group) for group in groups]
    columns = {
        "parameters": list(grouped),
        "number": [f"{len(g)}" + (f", {h} of them held" if h else "") for g, h in zip(groups, held, strict=True)],
        "allowed": [_bounds(group) for group in groups],
        "unit": [_unit(group[0].unit) for group in groups],
        "kind": [group[0].kind for group in groups],
        "meaning": [". ".join(filter(None, (g[0].doc, names.get(g[0].field, "")))) for g in groups],
    }
    return _rows(columns)


def _rows(columns: dict[str, list[str]]) -> list[list[str]]:
    kept = {name: cells for name, cells in columns.items() if any(cells)}
    return [list(kept), *(list(row) for row in zip(*kept.values(), strict=True))]


def _called(field: str, members: Sequence[Line]) -> str:
    if len(members) == 1:
        return members[0].name
    first, last = (members[end].name[len(field) :].strip("[]") for end in (0, -1))
    return f"{field}[{first}..{last}]"


def _value(line: Any) -> float | None:
    value = line.get("value") if isinstance(line, dict) else line
    return float(value) if isinstance(value, int | float) else None


def _number(value: float | None, bounds: tuple[float, float] | None = None) -> str:
    """A value to five digits; what is less than a millionth of its range is rounding."""
    if value is None:
        return ""
    rounding = bounds is not None and abs(value) < ROUNDING * (bounds[1] - bounds[0])
    return "0" if rounding else f"{value:.5g}"


def _unit(name: str) -> str:
    return "" if name == "1" else name


def _span(ends: tuple[float, float] | None) -> str:
    return "" if ends is None else f"{ends[0]:.5g} to {ends[1]:.5g}"


def _extent(values: Iterable[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return ""
    low, high = _number(min(known)), _number(max(known))
    return low if low == high else f"{low} to {high}"


def _bounds(group: Sequence[Line]) -> str:
    spans = list(dict.fromkeys(_span(line.bounds) for line in group))
    return spans[0] if len(spans) == 1 else "; ".join(spans) if len(spans) <= 3 else "differs by element"


def _farthest(group: Sequence[Line]) -> str:
    pairs = [(line.start, line.optimised) for line in group]
    moves = [abs(after - before) for before, after in pairs if before is not None and after is not None]
    return _number(max(moves)) if moves else ""


def _widths(group: Sequence[Line], kind: str) -> str:
    ends = [line.play[kind] for line in group if len(line.play.get(kind) or ()) == 2]
    return _extent(high - low for low, high in ends)
