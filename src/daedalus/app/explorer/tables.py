"""The tables of a page: the figures of a design with errors and paired differences, and designs that are compared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from dash import html

from daedalus.app.explorer.reading import LOSS, Reading, differences
from daedalus.app.screen import with_error
from daedalus.core import Constraint, Objective, Problem
from daedalus.units import unit

SURE = 2.0  # standard errors from which on a difference is called better or worse [1]
STATUS = {
    "ok": "All constraints are met.",
    "infeasible": "A constraint is violated: see the figures in red.",
    "empty": "No event is accepted: the apparatus sees nothing in this design.",
    "failed": "A figure is not finite: the chain breaks in this design.",
}


def figure_table(problem: Problem, here: Reading, other: Reading, name: str) -> html.Table:
    """Every figure of a design, and how it differs from another design's on the same events.

    Args:
        problem: whose figures.
        here: the design as it is now.
        other: the design that is compared with.
        name: of the latter.
    """
    apart = differences(here, other)
    head = html.Tr([html.Th(text) for text in ("figure", "this design", f"difference to {name}", "unit", "meaning")])
    body = [_loss_line(here, apart)]
    for figure in problem.figures:
        scale = unit(figure.unit)
        shown = _quantity(here.values[figure.name], here.errors[figure.name], scale)
        broken = isinstance(figure, Constraint) and _beyond(figure, here)
        kind = type(figure).__name__.lower()
        body.append(
            html.Tr(
                [
                    html.Td([figure.name, html.Small(_told(figure))]),
                    html.Td(shown, className="number broken" if broken else "number"),
                    _difference(apart[figure.name], scale, _direction(figure)),
                    html.Td("" if figure.unit == "1" else figure.unit),
                    html.Td(figure.doc, className="meaning"),
                ],
                className=kind,
            )
        )
    return html.Table([html.Thead(head), html.Tbody(body)], className="figures")


def pin_table(
    problem: Problem, lines: Sequence[tuple[str, Reading, bool]], other: Reading, name: str
) -> html.Table | html.P:
    """Pinned designs beside the one they are compared with, and their differences from it on the same events.

    Args:
        problem: whose figures.
        lines: a name, a reading, and whether it may be taken and dropped, each.
        other: the design that is compared with.
        name: of the latter.
    """
    if len(lines) <= 1:
        return html.P("Nothing is pinned yet. Pin a design to keep it here, and compare others with it.")
    units = {LOSS: ("", 1.0, 1.0)} | {
        f.name: ("" if f.unit == "1" else f.unit, unit(f.unit), _direction(f)) for f in problem.figures
    }
    heads = [f"{figure} [{text}]" if text else figure for figure, (text, _, _) in units.items()]
    body = []
    for each, reading, pinned in lines:
        apart = differences(reading, other)
        cells = [
            html.Td(
                [
                    html.Div(_quantity(reading.values[figure], reading.errors[figure], scale)),
                    _difference(apart[figure], scale, way, html.Small) if pinned or each != name else html.Small("–"),
                ],
                className="number",
            )
            for figure, (_, scale, way) in units.items()
        ]
        buttons = [_button("take", each), _button("drop", each)] if pinned else []
        body.append(html.Tr([html.Th(each), *cells, html.Td(buttons)]))
    head = html.Tr([html.Th("design"), *(html.Th(text) for text in heads), html.Th("")])
    note = html.Caption(f"below each figure: the difference from {name}, on the same events")
    return html.Table([note, html.Thead(head), html.Tbody(body)], className="pins")


def status_line(problem: Problem, reading: Reading) -> html.P:
    """Whether a design is feasible, in words."""
    free = reading.status == "ok" and not problem.constraints
    text = "The problem sets no constraints." if free else STATUS.get(reading.status, reading.status)
    return html.P(text, className="status" if free else f"status {reading.status}")


def _loss_line(here: Reading, apart: dict[str, tuple[float, float]]) -> html.Tr:
    text = "what the search minimises: the sum of the objectives, each in units of its scale"
    cells = [html.Td(LOSS), html.Td(_quantity(here.loss, here.errors[LOSS], 1.0), className="number")]
    return html.Tr([*cells, _difference(apart[LOSS], 1.0, 1.0), html.Td(), html.Td(text, className="meaning")])


def _difference(apart: tuple[float, float], scale: float, way: float, kind: Any = html.Td) -> Any:
    """A paired difference, in words and colour better or worse where that is sure."""
    value, error = apart[0] / scale, apart[1] / scale
    if not math.isfinite(value):
        return kind("–", className="number")
    text = "0" if value == 0 and not error > 0 else _quantity(value, error, 1.0)
    known = error if math.isfinite(error) else 0.0
    sure = bool(way) and abs(value) > SURE * known and abs(value) > 0
    sense = ("better" if way * value < 0 else "worse") if sure else "same"
    return kind(f"+{text}" if value > 0 else text, className=f"number {sense}")


def _quantity(value: float, error: float, scale: float) -> str:
    return with_error(value / scale, error / scale)


def _direction(figure: Any) -> float:
    """+1 where less is better, -1 where more is, 0 where neither is said."""
    return figure.direction if isinstance(figure, Objective) else 0.0


def _beyond(figure: Constraint, here: Reading) -> bool:
    """Whether a constraint is violated by more than two standard errors."""
    value, error = here.values[figure.name], here.errors[figure.name]
    known = SURE * error if math.isfinite(error) else 0.0
    return value < figure.lower - figure.tolerance - known or value > figure.upper + figure.tolerance + known


def _told(figure: Any) -> str:
    """What a figure is: to be minimised, within bounds, or only read."""
    if isinstance(figure, Objective):
        return figure.sense
    if not isinstance(figure, Constraint):
        return ""
    ends = {"≥": figure.lower, "≤": figure.upper}
    return "must be " + " and ".join(
        f"{sign} {end / unit(figure.unit):g}" for sign, end in ends.items() if math.isfinite(end)
    )


def _button(what: str, name: str) -> html.Button:
    return html.Button(what, id={"type": what, "name": name}, n_clicks=0, className="small")
