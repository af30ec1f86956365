"""Observations: a search's rows as data for Gaussian processes, one process per figure."""

from __future__ import annotations

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from daedalus.core import Evaluation
from daedalus.optimisers.processes import Data, Rows
from daedalus.optimisers.record import Record
from daedalus.optimisers.warping import SMALLEST, Warping

SHORTEST = 32  # rows of a buffer


class Slopes(eqx.Module):
    """The gradients of all rows, if they are asked for."""

    value: Float[Array, "row axis"]  # without columns if there are none [1 / range]
    covariance: Float[Array, "row axis axis"]

    @staticmethod
    def empty(size: int) -> Slopes:
        """No rows yet, for gradients with so many components."""
        return Slopes(jnp.zeros((0, size)), jnp.zeros((0, size, size)))

    def extended(self, evaluation: Evaluation) -> Slopes:
        """With the rows of an evaluation, if there are columns for them."""
        gradient = evaluation.gradient
        if self.value.shape[1] == 0 or gradient is None:
            return self
        # put on the device, not made by jnp.asarray, which compiles a program for every new shape
        join = lambda old, more: jax.device_put(np.concatenate([np.asarray(old), np.asarray(more)]))
        return Slopes(join(self.value, gradient.value.cube), join(self.covariance, gradient.covariance))


@dataclasses.dataclass(frozen=True)
class Figures:
    """What is known of some rows, in numpy's double precision."""

    cube: Float[np.ndarray, "row param"]
    objectives: Float[np.ndarray, "row objective"]
    objective_errors: Float[np.ndarray, "row objective"]
    excess: Float[np.ndarray, "row constraint"]
    excess_errors: Float[np.ndarray, "row constraint"]
    sound: Bool[np.ndarray, "row"]  # neither failed nor empty

    @staticmethod
    def of(record: Record, objectives: int, *, front: bool) -> Figures:
        """The figures of all told rows; the loss stands for several objectives whose front is not wanted."""
        told = int(record.count)
        double = lambda leaf: np.asarray(leaf)[:told].astype(float)
        outcome, errors = double(record.outcome), np.nan_to_num(double(record.outcome_error))
        wanted, wanted_errors = outcome[:, :objectives], errors[:, :objectives]
        if objectives == 1 or not front:
            wanted, wanted_errors = double(record.loss)[:, None], np.nan_to_num(double(record.loss_error))[:, None]
        rest = slice(objectives, None)
        return Figures(double(record.cube), wanted, wanted_errors, outcome[:, rest], errors[:, rest], record.sound)

    @property
    def violation(self) -> Float[np.ndarray, "row"]:
        """The sum of what is beyond the bounds of the constraints [scales]; inf where a row has failed."""
        beyond = np.sum(np.maximum(np.where(self.sound[:, None], self.excess, 0.0), 0.0), 1)
        return np.where(self.sound, beyond, np.inf)

    def order(self, rows: Int[np.ndarray, "chosen"]) -> Int[np.ndarray, "chosen"]:
        """Some rows, the best of the first objective first; feasible ones before the others."""
        return rows[np.lexsort((self.objectives[rows, 0], self.violation[rows]))]

    def __getitem__(self, rows: Int[np.ndarray, "chosen"]) -> Figures:
        return Figures(*(getattr(self, field.name)[rows] for field in dataclasses.fields(self)))


