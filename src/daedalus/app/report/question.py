"""The question: what the study asked, what counted, what could vary, and what the search was given."""

from __future__ import annotations

import dataclasses

from daedalus.app.report.markup import Section, facts, heading, listed, paragraph, table
from daedalus.app.report.parameters import lines, sheet
from daedalus.app.report.record import Record
from daedalus.catalogue import studies
from daedalus.core import Constraint, Problem
from daedalus.core.design import Design
from daedalus.errors import StudyError
from daedalus.units import unit

_SENSES = {"minimise": "less is better", "maximise": "more is better"}
_ROLES = {"objective": "aimed at", "constraint": "must be kept", "metric": "for information"}


def question(record: Record) -> Section:
    """What was asked."""
    parts = [paragraph(*_words(record)), heading("What counts"), *_figures(record)]
    parts += [heading("What may vary"), *_varied(record)]
    physics = record.noted.get("physics") or []
    if physics:
        parts += [heading("What is simulated"), listed(physics)]
    options = {name: str(value) for name, value in (record.configured.get("options") or {}).items()}
    if options:
        parts += [heading("Options of the problem that were chosen"), facts(options)]
    return Section("What was asked", [*parts, heading("What the search was given"), facts(_budget(record))])


def title(record: Record) -> str:
    """The question in a line."""
    found = record.task
    doc = "" if found is None else found.offer.doc or found.problem.doc
    return _sentence(doc).rstrip(".") or record.name


def sense(line: dict[str, str | None]) -> str:
    """What a figure of a result was to the search."""
    return _SENSES.get(str(line.get("sense")), _ROLES.get(str(line.get("kind")), ""))


def _words(record: Record) -> list[str]:
    if record.task is None:
        return [f"The problem is {record.name}. Its study could not be read here: bounds and meanings are left out."]
    try:
        study = studies()[record.name.partition("/")[0]].doc
    except (StudyError, KeyError):
        study = ""
    doc = record.task.problem.doc
    about = f"It belongs to the study {record.name.partition('/')[0]}: {study}." if study else ""
    return [_sentence(doc) if _sentence(doc).rstrip(".") != title(record) else "", about]


def _figures(record: Record) -> list[str]:
    if record.task is None:
        sheet = (record.measured or {}).get("figures", {})
        rows = [[n, sense(line), _shown(line["unit"]), line["doc"]] for n, line in sheet.items()]
        return [table([["figure", "role", "unit", "meaning"], *rows], about="What counts")] if rows else []
    problem = record.task.problem
    several = "the sum, over the objectives, of value divided by reference scale"
    single = "the value divided by the reference scale"
    told = (
        f"The search makes one number small, the loss: {several if len(problem.objectives) > 1 else single} (with a "
        "minus sign where more is better). The reference scale is the change that would matter to the authors of the "
        "problem, so it takes the place of a weight."
    )
    rows = [
        [o.name, _SENSES[o.sense], f"{o.scale / unit(o.unit):.4g}", _shown(o.unit), o.doc] for o in problem.objectives
    ]
    made = [
        paragraph(told),
        table([["objective", "sense", "reference scale", "unit", "meaning"], *rows], about="Objectives"),
    ]
    if problem.constraints:
        rows = [[c.name, _kept(c), _shown(c.unit), _known(c), c.doc] for c in problem.constraints]
        made.append(
            table([["constraint", "must be", "unit", "known beforehand", "meaning"], *rows], about="Constraints")
        )
    if problem.metrics:
        rows = [[m.name, _shown(m.unit), m.doc] for m in problem.metrics]
        made.append(table([["also measured", "unit", "meaning"], *rows], about="Also measured, never optimised"))
    return made


def _varied(record: Record) -> list[str]:
    found = lines(record)
    moved, number = sum(line.free for line in found), record.noted.get("learned_numbers") or 0
    count = f"{moved} numbers of the design" if moved != 1 else "One number of the design"
    learned = f" {number} learned numbers (software, for instance a network) were trained with it." if number else ""
    held = f" {len(found) - moved} more are held at the start's values." if len(found) > moved else ""
    told = paragraph(f"{count} may vary, each between its bounds.{held}{learned}" if found else learned.strip())
    meanings = [] if record.task is None else [f"{n}: {doc}" for n, doc in _learned(record.task.problem.start)]
    rows = sheet(record, found)
    return [told, *([listed(meanings)] if meanings else []), *([table(rows, about="Bounds")] if found else [])]


def _learned(design: Design, prefix: str = "") -> list[tuple[str, str]]:
    """The names and meanings of the fields that are learned, nested designs included."""
    found = []
    for item in dataclasses.fields(design):
        value = getattr(design, item.name)
        if "learned" in item.metadata:
            found.append((prefix + item.name, item.metadata["learned"]))
        elif isinstance(value, Design):
            found += _learned(value, f"{prefix}{item.name}.")
    return found


def _budget(record: Record) -> dict[str, str]:
    noted, given = record.noted, record.configured
    partition = noted.get("partition") or {}
    rounds = int(noted.get("rounds") or given.get("rounds") or 0) + int(noted.get("more_rounds") or 0)
    starts = int(noted.get("starts") or 1)
    evaluations, scenarios, events = rounds * starts, partition.get("scenarios", 1), partition.get("events", 0)
    drawn = "" if record.task is None else _drawn(record.task.problem)
    method = str(noted.get("optimiser", "")).partition("(")[0]
    each = f" in each of {scenarios} {drawn}scenarios" if scenarios > 1 else ""
    limits = {"hours": "h", "euros": "EUR"}
    told = f"{method}: {rounds} rounds of {starts} design{'s' * (starts != 1)} each, {evaluations} evaluations"
    return {
        "method": told if method else "",
        "one evaluation": f"{events} particles{each}" if events else "",
        "all evaluations": f"{evaluations * scenarios * events:,} particles".replace(",", " ") if events else "",
        "limits": ", ".join(f"{given[name]:g} {called}" for name, called in limits.items() if given.get(name)),
    }


def _drawn(problem: Problem) -> str:
    """What the scenarios are: whether nature is drawn anew for each, or the same few cases come again."""
    return "random " if problem.scenarios.random else "fixed "


def _kept(line: Constraint) -> str:
    size = unit(line.unit)
    low, high = line.lower / size, line.upper / size
    if low == high:
        return f"{low:.4g} within {line.tolerance / size:.3g}"
    if low == -float("inf"):
        return f"at most {high:.4g}"
    return f"at least {low:.4g}" if high == float("inf") else f"{low:.4g} to {high:.4g}"


def _known(line: Constraint) -> str:
    return "yes: every design that is tried meets it" if line.known else "no: it is measured"


def _shown(name: str) -> str:
    return "" if name == "1" else name


def _sentence(doc: str) -> str:
    words = " ".join(doc.split())
    if not words:
        return ""
    return words[0].upper() + words[1:] + ("" if words[-1] in ".?!" else ".")
