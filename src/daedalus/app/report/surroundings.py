"""The surroundings of the optimum: what a landscape found, with how it is read."""

from __future__ import annotations

from daedalus.app.landscape_tables import tables
from daedalus.app.report.answer import others
from daedalus.app.report.captions import LANDSCAPES, READINGS, Reading
from daedalus.app.report.gallery import figures
from daedalus.app.report.markup import FOLDED, Section, heading, listed, paragraph, table
from daedalus.app.report.record import Record

_UNKNOWN = Reading(consequence=False, words="")
STALE = (
    "The file landscape.json is incomplete, or of another version of Daedalus; the command daedalus landscape makes it "
    "anew."
)


def surroundings(record: Record) -> Section:
    """Which designs are nearly as good: tables and pictures of the set around the optimum."""
    drawn = _pictures(record)
    parts = [paragraph(STALE, kind="note")] if record.landscape and _tables(record) is None else []
    told_in_rows = [part for title, rows in _of(record, consequences=False) for part in _shown(title, rows)]
    if parts or drawn or told_in_rows:
        told = (
            f"A search ends with one design. These are the others whose loss is within {record.allowance} of the best "
            "one: among them anybody may choose for reasons that the search knew nothing of."
        )
        parts = [paragraph(told), *parts, paragraph(_outside(record), kind="brief")]
    return Section("Designs that are nearly as good", [*parts, *figures(record, drawn), *told_in_rows])


def _outside(record: Record) -> str:
    """Said where the search had not come to its end: around its design there are better ones."""
    inside = ((record.landscape or {}).get("near_optimal") or {}).get("run", {}).get("inside", True)
    told = "The design of the run is not among them: better ones were found around it, so a longer search would pay."
    return "" if inside else told


def consequences(record: Record) -> Section:
    """What matters: sensitivities, what limits the experiment, other designs, and the best rows measured again."""
    parts = [part for title, rows in _of(record, consequences=True) for part in _shown(title, rows)]
    beside = others(record)
    known = [heading("Reference designs"), *beside] if beside else []
    return Section("What matters, and how sure it is", [*known, *parts])


def own_pictures(record: Record) -> list[str]:
    """The names of the pictures that neither the search nor the landscape has drawn: the study's."""
    apart = {"search", "comparison", *_pictures(record)}
    return [name for name in record.pictures() if name not in apart]


def _pictures(record: Record) -> list[str]:
    """The landscape's pictures: those that are known to be, and what was drawn after the first of them."""
    names = record.pictures()
    known = [name for name in LANDSCAPES if name in names]
    first = min((names.index(name) for name in known), default=len(names))
    return [*known, *(name for name in names[first:] if name not in (*known, "search", "comparison"))]


def _tables(record: Record) -> dict[str, list[list[str]]] | None:
    """The tables of the landscape; None where it cannot be read."""
    try:
        return {} if record.landscape is None else tables(record.landscape)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        return None


def _of(record: Record, *, consequences: bool) -> list[tuple[str, list[list[str]]]]:
    found = (_tables(record) or {}).items()
    return [(title, rows) for title, rows in found if rows and _reading(title).consequence == consequences]


def _reading(title: str) -> Reading:
    return next((told for begin, told in READINGS.items() if title.startswith(begin)), _UNKNOWN)


def _shown(title: str, rows: list[list[str]]) -> list[str]:
    short, _, rest = title.partition(": ")
    detail = f"{rest[:1].upper()}{rest[1:]}." if rest else ""
    told = [heading(short), paragraph(detail, _reading(title).words)]
    if all(len(row) == 1 for row in rows):
        return [*told, listed(row[0] for row in rows[1:])]
    known = title.startswith("Free play")  # the design's own table has it as well
    return [*told, table(rows, about=short, folded=0 if known else FOLDED)]