@dataclasses.dataclass(frozen=True)
class Buffers:
    """Places in buffers of fixed length, and the kind and number of what stands in each row."""

    points: Float[np.ndarray, "row param"]
    place: Int[np.ndarray, "row"]  # number of the place; -1 in the unused rows at the end
    axes: Int[np.ndarray, "row"] | None
    pending: Bool[np.ndarray, "row"]  # values that are still to be measured

    @staticmethod
    def of(cube: Float[np.ndarray, "place param"], steep: Int[np.ndarray, "axis"], spare: int) -> Buffers:
        """Room for the value, and the slopes along some axes, at every place, and for so many values more."""
        count, size = cube.shape
        each = 1 + len(steep)
        used = count * each
        length = SHORTEST
        while length < used + spare:
            length *= 2
        points, place = np.full((length, size), 0.5), np.full(length, -1)
        points[:used], place[:used] = np.repeat(cube, each, 0), np.repeat(np.arange(count), each)
        axes = np.full(length, -1)
        axes[:used] = np.tile(np.concatenate([[-1], steep]), count)
        return Buffers(points, place, axes if len(steep) else None, np.zeros(length, bool))

    def with_pending(self, points: Float[np.ndarray, "place param"]) -> Buffers:
        """With further places in the unused rows."""
        used = int(np.sum(self.place >= 0))
        at = slice(used, used + len(points))
        filled, pending = self.points.copy(), self.pending.copy()
        filled[at], pending[at] = points, True
        return Buffers(filled, self.place, self.axes, pending)

    @property
    def valued(self) -> Bool[np.ndarray, "row"]:
        """The rows that hold values."""
        used = self.place >= 0
        return used if self.axes is None else used & (self.axes < 0)

    def rows(self) -> Rows:
        """The rows as processes take them."""
        return Rows(jnp.asarray(self.points), None if self.axes is None else jnp.asarray(self.axes))

    def data(self, values: np.ndarray, variances: np.ndarray, known: np.ndarray) -> Data:
        """Values at all places as data; the slopes are unknown."""
        fill = lambda column, rest: jnp.asarray(np.where(self.valued, column[self.place], rest))
        noise = fill(np.where(known, variances, 0.0), 0.0)
        if self.axes is not None:
            noise = jnp.diag(noise)
        return Data(self.rows(), fill(np.where(known, values, 0.0), 0.0), noise, fill(known, False))


def bent_objective(
    figures: Figures, column: int, power: float
) -> tuple[Warping, Float[np.ndarray, "row"], Float[np.ndarray, "row"]]:
    """The warping of an objective, its warped values and their variances; NaN where rows have failed."""
    values, errors = figures.objectives[:, column], figures.objective_errors[:, column]
    warping = Warping.of(values[figures.sound], errors[figures.sound], power)
    clean = np.where(figures.sound, values, warping.lowest)
    return warping, warping(clean), (warping.slope(clean) * errors) ** 2


def bent_excess(figures: Figures, column: int) -> tuple[Float[np.ndarray, "row"], Float[np.ndarray, "row"]]:
    """An excess as arsinh(excess / median size), of root mean square one, and its variances: zero stays where it is.

    Far violations are brought closer, as by Eriksson and Poloczek, AISTATS 2021.
    """
    values, errors = figures.excess[:, column], figures.excess_errors[:, column]
    clean = np.where(figures.sound, values, 0.0)
    size = max(float(np.median(np.abs(values[figures.sound]))) if figures.sound.any() else 1.0, SMALLEST)
    bent = np.arcsinh(clean / size)
    spread = max(float(np.sqrt(np.mean(bent[figures.sound] ** 2))) if figures.sound.any() else 1.0, SMALLEST)
    return bent / spread, (errors / (spread * np.hypot(size, clean))) ** 2


def sloped(
    data: Data, buffers: Buffers, warping: Warping, levels: np.ndarray, *, value: np.ndarray, covariance: np.ndarray
) -> Data:
    """An objective's data with its slopes.

    Args:
        data: of its values.
        buffers: in which they stand.
        warping: of the objective.
        levels: its unwarped values, by place.
        value: gradients by place; rows that are not finite stay unknown.
        covariance: of the gradients by place.
    """
    assert buffers.axes is not None
    steep = (buffers.place >= 0) & (buffers.axes >= 0)
    place, axis = buffers.place[steep], buffers.axes[steep]
    factor = warping.slope(np.where(np.isfinite(levels), levels, warping.lowest))[place]
    found = factor * value[place, axis]
    same = place[:, None] == place
    block = np.where(same, covariance[place[:, None], axis[:, None], axis] * factor[:, None] * factor, 0.0)
    known = np.isfinite(found) & np.isfinite(levels[place]) & np.isfinite(np.diag(block))
    at = np.flatnonzero(steep)
    values, noise, mask = (np.array(leaf) for leaf in (data.values, data.noise, data.known))
    values[at], mask[at] = np.where(known, found, 0.0), known
    noise[np.ix_(at, at)] = np.where(known[:, None] & known, block, 0.0)
    return Data(data.rows, jnp.asarray(values), jnp.asarray(noise), jnp.asarray(mask))
