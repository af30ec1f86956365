"""Rows: what some rounds brought, as columns of the history."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from daedalus.core import Gradient, Partition, Problem, Status
from daedalus.search.rounds import Batch
from daedalus.units import unit as unit_value

STATUS_NAMES = np.array([status.name.lower() for status in Status])


class Rows:
    """Makes the history's columns from what rounds bring."""

    def __init__(self, problem: Problem) -> None:
        """Rows of a problem."""
        self.problem = problem
        space = problem.space
        self._values = jax.jit(jax.vmap(lambda cube: space.values(space.design(cube))))

    def __call__(
        self, batch: Batch, partition: Partition, *, first: int, row: int, clock: tuple[float, float]
    ) -> dict[str, np.ndarray]:
        """The columns for the rounds of a batch.

        Args:
            batch: what the rounds brought.
            partition: how the events of their evaluations were cut.
            first: number of the first round [1].
            row: number of the first row [1].
            clock: readings of wall clock and processor clock before the rounds [s].
        """
        evaluations, proposals = batch.evaluations, batch.proposals
        count, starts = evaluations.loss.shape
        size = count * starts
        flat = lambda array: np.asarray(array).reshape(size, *np.shape(array)[2:])
        rounds = first + np.repeat(np.arange(count), starts)
        columns: dict[str, Any] = {
            "row": row + np.arange(size),
            "round": rounds,
            "start": np.tile(np.arange(starts), count),
            "status": STATUS_NAMES[flat(evaluations.status)],
        }
        values = np.asarray(self._values(jnp.asarray(flat(proposals.points.cube))))
        for entry, column in zip(self.problem.space.entries, values.T, strict=True):
            columns[entry.column] = column / unit_value(entry.unit)
        columns |= {"loss": flat(evaluations.loss), "loss_error": flat(evaluations.loss_error)}
        for figure in self.problem.figures:
            columns[figure.name] = flat(evaluations.values[figure.name]) / unit_value(figure.unit)
            columns[f"{figure.name}_error"] = flat(evaluations.errors[figure.name]) / unit_value(figure.unit)
        columns |= {"accepted": flat(evaluations.accepted), "effective_events": flat(evaluations.effective)}
        columns["empty"] = flat(evaluations.empty)
        if evaluations.gradient is not None:
            columns["signal"] = flat(_signal(evaluations.gradient))
        columns["softness"] = np.repeat(np.asarray(proposals.softness), starts)
        columns["events"] = np.full(size, partition.events * partition.scenarios)
        columns["key"] = np.array([f"training/{number}" for number in rounds])
        return columns | _clock(size, clock) | _trials(batch)


def _signal(gradient: Gradient) -> np.ndarray:
    """The length of every gradient over the root of its covariance's trace [1]: about 1 for pure noise."""
    length = np.linalg.norm(np.asarray(gradient.value.cube, float), axis=-1)
    noise = np.linalg.norm(np.asarray(gradient.root, float), axis=(-2, -1))
    return np.divide(length, noise, out=np.full_like(length, np.inf), where=noise > 0)


def _trials(batch: Batch) -> dict[str, np.ndarray]:
    """How the evaluations of a foreign simulator went, or how long those took that were made elsewhere."""
    if len(batch.seconds):
        return {"wall_seconds": np.array(batch.seconds)}
    if not batch.outcomes:
        return {}
    each = lambda name: np.array([getattr(outcome, name) for outcome in batch.outcomes])
    return {name: each(name) for name in ("cause", "attempts", "wall_seconds")}


def _clock(size: int, clock: tuple[float, float]) -> dict[str, np.ndarray]:
    """The only columns that may differ between equal runs."""
    wall, cpu = clock
    return {
        "wall_seconds": np.full(size, (time.perf_counter() - wall) / size),
        "cpu_seconds": np.full(size, (time.process_time() - cpu) / size),
        "finished_at": np.full(size, datetime.now(UTC).isoformat(timespec="seconds")),
    }
