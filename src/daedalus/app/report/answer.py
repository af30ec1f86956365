"""The answer: what the designs are worth, and what the optimised one is."""

from __future__ import annotations

import math
from typing import Any

from daedalus.app.report.gallery import figures
from daedalus.app.report.markup import Section, fold, heading, paragraph, table, text
from daedalus.app.report.parameters import MANY, each, lines, summarised
from daedalus.app.report.question import sense
from daedalus.app.report.record import Record
from daedalus.app.screen import with_error

BEFORE, AFTER = "start", "optimised"
CERTAIN = 2.0  # standard errors that a change has to exceed to be stated [1]
BRIEF = 3  # objectives that are named at once [1]
COMPARISON = "comparison"  # the picture of all designs' figures


def answer(record: Record) -> Section:
    """What came out: figures before and after, and the design."""
    return Section("The answer", [*_worth(record), *_design(record)])


def brief(record: Record) -> str:
    """The answer in a sentence: what became of the objectives."""
    if not record.measured:
        return ""
    designs, told = record.measured["designs"], []
    for name, line in record.measured["figures"].items():
        if line.get("kind") == "objective":
            before, after = (_measured(designs[each], name) for each in (BEFORE, AFTER))
            told.append(f"{name} from {before} to {after}{_in(line['unit'])} ({sense(line)})")
    rest = f"; and {len(told) - BRIEF} more" if len(told) > BRIEF else ""
    return "In short: " + "; ".join(told[:BRIEF]) + rest + "."


def others(record: Record) -> list[str]:
    """The figures of the optimised design beside those of the problem's reference designs."""
    designs = (record.measured or {}).get("designs", {})
    names = [name for name in designs if name != BEFORE]
    if len(names) < 2:
        return []
    rows = [["figure", *names, "unit"]]
    for name, line in record.measured["figures"].items():  # pyright: ignore[reportOptionalSubscript]
        rows.append([name, *(_measured(designs[each], name) for each in names), _shown(line["unit"])])
    told = "Designs that others published, or that people would draw, measured on the same fresh events."
    return [paragraph(told), table(rows, about="Optimised and reference designs", best=1)]


def every(record: Record) -> Section:
    """The full list of a design with many parameters; nothing where there are few."""
    found = lines(record)
    if len(found) <= MANY:
        return Section("All parameters", [])
    rows = each(found, record.allowance)
    listed = table(rows, about="All parameters", best=_column(rows), folded=len(rows))
    return Section("All parameters", [fold(f"{len(found)} parameters, one by one", listed)])


def _worth(record: Record) -> list[str]:
    measured = record.measured
    if not measured:
        return [paragraph("No design was measured on fresh events, so there is no table of figures yet.")]
    designs, rows = measured["designs"], [["figure", BEFORE, AFTER, "change", "unit", "role", "meaning"]]
    for name, line in measured["figures"].items():
        values = [_measured(designs[each], name) for each in (BEFORE, AFTER)]
        change = _change(*(_pair(designs[each], name) for each in (BEFORE, AFTER)))
        rows.append([name, *values, change, _shown(line["unit"]), sense(line), line["doc"]])
    count, events = measured["scenarios"], measured["events"]
    told = (
        f"Measured on the real apparatus, without the softened edges that a search needs, on {count} "
        f"scenario{'s' * (count != 1)} of {events} particles which neither the search nor the choice of the design has "
        "seen. Errors are standard errors. The designs meet the same particles, so differences are surer than the "
        f"errors suggest; a change below {CERTAIN:g} of its errors is not stated."
    )
    table_of = table(rows, about="Figures before and after", best=2)
    return [paragraph(told), table_of, paragraph(_beaten(designs), kind="brief"), *figures(record, [COMPARISON])]


def _beaten(designs: dict[str, dict[str, Any]]) -> str:
    """Which designs measure better than the optimised one, said where it cannot be overlooked."""
    loss = {name: design.get("loss") for name, design in designs.items()}
    best = loss.get(AFTER)
    if best is None:
        return ""
    better = {name: value for name, value in loss.items() if value is not None and value < best}
    if not better:
        return ""
    told = ", ".join(f"{name} ({value:.4g})" for name, value in sorted(better.items(), key=lambda each: each[1]))
    lead = f"The optimised design (loss {best:.4g}) is not the best one known"
    return f"{lead}: on the same particles the loss is lower for {told}."


def _design(record: Record) -> list[str]:
    if not record.designs:
        return []
    found, optimised = lines(record), record.designs.get(AFTER)
    parts = [heading("The design")]
    if optimised is None:
        parts.append(paragraph("The search has left no optimised design; this is the one that it began with."))
    if len(found) > MANY:
        told = f"The design has {len(found)} parameters; they are summarised here by what they are elements of"
        full = f'{text(told)}, and <a href="#all-parameters">listed one by one</a> at the end.'
        rows = summarised(found, record.allowance)
        parts += [f"<p>{full}</p>", table(rows, about="The design, summarised", best=2)]
    elif found:
        rows = each(found, record.allowance)
        parts.append(table(rows, about="The design", best=_column(rows)))
    if any(line.play for line in found):
        parts.append(
            paragraph(
                f"The intervals are tolerances: within them the loss stays within {record.allowance} of the best one. "
                "Alone: all other parameters stay where they are. Others following: they are optimised again. "
                "A star marks an end at the parameter's bound.",
                kind="note",
            )
        )
    learned = (optimised or {}).get("learned")
    if learned:
        parts.append(paragraph(f"Learned: {learned['numbers']} numbers, in {learned['file']}."))
    return parts


def _column(rows: list[list[str]]) -> int:
    return rows[0].index(AFTER) if AFTER in rows[0] else -1


def _measured(design: dict[str, Any], name: str) -> str:
    return with_error(*_pair(design, name))


def _pair(design: dict[str, Any], name: str) -> tuple[float | None, float | None]:
    return design["values"].get(name), design["errors"].get(name)


def _change(before: tuple[float | None, float | None], after: tuple[float | None, float | None]) -> str:
    """By how much a figure changed, as a share of what it was."""
    (old, old_error), (new, new_error) = before, after
    if old is None or new is None or not (math.isfinite(old) and math.isfinite(new)):
        return ""
    if new == old:
        return "none"
    spread = math.hypot(*(e for e in (old_error, new_error) if e is not None and math.isfinite(e)))
    if abs(new - old) < CERTAIN * spread:
        return "within errors"
    share = 100 * (new - old) / abs(old) if old else math.inf
    told = f"{new - old:+.3g}" if abs(share) > 999 else f"{share:+.0f} %" if abs(share) > 10 else f"{share:+.2g} %"
    return told.replace("-", "−")


def _in(name: str) -> str:
    return "" if name == "1" else f" {name}"


def _shown(name: str) -> str:
    return "" if name == "1" else name
