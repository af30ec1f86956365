"""Budget scans: the best performance within each of many budgets, one search warm-started from another."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import jax
import numpy as np
from jaxtyping import Array, Float, Key

from daedalus.core import Design, History, Optimiser, Problem
from daedalus.errors import RunError
from daedalus.landscapes.budgets import affordable, within_budget
from daedalus.landscapes.comparison import KEYS, LOSS, compare
from daedalus.landscapes.errors import LandscapeError
from daedalus.landscapes.fronts import non_dominated
from daedalus.landscapes.trade_offs import Front, aims
from daedalus.optimisers.augmented_lagrangian import pressed_on
from daedalus.optimisers.schedules import Latter, Schedule
from daedalus.search import Progress, optimise

_CHOICE = 2**20  # number of the events that the best designs are chosen by, beyond those of all searches
_LATER = 0.6  # share of the optimiser's schedules that searches after the first leave out [1]
_ROUNDING = 1e-3  # of a budget that a cost may be beyond it, by rounding or where events decide it [1]


@dataclasses.dataclass(frozen=True, eq=False)
class BudgetScan:
    """The best design found within each budget, measured with fresh events."""

    budgets: tuple[float, ...]  # of which a search found a design, ascending [unit of the cost]
    missed: tuple[float, ...]  # within which no search found a feasible design [unit of the cost]
    points: Front  # one point per budget: performance and cost; a design may be the best within several
    histories: tuple[History, ...]  # of all searches, in their order

    @property
    def front(self) -> Front:
        """The points without those that are certainly beaten: a budget nobody can use, or a search that failed."""
        return self.points.taken(non_dominated(self.points.values * self.points.directions, self.points.errors))


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
    settled: bool = False,
    keys: int = KEYS,
    events: int | None = None,
    scenarios: int | None = None,
    scoring_scenarios: int | None = None,
) -> BudgetScan:
    """The best performance within each budget: searches from the largest budget down, each from the last one's design.

    That design is first made to cost no more than the next budget (`affordable`). From an optimum no large steps and no
    softened apparatus are needed: a search follows the last part of the optimiser's schedules, pressed at first as the
    last one was at the end. The best designs within each budget, by events of their own, are measured with others.

    Args:
        problem: the task.
        cost: an objective, metric or constraint by name; less is better.
        budgets: what it may be at most [its unit]; a dozen or more draw a front.
        optimiser: the method; it must handle constraints.
        key: decides all random numbers.
        rounds: of each search [1].
        performance: the only objective that is improved; by default all but the cost, as their loss.
        scale: excess of the cost that matters [its unit]; the mean distance of budgets where the cost has none.
        passes: 2: also from the least budget up again [1].
        settled: the start is the best feasible design known: it counts as found, and no search takes large steps.
        keys: sets of events of the final measurement [1].
        events: per scenario [1]; the problem's own number by default.
        scenarios: of the searches' evaluations [1].
        scoring_scenarios: of the final measurement [1].

    Raises:
        LandscapeError: fewer than two budgets, passes other than 1 or 2, or no budget that is met.
        OptimiserError: the optimiser cannot handle constraints.
    """
    steps, move = _ascending(budgets, passes), partial(affordable, problem, cost)
    apart = float(np.mean(np.diff(steps))) if cost in [metric.name for metric in problem.metrics] else None
    how = {"performance": performance, "scale": apart if scale is None else scale}
    tasks = [within_budget(problem, cost, float(budget), **how) for budget in steps]
    wanted = aims(tasks[-1], (performance, cost))
    search = partial(optimise, rounds=rounds, events=events, scenarios=scenarios)
    found, histories = _Scan(tasks, steps, move, search, optimiser, settled)(passes, key)
    named = {f"{steps[step]:g}, search {number}": design for number, (step, design) in enumerate(found)}
    designs = {"start": problem.start, **named} if settled else named
    measured = partial(compare, tasks[-1], keys=keys, events=events, scenarios=scoring_scenarios)
    measure = lambda some, key: Front(wanted, measured(some, key=key), tuple(some.values()))
    best = _best(measure(designs, jax.random.fold_in(key, _CHOICE)), steps) if designs else {}
    if not best:
        raise LandscapeError(f"no search met its budget of {cost}, up to {steps[-1]:g}; expected larger ones.")
    met, missed = ([float(b) for n, b in enumerate(steps) if (n in best) is inside] for inside in (True, False))
    points = _again([list(designs)[number] for number in best.values()], designs, partial(measure, key=key))
    return BudgetScan(tuple(met), tuple(missed), points, histories)


@dataclasses.dataclass(frozen=True)
class _Scan:
    """Searches within budgets, one after the other."""

    tasks: Sequence[Problem]  # one per budget
    budgets: Float[np.ndarray, "budget"]  # ascending [unit of the cost]
    move: Callable[[float, Design], Design]  # a design made to cost no more than a budget
    search: Callable[..., History]
    optimiser: Optimiser
    settled: bool  # where the searches begin

    def __call__(self, passes: int, key: Array) -> tuple[list[tuple[int, Design]], tuple[History, ...]]:
        """The designs found, each with the number of its budget, and the histories of all searches."""
        down = [*reversed(range(len(self.tasks)))]
        order = [*down, *range(1, len(down))][: len(down) * passes]
        later, begin = _later(self.optimiser), self.tasks[0].start
        method = later if self.settled else self.optimiser
        found, histories, last = list[tuple[int, Design]](), list[History](), deque[Progress](maxlen=1)
        for number, step in enumerate(order):
            task = dataclasses.replace(self.tasks[step], start=self.move(float(self.budgets[step]), begin))
            history = self.search(task, method, key=jax.random.fold_in(key, number), watch=(last.append,))
            histories.append(history)
            try:
                best = history.best_row()
                begin = history.design(task, best)
            except RunError:  # nothing feasible: the next search starts where this one did
                continue
            found.append((step, begin))
            method = pressed_on(later, last[-1].state, int(history["start"][best]))
        return found, tuple(histories)


def _ascending(budgets: Sequence[float], passes: int) -> Float[np.ndarray, "budget"]:
    steps = np.unique(np.asarray(budgets, float))
    if len(steps) < 2 or passes not in (1, 2):
        raise LandscapeError(f"{len(steps)} different budgets in {passes} passes; expected two or more in 1 or 2.")
    return steps


def _later(optimiser: Optimiser) -> Optimiser:
    """The optimiser with the last part of its schedules."""
    scheduled = lambda leaf: isinstance(leaf, Schedule)
    return jax.tree.map(lambda leaf: Latter(leaf, _LATER) if scheduled(leaf) else leaf, optimiser, is_leaf=scheduled)


def _again(labels: Sequence[str], designs: Mapping[str, Design], measure: Callable[..., Front]) -> Front:
    """Designs measured, a point for every label; each of them once."""
    chosen = {label: designs[label] for label in dict.fromkeys(labels)}
    return measure(chosen).taken(np.array([list(chosen).index(label) for label in labels]))


def _best(measured: Front, steps: Float[np.ndarray, "budget"]) -> dict[int, int]:
    """The number of the best design within every budget that affords one, in the order of budgets."""
    score, cost = measured.values[:, 0] * measured.directions[0], measured.values[:, 1]
    within = [np.flatnonzero(cost <= budget + _ROUNDING * abs(budget)) for budget in steps]
    return {step: int(some[np.argmin(score[some])]) for step, some in enumerate(within) if some.size}
