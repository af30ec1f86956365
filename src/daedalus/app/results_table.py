"""Results as a table: every figure of the start, the optimised design and the references, with errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from daedalus.app.screen import with_error


def results_table(result: Mapping[str, Any]) -> Table:
    """The table of a run's result, as `daedalus.execution.result` makes it."""
    designs: Mapping[str, Any] = result["designs"]
    title = f"measured on {result['scenarios']} scenarios of {result['events']} fresh particles"
    table = Table(
        title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim"
    )
    table.add_column("figure")
    for name in designs:
        table.add_column(name, style="bold" if name == "optimised" else "")
    table.add_column("unit")
    for figure, line in result["figures"].items():
        cells = [with_error(d["values"].get(figure), d["errors"].get(figure)) for d in designs.values()]
        table.add_row(figure, *cells, "" if line["unit"] == "1" else line["unit"])
    table.add_row(
        "accepted", *(f"{d['accepted']:.5g}" if "accepted" in d else "" for d in designs.values()), ""
    )
    return table
