"""Measurements: what designs are worth on the real apparatus, with events no search has seen."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Key

from daedalus.core import Design, Evaluation, History, Objective, Problem, Status, scoring_key
from daedalus.errors import DesignError, ProblemError, RunError
from daedalus.search.kept import best_and_last
from daedalus.units import unit

MOST_CANDIDATES = 8  # candidates that are measured again; those with the lowest loss in the search


@dataclasses.dataclass(frozen=True)
class Measurement:
    """What one design is worth: figures by name in their display unit, with standard errors."""

    values: dict[str, float]
    errors: dict[str, float]
    loss: float  # what the machine would minimise, on the real apparatus [1]
    status: str
    accepted: float  # mean accepted weight per scenario [events]
    empty: int  # scenarios without an accepted event


def measurement(
    problem: Problem,
    design: Design,
    *,
    key: Key[Array, ""],
    events: int | None = None,
    scenarios: int | None = None,
) -> Measurement:
    """A design measured on the real apparatus.

    Args:
        problem: the task.
        design: what to measure.
        key: decides every random number; `daedalus.scoring_key` gives keys that no search uses.
        events: particles per scenario [1]; the problem's own number by default.
        scenarios: scenarios [1]; the problem's own number by default.

    Raises:
        DesignError: the design is out of bounds.
        ProblemError: no event is accepted in any scenario.
    """
    found: Evaluation = problem.evaluate(design, key=key, events=events, scenarios=scenarios)
    shown = lambda figures: {f.name: float(figures[f.name]) / unit(f.unit) for f in problem.figures}
    status = Status(int(found.status)).name.lower()
    return Measurement(
        shown(found.values),
        shown(found.errors),
        float(found.loss),
        status,
        float(found.accepted),
        int(found.empty),
    )


def candidates(history: History) -> list[int]:
    """The rows worth measuring again: the last of every start, and the best, at most `MOST_CANDIDATES`.

    Raises:
        RunError: no row is sound.
    """
    best, last = best_and_last(history)
    others = sorted({*last} - {best}, key=lambda row: history["loss"][row])
    return [best, *others][:MOST_CANDIDATES]


def optimised(
    problem: Problem,
    history: History,
    *,
    key: Key[Array, ""],
    events: int | None = None,
    scenarios: int | None = None,
) -> tuple[int, Design, dict[int, Measurement]]:
    """The row and design that measure best among the candidates, and the measurements that decided.

    All candidates are measured on the same events. The winner is chosen for being lucky among other things,
    so it must be measured once more, with another key, before its numbers mean anything.

    Args:
        problem: the task.
        history: the search.
        key: decides the events; apart from every key of the search and of the final measurement.
        events: particles per scenario [1].
        scenarios: scenarios [1].

    Raises:
        RunError: no candidate accepts an event.
    """
    found = {}
    for row in candidates(history):
        try:
            found[row] = measurement(problem, history.design(problem, row), key=key, events=events, scenarios=scenarios)
        except ProblemError:
            continue  # the real apparatus sees nothing where the relaxed one did
    if not found:
        raise RunError(
            "no candidate of the search accepts an event on the real apparatus; search longer or with more events."
        )
    row = min(found, key=lambda r: (found[r].status != "ok", not np.isfinite(found[r].loss), found[r].loss))
    return row, history.design(problem, row), found


def result(
    problem: Problem,
    history: History,
    start: Design,
    *,
    key: Key[Array, ""],
    events: int | None = None,
    scenarios: int | None = None,
) -> tuple[Design, dict[str, Any]]:
    """The optimised design, and the record of what it, the start and the reference designs are worth.

    Candidates are compared on one set of fresh events, the best of them, the start and the references are
    then measured on another: the numbers reported are of events that neither search nor choice has seen.
    A reference that is the start is not measured twice.

    Args:
        problem: the task.
        history: the search.
        start: the design it began with.
        key: the run's key.
        events: particles per scenario [1].
        scenarios: scenarios of every measurement [1].
    """
    row, design, chosen = optimised(problem, history, key=scoring_key(key, 0), events=events, scenarios=scenarios)
    others = {name: each for name, each in problem.references.items() if not _equal(problem, each, start)}
    designs = {"start": start, "optimised": design, **others}
    measured = {}
    for name, each in designs.items():
        try:
            found = measurement(problem, each, key=scoring_key(key, 1), events=events, scenarios=scenarios)
            measured[name] = dataclasses.asdict(found)
        except (ProblemError, DesignError) as cause:
            measured[name] = {"status": "failed", "cause": str(cause), "values": {}, "errors": {}}
    return design, {
        "problem": problem.name,
        "version": problem.version,
        "events": problem.events if events is None else events,
        "scenarios": problem.scenarios.count if scenarios is None else scenarios,
        "keys": {"choice": "scoring/0", "measurement": "scoring/1"},
        "row": row,
        "candidates": {str(number): dataclasses.asdict(each) for number, each in chosen.items()},
        "figures": figure_sheet(problem),
        "designs": measured,
    }


def _equal(problem: Problem, one: Design, other: Design) -> bool:
    """Whether two designs have the same parameters and have learned the same."""
    leaves = [jax.tree.leaves(problem.space.point(design)) for design in (one, other)]
    return all(np.array_equal(mine, its) for mine, its in zip(*leaves, strict=True))


def figure_sheet(problem: Problem) -> dict[str, dict[str, Any]]:
    """Every figure's unit, kind, sense and meaning, by name."""
    return {
        f.name: {
            "unit": f.unit,
            "kind": type(f).__name__.lower(),
            "sense": f.sense if isinstance(f, Objective) else None,
            "doc": f.doc,
        }
        for f in problem.figures
    }
