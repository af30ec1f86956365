"""Markup: HTML made of plain texts, every one of which is escaped here."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any
from urllib.parse import quote

LONG = 25  # rows from which on a table may be cut by the end of a printed page [1]
BROAD = 8  # columns from which on a table is printed in small letters [1]
FOLDED = 40  # rows from which on a table is folded [1]
_NUMBER = re.compile(r"[-+−(]?\d|within errors$|not finite$")
_AMOUNT = 24  # characters that a number with its error has at most [1]


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of the page with a heading and an anchor; one without parts is left out."""

    title: str
    parts: Sequence[str]

    @property
    def anchor(self) -> str:
        """The name that links to it end in."""
        return anchor(self.title)

    def html(self) -> str:
        """The section with its heading."""
        head = f'<section aria-labelledby="{self.anchor}">\n<h2 id="{self.anchor}">{text(self.title)}</h2>'
        return "\n".join([head, *self.parts, "</section>"])


def anchor(title: str) -> str:
    """A title as the name of an anchor: small letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "part"


def text(value: Any) -> str:
    """A text in which nothing is markup."""
    return escape(str(value))


def heading(title: str) -> str:
    """The heading of a part of a section."""
    return f"<h3>{text(title)}</h3>"


def paragraph(*sentences: str, kind: str = "") -> str:
    """A paragraph of plain sentences; without any, nothing."""
    body = " ".join(text(sentence) for sentence in sentences if sentence)
    return f"<p{_class(kind)}>{body}</p>" if body else ""


def listed(lines: Iterable[str]) -> str:
    """A list of plain lines."""
    return "<ul>" + "".join(f"<li>{text(line)}</li>" for line in lines) + "</ul>"


def code(*lines: str) -> str:
    """Lines as they are typed."""
    return f"<pre><code>{text(chr(10).join(lines))}</code></pre>"


def link(place: str) -> str:
    """A link to a file beside the page, by its relative place."""
    return f'<a href="{text(quote(place))}">{text(place)}</a>'


def table(rows: Sequence[Sequence[str]], *, about: str, best: int = -1, folded: int = FOLDED) -> str:
    """A table whose first row is its head and whose first column names the rows; a long one is folded.

    Args:
        rows: the cells.
        about: what the table is of, for those who hear the page.
        best: the number of the column that is the answer.
        folded: rows from which on it is folded [1].
    """
    head, *body = rows
    mark = lambda number: _class("best" if number == best else "")
    top = "".join(f'<th scope="col"{mark(number)}>{text(cell)}</th>' for number, cell in enumerate(head))
    lines = "\n".join(f"<tr>{_line(row, best)}</tr>" for row in body)
    kind = _class(" ".join(["long"] * (len(body) > LONG) + ["broad"] * (len(head) > BROAD)))
    made = (
        f'<div class="wide" role="region" tabindex="0" aria-label="{text(about)}"><table{kind}>'
        f"<thead><tr>{top}</tr></thead>\n<tbody>\n{lines}\n</tbody></table></div>"
    )
    return fold(f"{about}: {len(body)} rows", made) if len(body) > folded else made


def facts(lines: dict[str, str]) -> str:
    """Names and what stands for them."""
    return "<dl>" + "".join(f"<dt>{text(k)}</dt><dd>{text(v)}</dd>" for k, v in lines.items() if v) + "</dl>"


def fold(summary: str, body: str) -> str:
    """What is shown when its summary is opened."""
    return f"<details><summary>{text(summary)}</summary>\n{body}\n</details>"


def _line(row: Sequence[str], best: int) -> str:
    cells = [str(cell) for cell in row]
    rest = "".join(f"<td{_class(_kind(cell, n == best))}>{text(cell)}</td>" for n, cell in enumerate(cells[1:], 1))
    return f'<th scope="row">{text(cells[0])}</th>{rest}' if cells else ""


def _kind(cell: str, best: bool) -> str:
    number = "number" if _NUMBER.match(cell) and len(cell) <= _AMOUNT else ""
    return " ".join(filter(None, (number, "best" if best else "")))


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
