"""Guards: what happens where a search meets numbers that are not finite, or runs away."""

from __future__ import annotations

import dataclasses
from typing import Literal, NoReturn, get_args

import jax
import numpy as np
from jaxtyping import Array, Key

from daedalus.core import Evaluation, History, Partition, Point, Problem, training_key
from daedalus.errors import RunError
from daedalus.search.non_finite import first_non_finite
from daedalus.search.rounds import Batch

GIVE_UP = 20  # evaluations of a foreign simulator; where all of the first ones fail, something is wrong with it

Unsound = Literal["stop", "skip", "shrink"]


@dataclasses.dataclass(frozen=True)
class Guards:
    """How a search meets trouble. All that is decided follows from its rows: a resumed search decides the same."""

    unsound: Unsound = "stop"  # a loss or gradient that is not finite: end, leave the point out, or go back half-way
    give_up: int = 100  # rounds in a row without any sound point, after which it ends in any case
    divergence: float = 100.0  # how far losses may stay above the first, see `diverged`; inf: any far
    patience: int = 10  # rounds in a row that it takes to call a search diverged

    def __post_init__(self) -> None:
        """Checks ranges.

        Raises:
            RunError: an unknown policy or a number that is not positive.
        """
        if self.unsound not in get_args(Unsound):
            raise RunError(f"unsound is {self.unsound!r}; expected {' or '.join(get_args(Unsound))}.")
        if self.give_up < 1 or self.patience < 1 or not self.divergence > 0:
            raise RunError(
                f"give_up is {self.give_up}, patience {self.patience} and divergence {self.divergence}; expected "
                "positive numbers; divergence = inf sets no limit."
            )


CAREFUL = Guards()


@dataclasses.dataclass(frozen=True)
class Fault:
    """A point whose loss or gradient was not finite: all that is needed to evaluate it again, to the bit."""

    round: int
    start: int
    row: int
    place: str  # the stage, sum or figure where the first number that is not finite appears
    point: Point  # learned leaves included
    softness: float | None  # of the relaxed stages [1]; None is the real apparatus


class Guard:
    """Watches over the rounds of one search."""

    def __init__(self, guards: Guards, problem: Problem, key: Key[Array, ""], *, gradients: bool) -> None:
        """A guard of a search with a key, whose method uses gradients or not."""
        self.guards, self.problem, self.key, self.gradients = guards, problem, key, gradients

    def faults(self, batch: Batch, history: History, partition: Partition) -> tuple[Fault, ...]:
        """The faults in the newest rows of a history, which a batch has brought."""
        if not self.problem.traceable:
            return ()
        proposals, found = batch.proposals, []
        size = np.shape(batch.evaluations.loss)[0] * np.shape(batch.evaluations.loss)[1]
        first = int(history["round"][-size])
        for row in np.where(history["status"][-size:] == "failed")[0] + len(history) - size:
            number, start = int(history["round"][row]), int(history["start"][row])
            at = number - first
            point = jax.tree.map(lambda leaf, at=at, start=start: leaf[at, start], proposals.points)
            softness = float(proposals.softness[at]) if self.gradients else None
            fault = Fault(number, start, int(row), "", point, softness)
            cause = batch.causes[start] if batch.causes else ""
            place = f"no stage: it was lost elsewhere ({cause})" if cause else None
            place = place or place_of(self.problem, fault, self.key, partition)
            found.append(dataclasses.replace(fault, place=place))
        return tuple(found)

    def check(self, history: History, faults: tuple[Fault, ...], partition: Partition) -> None:
        """Ends a search that should not go on.

        Raises:
            RunError: it met numbers that are not finite and is to stop there; nothing has been seen; it has diverged;
                or a foreign simulator has never given an answer. The error's `history` holds the rows so far.
        """
        if not self.problem.traceable:
            return _stop_if_hopeless(self.problem, history)
        if faults and self.guards.unsound == "stop":
            _stop(
                history,
                f"round {faults[0].round} of {self.problem.name!r}: the loss or its gradient is not finite; the first "
                f"non-finite value appears in {faults[0].place}. The history up to here is kept in this error's "
                "`history`; --unsound skip or shrink goes on without such points.",
            )
        self._stop_if_blind(history, partition)
        if self.gradients and diverged(history, self.guards):
            losses = _lowest(history)
            _stop(
                history,
                f"{self.problem.name!r} has diverged: the loss was {losses[0]:.4g} in its first round and at least "
                f"{np.min(losses[-self.guards.patience :]):.4g} in the last {self.guards.patience}. Use smaller steps.",
            )

    def _stop_if_blind(self, history: History, partition: Partition) -> None:
        """Raises where a round saw nothing that can be learned from, or where too many in a row did.

        A method without gradients learns from a round that sees nothing, once it has seen something.
        """
        status, rounds = history["status"], history["round"]
        patient = self.guards.unsound != "stop" or (not self.gradients and bool(np.any(status != "empty")))
        sound = np.zeros(int(rounds[-1]) + 1, bool)
        sound[rounds[np.isin(status, ("ok", "infeasible"))]] = True
        blind = _streak(~sound, self.guards.give_up if patient else 1)
        if blind is None:
            return
        cause = f"no event was accepted in any of the {partition.scenarios} scenarios"
        if np.any(status[np.isin(rounds, blind)] == "failed"):
            cause = "no point had a finite loss and gradient"
        until = "" if len(blind) == 1 else f" to {blind[-1]}"
        _stop(
            history,
            f"round {blind[0]}{until} of {self.problem.name!r}: {cause}. Start from a design that sees particles, or "
            "use more events.",
        )


