"""Tables: the same header and rows as text, as Markdown with formulas in dollars, and as HTML."""

import html
import re
from collections.abc import Sequence

import numpy as np
from jaxtyping import ArrayLike

Rows = list[tuple[str, ...]]

# From the plain notation of a trace to TeX, one after the other.
_TEX = (
    (r"\bbar\(v_(-?\d+)\)", r"\\bar v_{\1}"),
    (r"\bdv_(-?\d+)/dv_(-?\d+)", r"\\partial v_{\1} / \\partial v_{\2}"),
    (r"\bv_(-?\d+)", r"v_{\1}"),
    (r"\bx(\d+)\b", r"x_{\1}"),
    (r"\^(\S+)", r"^{\1}"),
    (r"\b([a-z_0-9]{2,})\(", lambda found: rf"\mathrm{{{found[1].replace('_', chr(92) + '_')}}}("),
    (r" \* ", r" \\, "),
    (r"(\d) \\, (?=\(?-?\d)", r"\1 \\cdot "),
)


def number(value: ArrayLike) -> str:
    """A number as traces print it: six digits, or a truth."""
    entry = np.asarray(value).item()
    return str(entry) if isinstance(entry, bool) else f"{entry:.6g}"


def text_table(header: Sequence[str], rows: Rows) -> str:
    """Columns of plain text under their headings."""
    widths = [max(map(len, column)) for column in zip(header, *rows)]
    line = lambda cells: "  ".join(cell.ljust(width) for cell, width in zip(cells, widths)).rstrip()
    return "\n".join(map(line, [header, ["-" * width for width in widths], *rows]))


def markdown_table(header: Sequence[str], rows: Rows) -> str:
    """A Markdown table whose cells are formulas."""
    line = lambda cells: f"| {' | '.join(cells)} |"
    return "\n".join([line(header), line(["---"] * len(header)), *(line(map(_tex, row)) for row in rows)])


def html_table(header: Sequence[str], rows: Rows) -> str:
    """An HTML table."""
    line = lambda tag, cells: "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"
    return "\n".join(["<table>", line("th", header), *(line("td", row) for row in rows), "</table>"])


def _tex(cell: str) -> str:
    for pattern, replacement in _TEX:
        cell = re.sub(pattern, replacement, cell)
    return f"${cell}$" if cell else ""
