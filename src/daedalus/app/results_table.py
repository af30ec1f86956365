"""Results as a table: every figure of the start, the optimised design and the references, with errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from daedalus.app.screen import with_error


def show_results(console: Console, result: Mapping[str, Any]) -> None:
    """Prints the table of a result, as `daedalus.execution.result` makes it."""
    designs: Mapping[str, Any] = result["designs"]
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("figure")
    for name in designs:
        table.add_column(name, style="bold" if name == "optimised" else "", overflow="fold")
    table.add_column("unit")
    for figure, line in result["figures"].items():
        cells = [with_error(d["values"].get(figure), d["errors"].get(figure)) for d in designs.values()]
        table.add_row(figure, *cells, "" if line["unit"] == "1" else line["unit"])
    accepted = (f"{d['accepted']:.5g}" if "accepted" in d else "" for d in designs.values())
    table.add_row("accepted", *accepted, "per scenario")
    console.print(f"[bold]measured on {result['scenarios']} scenarios of {result['events']} fresh particles[/]")
    console.print(table)