def diverged(history: History, guards: Guards) -> bool:
    """Whether the lowest loss of every one of the last rounds lies far above that of the first one.

    Far is ``divergence`` times the largest of 1 (losses are in units of the changes that matter), the first loss'
    size, its standard error, and what had been gained.
    """
    losses = _lowest(history)
    if np.isinf(guards.divergence) or len(losses) <= guards.patience or not np.isfinite(losses[0]):
        return False
    error, last = np.nan_to_num(history["loss_error"][0]), losses[-guards.patience :]
    size = max(1.0, abs(losses[0]), losses[0] - np.min(losses), error)
    return bool(np.all(np.isfinite(last) & (last > losses[0] + guards.divergence * size)))


def place_of(problem: Problem, fault: Fault, key: Key[Array, ""], partition: Partition) -> str:
    """Where the first number of a fault's evaluation that is not finite appears."""
    return first_non_finite(
        problem,
        problem.space.design(fault.point),
        key=jax.random.fold_in(training_key(key, fault.round), 1),
        events=partition.events,
        softness=fault.softness,
        scenarios=partition.scenarios,
    )


def replayed(
    problem: Problem, fault: Fault, key: Key[Array, ""], partition: Partition, *, gradient: bool
) -> Evaluation:
    """The evaluation of a fault's point once more, with the events it had then.

    Args:
        problem: the task.
        fault: the point and its round.
        key: the search's.
        partition: how its events were cut.
        gradient: also differentiate the loss, as methods with gradients do.
    """
    round_key = jax.random.fold_in(training_key(key, fault.round), 1)
    measure = lambda point, soft: problem.measure(
        point, key=round_key, partition=partition, softness=soft, gradient=gradient
    )
    if fault.softness is None:
        return jax.jit(lambda point: measure(point, None))(fault.point)
    return jax.jit(measure)(fault.point, fault.softness)


def _lowest(history: History) -> np.ndarray:
    """The lowest loss of every round [1]; inf where none is finite."""
    rounds = history["round"]
    loss = np.where(np.isfinite(history["loss"]), history["loss"], np.inf)
    lowest = np.full(int(rounds[-1]) + 1, np.inf)
    np.minimum.at(lowest, rounds, loss)
    return lowest


def _streak(blind: np.ndarray, length: int) -> np.ndarray | None:
    """The first rounds in a row, so many, that are blind; None where there are none."""
    count = 0
    for number, each in enumerate(blind):
        count = count + 1 if each else 0
        if count == length:
            return np.arange(number - length + 1, number + 1)
    return None


def _stop_if_hopeless(problem: Problem, history: History) -> None:
    """Raises where a foreign simulator has never given an answer."""
    answered = np.isin(history["status"], ("ok", "infeasible"))
    if len(history) >= GIVE_UP and not answered.any():
        causes = ", ".join(sorted(set(history["cause"]))[:3])
        _stop(history, f"all of the first {len(history)} evaluations of {problem.name!r} failed: {causes}.")


def _stop(history: History, text: str) -> NoReturn:
    error = RunError(text)
    error.history = history  # pyright: ignore[reportAttributeAccessIssue]
    raise error
