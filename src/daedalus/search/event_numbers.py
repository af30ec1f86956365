"""Event numbers: how many events the rounds of a search have: few at first, more where noise hides the gradient."""

from __future__ import annotations

import dataclasses

import numpy as np

from daedalus.core import History, Optimiser, Problem
from daedalus.errors import OptimiserError, ProblemError

LEAST = 2.0  # the signal below which a gradient is called hidden [standard deviations]; pure noise has about 1
ROUNDS = 5  # whose median tells
GROWTH = 2


@dataclasses.dataclass(frozen=True)
class EventNumbers:
    """The events per scenario of every round, as a function of the rounds before: a resumed search has the same.

    Where the median signal |g| / sqrt(tr C) of the last rounds' gradients falls below `LEAST`, the number is doubled
    (the norm test of Byrd, Chin, Nocedal and Wu, Math. Program. 134 (2012) 127, section 3, with a growth of two: every
    number of events is a program to compile). Particles keep their random numbers: the new ones come on top.
    """

    first: int
    most: int | None = None  # up to which it grows; None: not at all

    def after(self, history: History, scenarios: int) -> int:
        """The events per scenario of the rounds after a history.

        Args:
            history: all rounds so far, with the columns events, round and signal.
            scenarios: of every evaluation [1].
        """
        if self.most is None or len(history) == 0:
            return self.first
        now = int(history["events"][-1]) // scenarios
        at_it = history["events"] == now * scenarios
        last = at_it & (history["round"] > history["round"][-1] - ROUNDS)
        if len(np.unique(history["round"][last])) < ROUNDS or not np.median(history["signal"][last]) < LEAST:
            return now
        return min(self.most, GROWTH * now)


def event_numbers(problem: Problem, optimiser: Optimiser, events: int | None, most: int | None) -> EventNumbers:
    """The event numbers of a search.

    Args:
        problem: the task.
        optimiser: the method.
        events: particles per scenario at first [1]; the problem's own number by default.
        most: particles per scenario at most [1]; as many as at first by default.

    Raises:
        OptimiserError: they are to grow, but the method has no gradients whose noise could tell.
        ProblemError: fewer at most than at first.
    """
    first = problem.events if events is None else events
    if most is not None and not optimiser.handles.gradients:
        raise OptimiserError(
            f"the number of events is to grow up to {most} where the noise of the gradient asks for it, but "
            f"{type(optimiser).__name__} uses no gradients. Give events alone, or use a method with gradients."
        )
    if most is not None and most < first:
        raise ProblemError(f"at most {most} events, but {first} at first; expected at least as many.")
    return EventNumbers(first, most)
