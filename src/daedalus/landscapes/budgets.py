"""Budgets: a problem whose cost is bounded, and the design nearest to another one that a budget affords."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from daedalus.core import Constraint, Design, Metric, Objective, Point, Problem
from daedalus.core.admission import admitted
from daedalus.landscapes.comparison import LOSS
from daedalus.landscapes.errors import LandscapeError
from daedalus.units import unit as unit_value

_AIMS = (1.0, 0.995, 0.98)  # of the budget, one after the other


def within_budget(
    problem: Problem, cost: str, budget: float, *, performance: str = LOSS, scale: float | None = None
) -> Problem:
    """The problem to improve the performance at a cost of at most a budget, as a measured constraint on the cost.

    Methods of descent press it by their augmented Lagrangian, the others put it first; see
    `daedalus.optimisers.augmented_lagrangian`.

    Args:
        problem: the task.
        cost: an objective, metric or constraint by name.
        budget: what it may be at most [its unit].
        performance: the only objective that is left, by name; by default all but the cost.
        scale: excess of the cost that matters [its unit]; that of the cost by default, or a tenth of the budget.

    Raises:
        LandscapeError: no such figure, or no objective beside the cost.
    """
    known = {figure.name: figure for figure in problem.figures}
    left = tuple(o for o in problem.objectives if o.name != cost and performance in (LOSS, o.name))
    if cost not in known or not left:
        raise LandscapeError(
            f"{performance!r} within a budget of {cost!r} of {problem.name!r}; expected an objective and another "
            f"figure among {', '.join(known)}."
        )
    figure = known[cost]
    unit = unit_value(figure.unit)
    if isinstance(figure, Constraint) and figure.known:
        raise LandscapeError(f"{cost!r} is a known constraint; expected a measured one. Give the cost as a metric.")
    own = 0.1 * abs(budget) * unit or unit if isinstance(figure, Metric) else figure.scale
    bound = Constraint(
        cost,
        figure.function,
        lower=figure.lower if isinstance(figure, Constraint) else -float("inf"),
        upper=budget * unit,
        unit=figure.unit,
        scale=own if scale is None else scale * unit,
        doc=figure.doc,
    )
    dropped = [o for o in problem.objectives if o.name != cost and o not in left]
    others = tuple(m for m in problem.metrics if m.name != cost)
    return dataclasses.replace(
        problem,
        objectives=left,
        constraints=(*(c for c in problem.constraints if c.name != cost), bound),
        metrics=(*others, *map(_as_metric, dropped)),
    )


def affordable(problem: Problem, cost: str, budget: float, design: Design) -> Design:
    """A design near another one that costs no more than a budget, where the cost can be told from the design alone.

    Least moves in the cube along the slope of the cost, and then what the problem's known constraints ask for, again
    and a little farther where these have made it dearer. Where the cost hangs on events, or no move arrives, the design
    stays as it is.

    Args:
        problem: the task.
        cost: an objective, metric or constraint by name.
        budget: what it may be at most [its unit].
        design: where to begin.

    Raises:
        LandscapeError: no such figure.
    """
    known = {figure.name: figure for figure in problem.figures}
    if cost not in known:
        raise LandscapeError(f"{problem.name!r} has no {cost!r}; expected one of {', '.join(known)}.")
    alone = partial(_alone, known[cost].function)
    try:
        jax.eval_shape(alone, design)
    except (AttributeError, TypeError):  # it reads sums of events or truths
        return design
    most, space, point = budget * unit_value(known[cost].unit), problem.space, problem.space.point(design)
    for aim in _AIMS:
        beyond = lambda cube, aim=aim: (alone(space.design(cube)) - aim * most)[None] / (abs(most) or 1.0)
        cube = jax.jit(lambda cube, beyond=beyond: admitted(cube, cube, beyond, space.snapped))(point.cube)
        there = Point(jnp.asarray(cube)[None], jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], point.learned))
        point = jax.tree.map(lambda leaf: leaf[0], problem.admitted(there, whole=True))
        if float(alone(space.design(point))) <= most:
            break
    return space.design(point)


def _alone(function: Any, design: Design) -> Any:
    return function(design, None, None)


def _as_metric(objective: Objective) -> Metric:
    return Metric(objective.name, objective.function, objective.unit, objective.doc)
