"""Readings: the figures of a design and of the same with one part of its events left out, for paired differences."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float, Key

from daedalus.core import Partition, Point, Problem, Status
from daedalus.core.figures import Figures, jackknife
from daedalus.core.sharing import everywhere

LOSS = "loss"


@dataclasses.dataclass(frozen=True)
class Reading:
    """What a design is worth on some events, and on the same events without each of their parts."""

    values: dict[str, float]  # figures and the loss, by name [house units]
    errors: dict[str, float]  # their standard errors; NaN where unknown [house units]
    without: dict[str, Float[np.ndarray, "part"]]  # the same with one part left out [house units]
    excess: float  # all that is beyond the constraints' bounds, known and measured ones [scales]
    status: str  # as `daedalus.core.Status` has it
    accepted: float  # mean accepted weight per scenario [events]

    @property
    def loss(self) -> float:
        """What the machine minimises; infinite where nothing is accepted [1]."""
        return self.values[LOSS]


def differences(one: Reading, other: Reading) -> dict[str, tuple[float, float]]:
    """One design's figures less another's on the same events, with standard errors [house units].

    The events are in both: the error is that of the difference, the jackknife of differences without one part (Efron
    and Stein, Ann. Statist. 9 (1981) 586, equation 1.1), and smaller than what the two errors would give.
    """
    errors = jackknife({name: one.without[name] - other.without[name] for name in one.values})
    return {name: (value - other.values[name], float(errors[name])) for name, value in one.values.items()}


class Meter:
    """The compiled evaluation of a problem on the real apparatus, with fixed events: `Problem.replicas`.

    Args of the constructor are the problem, the key of all events, events per scenario and scenarios [1].
    """

    def __init__(self, problem: Problem, key: Key[Array, ""], events: int, scenarios: int):
        """Compiles nothing yet."""
        self.problem, self.partition = problem, problem.partition(events, scenarios)
        self._key = everywhere(key, self.partition.mesh)
        self._run = eqx.filter_jit(partial(_replicas, problem, self.partition))

    def read(self, point: Point) -> Reading:
        """The reading of a point."""
        found = self._run(everywhere(point, self.partition.mesh), self._key)
        whole, without, errors, known, accepted = jax.tree.map(np.asarray, found)
        values = {name: float(value) for name, value in {**whole.values, LOSS: whole.loss}.items()}
        if not accepted.any() or not np.isfinite(values[LOSS]):
            values[LOSS] = np.inf
        sure = {name: float(error) for name, error in {**errors.values, LOSS: errors.loss}.items()}
        beyond = float(np.sum(np.maximum(np.concatenate([whole.excess, known]), 0.0)))
        violated = bool(np.any(whole.excess > 2 * np.nan_to_num(errors.excess))) or bool(np.any(known > 1e-6))
        status = Status.INFEASIBLE if violated else Status.OK
        status = Status.EMPTY if not accepted.any() else status if np.isfinite(values[LOSS]) else Status.FAILED
        parts = {**without.values, LOSS: without.loss}
        return Reading(values, sure, parts, beyond, status.name.lower(), float(np.mean(accepted)))


def _replicas(problem: Problem, partition: Partition, point: Point, key: Key[Array, ""]) -> tuple[Any, ...]:
    """Readings, those without each part, standard errors, excess of known constraints, accepted weights."""
    whole, without, sums = problem.replicas(point, key=key, partition=partition)
    known = Figures((), problem.constraints).known_excess(problem.space.design(point))
    return whole, without, jackknife(without), known, sums.accepted
