"""Fields: the parameters in the groups that a page shows at a time, and a row of controls for each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from dash import dcc, html

from daedalus.app.explorer.designs import RANGES
from daedalus.core import Entry, Problem
from daedalus.core.design import fields_of
from daedalus.units import unit

TOGETHER = 24  # rows that a page shows at a time
DIVISIONS = 1000  # of a parameter's range, to which a slider rounds [1]
Ranges = Mapping[str, Mapping[str, tuple[float, float]]]


def field_of(name: str) -> str:
    """The field that a parameter is an element of: "upper.x" for "upper.x[3]"."""
    return name.partition("[")[0]


def groups(names: Sequence[str]) -> dict[str, list[int]]:
    """The numbers of the parameters that are shown together, by what a chooser calls them.

    All of them, where these are few; else the fields, small ones of one parent ("upper.x", "upper.y") together, and
    large ones in several parts.
    """
    if len(names) <= TOGETHER:
        return {"all": list(range(len(names)))}
    fields: dict[str, list[int]] = {}
    for number, name in enumerate(names):
        fields.setdefault(field_of(name), []).append(number)
    packed: list[list[str]] = []
    for field in fields:
        last = packed[-1] if packed else []
        near = bool(last) and _parent(last[-1]) == _parent(field)
        if near and sum(len(fields[each]) for each in (*last, field)) <= TOGETHER:
            last.append(field)
        else:
            packed.append([field])
    found = {}
    for pack in packed:
        numbers = [number for field in pack for number in fields[field]]
        for begin in range(0, len(numbers), TOGETHER):
            part = numbers[begin : begin + TOGETHER]
            whole = len(part) == len(numbers)
            found[", ".join(pack) if whole else f"{names[part[0]]} to {names[part[-1]]}"] = part
    return found


def scale_of(entry: Entry) -> dict[str, Any]:
    """What a slider's arithmetic needs of a parameter: bounds [its unit], decimals, and whether it is whole."""
    low, high = entry.lower / unit(entry.unit), entry.upper / unit(entry.unit)
    decimals = 0 if entry.kind != "continuous" else max(0, math.ceil(math.log10(DIVISIONS / (high - low))))
    tidy = lambda bound: float(f"{bound:.12g}")
    return {"name": entry.name, "low": tidy(low), "high": tidy(high), "decimals": decimals}


def _parent(field: str) -> str:
    return field.rpartition(".")[0]


def rows(
    problem: Problem, numbers: Sequence[int], values: Sequence[float], *, against: Sequence[float], held: Sequence[str],
    ranges: Ranges,
) -> list[Any]:  # fmt: skip
    """The rows of some parameters, under the headings of their fields.

    Args:
        problem: whose parameters.
        numbers: which of them.
        values: of all parameters, as they are now [unit of each].
        against: the same of the design that is compared with; marked on the sliders.
        held: names of those that re-optimising leaves alone.
        ranges: near-optimal ones by name and kind [unit of each].
    """
    entries, choices = problem.space.entries, _choices(problem)
    found, heading = [], None
    for number in numbers:
        entry = entries[number]
        if field_of(entry.name) != heading:
            heading = field_of(entry.name)
            names = choices.get(heading, ())
            told = f" ({', '.join(f'{i}: {name}' for i, name in enumerate(names))})" if names else ""
            unit_text = "" if entry.unit == "1" else f" [{entry.unit}]"
            found.append(html.H3([heading, html.Span(unit_text), html.Small(f"{entry.doc}{told}")]))
        found.append(_row(entry, values[number], against[number], entry.name in held, ranges.get(entry.name, {})))
    return found


def _row(entry: Entry, value: float, other: float, held: bool, ranges: Mapping[str, tuple[float, float]]) -> html.Div:
    scale = scale_of(entry)
    step = "any" if entry.kind == "continuous" else 1
    bounds = {"min": scale["low"], "max": scale["high"]}
    key = lambda kind: {"type": kind, "name": entry.name}
    slider = dcc.Input(id=key("slider"), type="range", step=step, value=value, className="slider", **bounds)
    field = dcc.Input(id=key("field"), type="text", value=f"{value:.6g}", debounce=True, className="field")
    hold = dcc.Checklist(id=key("hold"), options=[{"label": "hold", "value": entry.name}], value=[entry.name] * held)
    short = entry.name[len(field_of(entry.name)) :] or "value"
    title = f"{entry.name}: {scale['low']:g} to {scale['high']:g} {'' if entry.unit == '1' else entry.unit}"
    return html.Div(
        [
            html.Span(short, className="name", title=title),
            html.Span(f"{scale['low']:g}", className="bound low"),
            html.Div([_bar(scale, other, ranges), slider], className="way", title=title),
            html.Span(f"{scale['high']:g}", className="bound"),
            field,
            html.Span(hold, title="hold it when the others are re-optimised", className="hold"),
        ],
        className="row",
    )


def _bar(scale: Mapping[str, Any], other: float, ranges: Mapping[str, tuple[float, float]]) -> html.Div:
    """What lies under a slider: the near-optimal ranges, and a mark where the compared design is."""
    share = lambda value: 100.0 * min(max((value - scale["low"]) / (scale["high"] - scale["low"]), 0.0), 1.0)
    parts = [
        html.Span(
            className=f"range {kind}", style={"left": f"{share(low):.3f}%", "width": f"{share(high) - share(low):.3f}%"}
        )
        for kind in RANGES
        if kind in ranges
        for low, high in [ranges[kind]]
    ]
    return html.Div([*parts, html.Span(className="mark", style={"left": f"{share(other):.3f}%"})], className="bar")


def _choices(problem: Problem) -> dict[str, tuple[str, ...]]:
    """The names of the alternatives, by field."""
    lines = {".".join(path): line for path, line in fields_of(problem.start)}
    return {name: line.choices for name, line in lines.items() if line.choices}
