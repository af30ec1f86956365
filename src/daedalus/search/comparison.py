"""Methods compared: the same problem, the same budget, and incumbents that are measured again with fresh events."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

import jax
import numpy as np
from jaxtyping import Float, Int

from daedalus.core import Evaluation, Evaluator, History, Optimiser, Problem, scoring_key
from daedalus.core.leaves import Leaves
from daedalus.search.fit import check_moves
from daedalus.search.loop import Progress, optimise

LOSS = "loss"


@dataclasses.dataclass(frozen=True, eq=False)
class Course:
    """How one search went: its incumbents, each measured again with events that the search has not seen."""

    method: str
    seed: int
    calls: Int[np.ndarray, "incumbent"]  # evaluations made when it became the incumbent [1]
    value: Float[np.ndarray, "incumbent"]  # measured again [display unit of the figure]
    error: Float[np.ndarray, "incumbent"]
    claimed: Float[np.ndarray, "incumbent"]  # the loss the search saw: it is the luckiest so far [1]
    made: int  # evaluations in all
    particles: int  # simulated by the search
    wall_seconds: float  # compilation included
    cpu_seconds: float
    history: History

    def at(self, calls: Int[np.ndarray, "point"]) -> Float[np.ndarray, "point"]:
        """The incumbent's value after so many calls; NaN before the first."""
        place = np.searchsorted(self.calls, calls, side="right") - 1
        return np.where(place >= 0, self.value[np.maximum(place, 0)], np.nan)

    def calls_to(self, target: float) -> float:
        """The calls after which the incumbent's value stays at or below a target; inf where it never does."""
        below = self.value <= target
        if not below.any() or not below[-1]:
            return float("inf")
        last_above = np.where(~below)[0]
        return float(self.calls[last_above[-1] + 1 if len(last_above) else 0])


def batch_size(problem: Problem, optimiser: Optimiser) -> int:
    """The number of points an optimiser asks for in a round.

    Raises:
        OptimiserError: there is nothing that it could move.
    """
    check_moves(problem, optimiser)
    key = jax.random.key(0)
    point = problem.space.point(problem.start)
    state = optimiser.init(problem.space, point, key=key, rounds=2, goals=problem.goals)
    return int(optimiser.ask(state, key=key).points.cube.shape[0])


def course(
    problem: Problem,
    method: str,
    optimiser: Optimiser,
    *,
    seed: int,
    calls: int,
    events: int | None = None,
    scenarios: int | None = None,
    figure: str = LOSS,
    scoring_scenarios: int | None = None,
    most: int = 60,
    evaluator: Evaluator | None = None,
) -> Course:
    """The course of one search of ``calls`` evaluations.

    Args:
        problem: the task.
        method: what to call it.
        optimiser: the method.
        seed: what the search's key is made from [1]; incumbents of all searches are measured on the same events.
        calls: evaluations the search may make [1].
        events: particles per scenario [1].
        scenarios: scenarios of an evaluation in the search [1].
        figure: what incumbents are measured by; the loss or the name of a figure.
        scoring_scenarios: scenarios of the measurements [1].
        most: incumbents that are measured [1]; beyond it evenly chosen ones, the last always.
        evaluator: where a foreign simulator is run.
    """
    rounds = max(1, calls // batch_size(problem, optimiser))
    clock = time.perf_counter(), time.process_time()
    learned: dict[int, Leaves] = {}  # of every incumbent, of which a history keeps only the last

    def remember(progress: Progress) -> None:
        for row in incumbents(progress.history, calls):
            learned.setdefault(int(row), progress.history.learned[int(row)])

    by_round = {"watch": (remember,), "chunk": 1} if problem.space.learned_size and optimiser.handles.gradients else {}
    sizes = {"events": events, "scenarios": scenarios, "evaluator": evaluator}
    history = optimise(problem, optimiser, key=jax.random.key(seed), rounds=rounds, **sizes, **by_round)
    history = dataclasses.replace(history, learned={**history.learned, **learned})
    spent = time.perf_counter() - clock[0], time.process_time() - clock[1]
    rows = incumbents(history, calls)
    chosen = rows[np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(int))]
    sizes = {"key": scoring_key(jax.random.key(0), 1), "events": events, "scenarios": scoring_scenarios}
    again = [problem.evaluate(history.design(problem, int(row)), **sizes) for row in chosen]
    found = [_read(evaluation, figure) for evaluation in again]
    values, errors = (np.array(column, float) for column in zip(*found, strict=True)) if found else (np.zeros(0),) * 2
    particles = int(history["events"][:calls].sum())
    made = min(len(history), calls)
    claimed = history["loss"][chosen]
    return Course(method, seed, chosen + 1, values, errors, claimed, made, particles, *spent, history)


def incumbents(history: History, calls: int) -> Int[np.ndarray, "incumbent"]:
    """The rows that were the best so far when they came; only sound rows that violate no constraint count.

    Of a design with learned leaves only those rows whose leaves are kept, the best of all among them.
    """
    loss = np.where(history["status"] == "ok", history["loss"], np.inf)[:calls]
    best = np.minimum.accumulate(loss)
    return np.where(np.isfinite(loss) & (loss < np.concatenate([[np.inf], best[:-1]])) & history.complete[:calls])[0]


def _read(evaluation: Evaluation, figure: str) -> tuple[float, float]:
    """The loss, or a figure, and its standard error."""
    if figure == LOSS:
        return float(evaluation.loss), float(evaluation.loss_error)
    return float(evaluation.values[figure]), float(evaluation.errors[figure])


def band(courses: Sequence[Course], calls: Int[np.ndarray, "point"]) -> Float[np.ndarray, "3 point"]:
    """Median, lowest and highest value over several searches of one method after so many calls."""
    values = np.stack([each.at(calls) for each in courses])
    return np.stack([np.median(values, 0), np.min(values, 0), np.max(values, 0)])
