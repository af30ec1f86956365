"""The tables of a landscape, for the terminal and the report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from rich.table import Table

from daedalus.app.landscape.set_tables import (
    basin_tables,
    contribution_tables,
    front_tables,
    matter_tables,
    missing_tables,
    set_tables,
    smoothing_tables,
)
from daedalus.app.screen import with_error
from daedalus.core import Problem
from daedalus.landscapes.comparison import LOSS, Comparison, Differences


def tables(landscape: dict[str, Any]) -> dict[str, list[list[str]]]:
    """What a landscape says, as tables by their titles; the first row of each is its head.

    Args:
        landscape: as `daedalus landscape` writes it; parts that were not looked at make no table.
    """
    made: dict[str, list[list[str]]] = {}
    for part, table in _PARTS.items():
        if landscape.get(part):
            made |= table(landscape)
    return made | missing_tables(landscape)


def _free_play(landscape: dict[str, Any]) -> dict[str, list[list[str]]]:
    looked = landscape.get("looked", {}).get("free_play", landscape)
    rows = [["parameter", "best", "alone", "with the others following", "unit"]]
    for name, line in landscape["free_play"].items():
        rows.append(
            [name, f"{line['value']:.5g}", *(_range(line, kind) for kind in ("slice", "profile")), line["unit"]]
        )
    share = f"{100 * looked['allowance']:g} %"
    return {f"Free play: how far each parameter may move for {share} of the loss (* at its bound)": rows}


def _directions(landscape: dict[str, Any]) -> dict[str, list[list[str]]]:
    return {"Directions, the stiffest first": [["direction"], *([text] for text in landscape["directions"])]}


def _confirmed(landscape: dict[str, Any]) -> dict[str, list[list[str]]]:
    rows = [["row", "claimed", "again, as claimed", "real apparatus", "behind the best", "chance to be best"]]
    for line in landscape["confirmed"]:
        pairs = (with_error(*line[name]) for name in ("claimed", "again", "real", "behind"))
        rows.append([str(line["row"]), *pairs, f"{100 * line['chance']:.0f} %"])
    return {"The best rows again, with fresh events": rows}


_PARTS: dict[str, Callable[[dict[str, Any]], dict[str, list[list[str]]]]] = {
    "free_play": _free_play,
    "near_optimal": set_tables,
    "basins": basin_tables,
    "directions": _directions,
    "confirmed": _confirmed,
    "references": lambda landscape: {"Against other designs, on the same events": landscape["references"]},
    "limits": lambda landscape: {"What limits it": landscape["limits"]},
    "smoothing": smoothing_tables,
    "front": front_tables,
    "sensitivities": matter_tables,
    "contributions": contribution_tables,
}


def _range(line: dict[str, Any], kind: str) -> str:
    ends = zip(line[kind], line[f"{kind}_open"], strict=True)
    return " to ".join(f"{end:.4g}{'*' if free else ''}" for end, free in ends)


def figure_rows(what: str, problem: Problem, found: Comparison, to: str = "") -> list[list[str]]:
    """Each design's figures, and by how much they differ from the first one's, on the same events."""
    names = [LOSS, *(objective.name for objective in problem.objectives)]
    head = [what, *(text for name in names for text in (f"{name} [{found.units[name]}]", "difference"))]
    columns = [
        column
        for name in names
        for column in (
            [with_error(*pair) for pair in zip(found.mean(name), found.error(name), strict=True)],
            [with_error(*pair) for pair in zip(*_pair(found.differences(name, to=to)), strict=True)],
        )
    ]
    return [head, *([label, *cells] for label, *cells in zip(found.labels, *columns, strict=True))]


def _pair(differences: Differences) -> tuple[np.ndarray, np.ndarray]:
    return differences.value, differences.error


def printed(title: str, rows: list[list[str]]) -> Table:
    """A table for the terminal; the first row is its head."""
    table = Table(*rows[0], title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    for row in rows[1:]:
        table.add_row(*(cell.replace("[", r"\[") for cell in row))
    return table
