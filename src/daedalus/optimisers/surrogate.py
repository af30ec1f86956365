"""Surrogates: a Gaussian process for every figure of a search's rows: objectives, constraints, and whether it fails."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from daedalus.optimisers.acquisition import Fantasies, Scalar, fantasies
from daedalus.optimisers.observations import Buffers, Figures, bent_excess, bent_objective, sloped
from daedalus.optimisers.processes import Data, Prior, Process, Profile, most_probable
from daedalus.optimisers.warping import Warping

LENGTH, LENGTH_SPREAD = 0.2, 0.5  # prior of length scales: median per root of the number of parameters; of the log
AMPLITUDE_SPREAD = 1.5  # of the logarithm of the amplitude, whose median is the data's variance
FLOOR, FLOOR_SPREAD = 1e-4, 2.0  # of the extra noise [variance of the data]
FAILING = 0.1  # the same for failures, which need not depend on the design alone [1]

Coefficients = Float[np.ndarray, "output coefficient"]
Powers = Float[np.ndarray, "objective"]

_fantasies = jax.jit(fantasies)


@dataclasses.dataclass(frozen=True)
class Settings:
    """How figures are modelled."""

    kernel: Profile
    powers: tuple[float, ...]  # that warpings may have
    draws: int  # of the functions, for the expected improvement


@dataclasses.dataclass(frozen=True)
class Surrogate:
    """The processes of some rows: of objectives, of constraints, and of failures if there are any."""

    settings: Settings
    figures: Figures
    slope: Float[np.ndarray, "row axis"]  # gradients; no columns if there are none [1 / range]
    covariance: Float[np.ndarray, "row axis axis"]
    steep: Int[np.ndarray, "axis"]  # parameters along which slopes are used
    choices: tuple[int, ...]  # parameters that are choices
    coefficients: Coefficients  # of the processes; the last row is for failures
    powers: Powers  # of the objectives' warpings
    spare: int = 0  # rows for places that are still to be measured

    def fitted(self) -> Surrogate:
        """The same with the most probable coefficients and powers that are found from the present ones."""
        buffers, coefficients, powers = self._buffers(), self.coefficients.copy(), self.powers.copy()
        for column, present in enumerate(self.powers):
            fits = {power: self._fit(buffers, column, power, bool(power == present)) for power in self.settings.powers}
            powers[column] = max(fits, key=lambda power: fits[power][1])
            coefficients[column] = fits[powers[column]][0]
        for column in range(len(powers), self._outputs):
            coefficients[column] = self._most_probable(self._rest(buffers, column - len(powers)), column, True)[0]
        return dataclasses.replace(self, coefficients=coefficients, powers=powers)

    def fantasies(
        self, scalar: Scalar, pending: Float[np.ndarray, "place param"], normals: Float[np.ndarray, "output sample row"]
    ) -> Fantasies:
        """Draws of the processes at all rows and at places that are still to be measured."""
        buffers, count = self._buffers().with_pending(pending), len(self.powers)
        data = [self._objective(buffers, column, power)[1] for column, power in enumerate(self.powers)]
        data += [self._rest(buffers, column) for column in range(self._outputs - count)]
        kernel, choices = self.settings.kernel, self.choices
        processes = tuple(Process.of(jnp.asarray(row), kernel, choices) for row in self.coefficients[: len(data)])
        drawn = jnp.asarray(normals[: len(data), :, : len(buffers.place)])
        return _fantasies(processes, tuple(data), jnp.asarray(buffers.pending), scalar, drawn)

    def worth(self) -> Float[np.ndarray, "row objective"]:
        """The warped objectives of all rows."""
        columns = [bent_objective(self.figures, column, power)[1] for column, power in enumerate(self.powers)]
        return np.stack(columns, 1)

    @property
    def room(self) -> int:
        """The length of the buffers."""
        return len(self._buffers().place)

    @property
    def _outputs(self) -> int:
        failing = not self.figures.sound.all()
        return len(self.powers) + self.figures.excess.shape[1] + failing

    def _buffers(self) -> Buffers:
        return Buffers.of(self.figures.cube, self.steep, self.spare)

    def _fit(self, buffers: Buffers, column: int, power: float, afresh: bool) -> tuple[np.ndarray, float]:
        """The most probable coefficients of an objective under a warping, and their evidence for the values as told."""
        warping, data = self._objective(buffers, column, power)
        coefficients, evidence = self._most_probable(data, column, afresh)
        known = np.asarray(data.known)
        steepness = warping.slope(self.figures.objectives[buffers.place[known], column])
        return coefficients, evidence + float(np.sum(np.log(steepness)))

    def _most_probable(self, data: Data, column: int, afresh: bool) -> tuple[np.ndarray, float]:
        failing = column == len(self.coefficients) - 1
        before = prior(self.figures.cube.shape[1], FAILING if failing else FLOOR)
        starts = [self.coefficients[column], np.asarray(before.centre)][: 2 if afresh else 1]
        return most_probable(data, before, starts, kind=self.settings.kernel, choices=self.choices)

    def _objective(self, buffers: Buffers, column: int, power: float) -> tuple[Warping, Data]:
        warping, values, variances = bent_objective(self.figures, column, power)
        data = buffers.data(values, variances, self.figures.sound)
        if len(self.steep) == 0:
            return warping, data
        return warping, sloped(
            data,
            buffers,
            warping,
            self.figures.objectives[:, column],
            value=self.slope,
            covariance=self.covariance,
        )

    def _rest(self, buffers: Buffers, column: int) -> Data:
        """Excesses, then whether a row failed (1) or not (-1)."""
        if column < self.figures.excess.shape[1]:
            return buffers.data(*bent_excess(self.figures, column), self.figures.sound)
        failed = np.where(self.figures.sound, -1.0, 1.0)
        return buffers.data(failed, np.zeros_like(failed), np.ones_like(self.figures.sound))


def prior(size: int, floor: float = FLOOR) -> Prior:
    """The prior for so many parameters: length scales grow with the root of their number, as distances do.

    Hvarfner, Hellsten, Nardi, ICML 2024, section 4; here the median is shorter, for searches of a part of the cube, and
    the spread smaller, for searches of some ten rows.

    Args:
        size: number of parameters [1].
        floor: median of the noise beyond what is reported [variance of the data].
    """
    lengths, spreads = np.full(size, np.log(LENGTH * np.sqrt(size))), np.full(size, LENGTH_SPREAD)
    centre = np.concatenate([lengths, [0.0, np.log(floor), 0.0]])
    deviation = np.concatenate([spreads, [AMPLITUDE_SPREAD, FLOOR_SPREAD, 1.0]])
    return Prior(jnp.asarray(centre), jnp.asarray(deviation))
