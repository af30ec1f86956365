"""The terminal: where tables and messages go, and how numbers are shown."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

PLAIN_WIDTH = 160  # columns of a table that goes to a file or a pipe


def output() -> Console:
    """Standard output: as wide as the terminal, or wide enough for tables where it is none."""
    return Console(soft_wrap=False, width=None if sys.stdout.isatty() else PLAIN_WIDTH, highlight=False)


def messages() -> Console:
    """Standard error, for progress and messages."""
    return Console(stderr=True, highlight=False)


def complain(text: str) -> None:
    """Prints one clear line "error: ..." to standard error, red in a terminal."""
    line = " ".join(text.splitlines())
    messages().print(f"[bold red]error:[/] {_escaped(line)}", soft_wrap=True)


def remark(text: str) -> None:
    """Prints a line to standard error that is no error."""
    messages().print(_escaped(text), soft_wrap=True)


def show_table(lines: Mapping[str, str]) -> None:
    """Prints names and what stands for them, a line each, to standard output."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for name, text in lines.items():
        table.add_row(name, _escaped(text))
    output().print(table)


def with_error(value: float | None, error: float | None) -> str:
    """A value and its standard error, rounded to two digits of the error."""
    if value is None or not math.isfinite(value):
        return "not finite"
    if error is None or not math.isfinite(error):
        return f"{value:.5g}"
    if error == 0:
        return f"{value:.5g}"
    power = math.floor(math.log10(max(abs(value), error)))
    digits = max(0, power - math.floor(math.log10(error)) + 1)
    if -4 < power < 6:
        places = max(0, digits - power)
        return f"{value:.{places}f} ± {error:.{places}f}"
    return f"({value / 10.0**power:.{digits}f} ± {error / 10.0**power:.{digits}f})e{power}"


def _escaped(text: str) -> str:
    return text.replace("[", r"\[")
