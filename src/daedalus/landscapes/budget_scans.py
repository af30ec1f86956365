"""Budget scans: the best performance within each of many budgets, one search warm-started from another."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial

import jax
import numpy as np
from jaxtyping import Array, Key

from daedalus.core import Constraint, Design, History, Metric, Objective, Optimiser, Problem
from daedalus.errors import RunError
from daedalus.landscapes.comparison import KEYS, LOSS, compare
from daedalus.landscapes.errors import LandscapeError
from daedalus.landscapes.fronts import non_dominated
from daedalus.landscapes.trade_offs import Front, aims
from daedalus.search import optimise
from daedalus.units import unit as unit_value


@dataclasses.dataclass(frozen=True, eq=False)
class BudgetScan:
    """The best design found within each budget, measured with fresh events."""

    budgets: tuple[float, ...]  # of which a search found a design, ascending [unit of the cost]
    missed: tuple[float, ...]  # within which no search found a feasible design [unit of the cost]
    points: Front  # one point per budget: performance and cost
    histories: tuple[History, ...]  # of all searches, in their order

    @property
    def front(self) -> Front:
        """The points without those that are certainly beaten: a budget nobody can use, or a search that failed."""
        return self.points.taken(non_dominated(self.points.values * self.points.directions, self.points.errors))


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


def budget_scan(
    problem: Problem,
    cost: str,
    budgets: Sequence[float],
    optimiser: Optimiser,
    *,
    key: Key[Array, ""],
    rounds: int,
    performance: str = LOSS,
    scale: float | None = None,
    passes: int = 1,
    keys: int = KEYS,
    events: int | None = None,
    scenarios: int | None = None,
    scoring_scenarios: int | None = None,
) -> BudgetScan:
    """The best performance within each budget: searches from the least budget up, each from the last one's design.

    A design stays within every larger budget, so that each search starts at a feasible one. Every search is compiled
    anew, which for a problem of seconds per compilation is most of the price of a short one.

    Args:
        problem: the task.
        cost: an objective, metric or constraint by name; less is better.
        budgets: what it may be at most [its unit]; a dozen or more draw a front.
        optimiser: the method; it must handle constraints.
        key: decides all random numbers; the points are measured with events that no search has seen.
        rounds: of each search [1].
        performance: the only objective that is improved, by name; by default all but the cost, as their loss.
        scale: excess of the cost that matters [its unit]; the mean distance of budgets where the cost has none.
        passes: 2: also from the largest budget down, and of both designs the better one [1].
        keys: sets of events of the final measurement [1].
        events: per scenario [1]; the problem's own number by default.
        scenarios: of the searches' evaluations [1].
        scoring_scenarios: of the final measurement [1].

    Raises:
        LandscapeError: fewer than two budgets, passes other than 1 or 2, or no budget that is met.
        OptimiserError: the optimiser cannot handle constraints.
    """
    steps = np.unique(np.asarray(budgets, float))
    if len(steps) < 2 or passes not in (1, 2):
        raise LandscapeError(f"{len(steps)} different budgets in {passes} passes; expected two or more in 1 or 2.")
    if scale is None and cost in [metric.name for metric in problem.metrics]:
        scale = float(np.mean(np.diff(steps)))
    tasks = [within_budget(problem, cost, float(b), performance=performance, scale=scale) for b in steps]
    order = [*range(len(steps)), *reversed(range(len(steps) - 1))][: len(steps) * passes]
    search = partial(optimise, optimiser=optimiser, rounds=rounds, events=events, scenarios=scenarios)
    found, histories = _searched(tasks, order, search, key)
    if not found:
        raise LandscapeError(f"no search met its budget of {cost}, up to {steps[-1]:g}; expected larger ones.")
    designs = {f"{steps[step]:g}, search {number}": design for number, (step, design) in enumerate(found)}
    wanted = aims(tasks[-1], (performance, cost))
    measured = compare(tasks[-1], designs, key=key, keys=keys, events=events, scenarios=scoring_scenarios)
    whole = Front(wanted, measured, tuple(designs.values()))
    best = _best(np.array([step for step, _ in found]), whole.values[:, 0] * wanted[0].direction)
    met, missed = steps[list(best)], np.delete(steps, list(best))
    return BudgetScan(tuple(met.tolist()), tuple(missed.tolist()), whole.taken(np.array([*best.values()])), histories)


def _searched(
    tasks: Sequence[Problem], order: Sequence[int], search: Callable[..., History], key: Array
) -> tuple[list[tuple[int, Design]], tuple[History, ...]]:
    """The designs found for the tasks in an order, each with the task's number, and the histories of all searches."""
    begin, found, histories = tasks[0].start, list[tuple[int, Design]](), list[History]()
    for number, step in enumerate(order):
        task = dataclasses.replace(tasks[step], start=begin)
        history = search(task, key=jax.random.fold_in(key, number))
        histories.append(history)
        try:
            begin = history.design(task, history.best_row())
        except RunError:  # nothing feasible: the next search starts where this one did
            continue
        found.append((step, begin))
    return found, tuple(histories)


def _best(steps: np.ndarray, scores: np.ndarray) -> dict[int, int]:
    """The number of the least score of every step that has one, in the order of steps."""
    return {
        int(step): int(np.flatnonzero(steps == step)[np.argmin(scores[steps == step])]) for step in np.unique(steps)
    }


def _as_metric(objective: Objective) -> Metric:
    return Metric(objective.name, objective.function, objective.unit, objective.doc)
