"""The front of a run: what the best performance is within each budget, and what one more unit of it buys."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from daedalus.app.landscape.around import Around, Landscape
from daedalus.core import Constraint
from daedalus.errors import DaedalusError
from daedalus.landscapes import (
    Aim,
    BudgetScan,
    Front,
    LandscapeError,
    budget_scan,
    compare,
    knee,
    marginal_values,
    within_budget,
)
from daedalus.landscapes.comparison import LOSS

SPAN = (0.6, 1.2)  # budgets of a front, in costs of the run's design


def check_front(around: Around) -> None:
    """Checks that a front can be searched.

    Raises:
        LandscapeError: no such figure, a range of budgets without room, fewer than three points, no round, or a method
            that cannot keep a budget.
    """
    look, cost = around.look, around.look.front or ""
    within_budget(around.problem, cost, 1.0)
    low, high = look.budgets or (0.0, 1.0)
    if not (np.isfinite([low, high]).all() and low < high) or look.points < 3 or (look.rounds or 1) < 1:
        raise LandscapeError(
            f"--front {cost} with {look.points} points from {low:g} to {high:g} in {look.rounds} rounds; expected "
            "three points or more, a lower budget and a larger one, and a round or more for each."
        )
    method = around.found.optimiser
    if not method.handles.constraints:
        raise LandscapeError(
            f"--front {cost} for a run by {type(method).__name__}, which handles no constraints; expected a method "
            "that keeps a budget. Run anew with `--optimiser adam`, or another one that does."
        )


def front(around: Around, landscape: Landscape) -> Landscape:
    """The front as JSON: a point for every budget with errors from fresh events, its knee, and marginal values."""
    del landscape
    look, cost, given = around.look, around.look.front or "", around.found.configuration
    bare = within_budget(around.problem, cost, 1.0)  # its loss is that without the cost
    own = compare(bare, {"design of the run": around.design}, **around.measured)
    here = float(own.mean(cost)[0])
    low, high = look.budgets or (here * SPAN[0], here * SPAN[1])
    if not np.isfinite([low, high]).all() or not low < high:
        raise LandscapeError(f"the design's {cost} is {here:g}; expected a number above zero. Give --budgets LOW HIGH.")
    scan = budget_scan(
        around.problem,
        cost,
        np.linspace(low, high, look.points).tolist(),
        around.found.optimiser,
        key=around.chance(7),
        rounds=look.rounds or given.rounds or 1,
        passes=look.passes,
        settled=True,
        keys=look.keys,
        events=look.events,
        scenarios=look.scenarios,
        scoring_scenarios=look.scenarios,
    )
    return {"front": _written(around, scan, cost) | {"run": _figures(own, 0)}}


def _figures(found: Any, number: int) -> dict[str, list[float]]:
    return {name: [float(found.mean(name)[number]), float(found.error(name)[number])] for name in found.samples}


def _written(around: Around, scan: BudgetScan, cost: str) -> Landscape:
    measured = scan.points.comparison
    best = set(scan.front.comparison.labels)
    names = [LOSS, *(o.name for o in around.problem.objectives if o.name != cost)]
    points = [
        {
            "budget": budget,
            "figures": _figures(measured, number),
            "on_front": measured.labels[number] in best,
            "values": around.named(np.asarray(around.problem.space.cube(scan.points.designs[number]), float)),
        }
        for number, budget in enumerate(scan.budgets)
    ]
    rounds = [int(np.max(history["round"])) + 1 if len(history) else 0 for history in scan.histories]
    return {
        "cost": cost,
        "units": dict(measured.units),
        "performance": names,
        "senses": {o.name: o.direction for o in around.problem.objectives},
        "budgets": list(scan.budgets),
        "missed": list(scan.missed),
        "rounds": rounds,
        "points": points,
        "knee": _knee(around, scan.front, cost),
        "marginal": {name: _marginal(around, scan.front, name, cost) for name in names},
    }


def _knee(around: Around, found: Front, cost: str) -> Landscape:
    try:
        bend = knee(found, key=around.chance(8))
    except DaedalusError as cause:
        return {"none": str(cause)}
    return {
        "cost": [float(found.comparison.mean(cost)[bend.point]), float(found.comparison.error(cost)[bend.point])],
        "label": found.comparison.labels[bend.point],
        "distance": [bend.distance, bend.error],
        "chance": bend.chance,
        "share": bend.share.tolist(),
        "significant": bend.significant,
    }


def _marginal(around: Around, found: Front, name: str, cost: str) -> Landscape:
    """The slope of a figure by the cost along the front; a cost without an error of its own is one too."""
    direction = {o.name: o.direction for o in around.problem.objectives}.get(name, 1.0)
    aims = (Aim(name, found.comparison.units[name], direction), found.aims[1])
    try:
        values = marginal_values(dataclasses.replace(found, aims=aims))
    except DaedalusError as cause:
        return {"none": str(cause)}
    rows = zip(values.cost, values.value, values.error, strict=True)
    return {"unit": values.unit, "each": [[float(c), float(v), float(e)] for c, v, e in rows]}


def money(around: Around) -> str:
    """What "cost" stands for: the figure of that name, or else the only one in EUR, or else the name itself."""
    figures = around.problem.figures
    priced = [
        figure.name
        for figure in figures
        if figure.unit == "EUR" and not (isinstance(figure, Constraint) and figure.known)
    ]
    return "cost" if len(priced) != 1 or any(f.name == "cost" for f in figures) else priced[0]
