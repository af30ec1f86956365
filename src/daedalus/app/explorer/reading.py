"""Readings: the figures of a design and of the same with one part of its events left out, for paired differences."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from daedalus.core import Partition, Point, Problem, Status
from daedalus.core.figures import Figures, Readings
from daedalus.core.problem import JACKKNIFE_GROUPS
from daedalus.core.sharing import everywhere
from daedalus.core.summaries import Summaries, accumulate

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
    found = {}
    for name, value in one.values.items():
        apart = one.without[name] - other.without[name]
        found[name] = (value - other.values[name], _spread(apart))
    return found


class Meter:
    """The compiled evaluation of a problem on the real apparatus, with fixed events: `Problem.evaluate` with its parts.

    Args of the constructor are the problem, the key of all events, events per scenario and scenarios [1].
    """

    def __init__(self, problem: Problem, key: Key[Array, ""], events: int, scenarios: int):
        """Compiles nothing yet."""
        self.problem, self.partition = problem, problem.partition(events, scenarios)
        self._key = everywhere(key, self.partition.mesh)
        self._run = eqx.filter_jit(_reader(problem, self.partition))

    def read(self, point: Point) -> Reading:
        """The reading of a point."""
        found = self._run(everywhere(point, self.partition.mesh), self._key)
        whole, without, known, accepted = jax.tree.map(np.asarray, found)
        values = {name: float(value) for name, value in {**whole.values, LOSS: whole.loss}.items()}
        parts = {**without.values, LOSS: without.loss}
        if not accepted.any() or not np.isfinite(values[LOSS]):
            values[LOSS] = np.inf
        errors = {name: _spread(part) for name, part in parts.items()}
        sure = [_spread(part) for part in without.excess.T]
        beyond = float(np.sum(np.maximum(np.concatenate([whole.excess, known]), 0.0)))
        violated = bool(np.any(whole.excess > 2 * np.nan_to_num(np.array(sure)))) or bool(np.any(known > 1e-6))
        status = Status.INFEASIBLE if violated else Status.OK
        status = Status.EMPTY if not accepted.any() else status if np.isfinite(values[LOSS]) else Status.FAILED
        return Reading(values, errors, parts, beyond, status.name.lower(), float(np.mean(accepted)))


def _spread(parts: np.ndarray) -> float:
    """The jackknife's standard error from values with one part left out; NaN where nothing could be left out."""
    return float(np.sqrt((len(parts) - 1) * np.var(parts))) if len(parts) > 1 else float("nan")


def _reader(problem: Problem, partition: Partition) -> Callable[[Point, Key[Array, ""]], Any]:
    """The evaluation of a point: readings, those without each part, excess of known constraints, accepted weights."""
    figures, space = Figures(problem.objectives, problem.constraints, problem.metrics), problem.space
    count = partition.scenarios

    def run(point: Point, key: Key[Array, ""]) -> Any:
        number = jnp.arange(count)
        chain = lambda point, i: problem.scenario_pipeline(space.design(point), i, count, key=key)
        # the truths as the chain has them: see `Problem.scenario_pipeline`
        draw = lambda i: problem.scenarios.draw(jax.random.fold_in(jax.random.fold_in(key, 0), i), i, count)
        keys = jax.vmap(lambda i: jax.random.fold_in(jax.random.fold_in(key, 1), i))(number)
        copies = jnp.broadcast_to(point.cube, (partition.groups, count, *point.cube.shape))
        build = lambda point, i: chain(point, i)[0]
        sums = accumulate(build, Point(copies, point.learned), number, keys, partition)
        truths, design = jax.vmap(draw)(number), space.design(point)
        read = lambda summaries: figures.read(design, summaries, truths, real=True)
        whole = _finished(sums)
        return read(whole), _without(read, sums, partition), figures.known_excess(design), whole.accepted

    return run


def _without(read: Callable[[Summaries], Readings], sums: Any, partition: Partition) -> Readings:
    """The readings with one part left out at a time: groups of events, or scenarios, as `Problem.evaluate` does."""
    whole, count = _finished(sums), partition.scenarios
    if partition.groups > 1:
        groups = partition.groups
        rest = lambda g: _finished(jax.tree.map(lambda leaf: leaf.at[g].set(0.0), sums))
    elif count > 1:
        groups = min(JACKKNIFE_GROUPS, count)
        rest = lambda g: Summaries(whole.sums, jnp.where(jnp.arange(count) % groups == g, 0.0, whole.weight))
    else:
        return jax.tree.map(lambda leaf: leaf[None], read(whole))
    return jax.vmap(lambda g: read(rest(g)))(jnp.arange(groups))


def _finished(sums: Any) -> Summaries:
    totals = jax.tree.map(lambda leaf: jnp.sum(leaf, 0), sums)
    accepted = totals["accepted"][..., 0]
    return Summaries(totals, (accepted != 0).astype(accepted.dtype))
