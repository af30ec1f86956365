"""Budgets: a problem whose cost is bounded, and the design nearest to another one that a budget affords."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from daedalus.core import Constraint, Design, Metric, Objective, Problem
from daedalus.landscapes.comparison import LOSS
from daedalus.landscapes.errors import LandscapeError
from daedalus.units import unit as unit_value

MOVES = 400  # towards a budget at most
STEPS = (1e-4, 0.1)  # share of the cost that a move takes off, at least and at most
IDLE, WORTH = 4, 0.1  # moves in a row that bring less than this share of what they should, after which steps are halved
NEAR = 8  # places nearby whose slopes are averaged: costs have kinks, such as where units are paired
SPARE = 1e-5  # of a budget, aimed at below it


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

    Many small moves in the cube along the slope of the cost, each followed by what the problem's known constraints ask
    for; the cheapest design on the way where the budget is not reached. Where the cost hangs on events the design stays
    as it is.

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
    move, most = _cheaper(problem, alone, design), budget * unit_value(known[cost].unit)
    best = here = (problem.space.cube(design), float(alone(design)))
    share, width, idle = STEPS[1], 0.0, 0
    for number in range(MOVES):
        if best[1] <= most or share < STEPS[0]:
            break
        drop = min(share * abs(here[1]), here[1] - most + SPARE * abs(most))
        cube, price, width = move(here[0], number, drop, width)
        here = cube, float(price)
        idle = 0 if here[1] < best[1] - WORTH * drop else idle + 1
        best = min(best, here, key=lambda place: place[1])
        if idle == IDLE:
            here, share, idle = best, share / 2, 0
    return problem.space.design(dataclasses.replace(problem.space.point(design), cube=best[0]))


def _cheaper(problem: Problem, cost: Callable[[Design], Any], design: Design) -> Callable[..., tuple[Any, Any, Any]]:
    """A move of a place in the cube that takes a drop off the cost, and then to what the known constraints ask for.

    It returns the place, its cost and the size of the move [edge of the cube], over which the next slope is averaged.
    """
    space, start = problem.space, problem.space.point(design)
    price = lambda cube: cost(space.design(cube))

    @jax.jit
    def move(cube: Any, number: Any, drop: Any, width: Any) -> tuple[Any, Any, Any]:
        shifts = jax.random.normal(jax.random.fold_in(jax.random.key(0), number), (NEAR, *cube.shape), cube.dtype)
        slope = jnp.mean(jax.vmap(jax.grad(price))(jnp.clip(cube + width * shifts, 0.0, 1.0)), 0)
        slope = jnp.where(((cube <= 0) & (slope > 0)) | ((cube >= 1) & (slope < 0)), 0.0, slope)
        step = -drop * slope / jnp.maximum(jnp.sum(slope**2), 1e-30)
        wished = dataclasses.replace(start, cube=space.snapped(jnp.clip(cube + step, 0.0, 1.0)))
        moved = problem.admitted(jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], wished), whole=True).cube[0]
        return moved, price(moved), jnp.sqrt(jnp.mean(step**2))

    return move


def _alone(function: Any, design: Design) -> Any:
    return function(design, None, None)


def _as_metric(objective: Objective) -> Metric:
    return Metric(objective.name, objective.function, objective.unit, objective.doc)
