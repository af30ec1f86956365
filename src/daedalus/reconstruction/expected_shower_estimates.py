"""Expected shower estimates: what an array is expected to know of every shower, in closed form, without a fit."""

from __future__ import annotations

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.scipy.special import gammainc
from jaxtyping import Array, Float, Int, Key

from daedalus.core import Derivative, Stage
from daedalus.events import Events, ShowerEstimates, Showers
from daedalus.geometry.stations import Stations
from daedalus.gradients.positive_solve import equilibrated_solve
from daedalus.physics.air_showers import ShowerModel
from daedalus.physics.front_times import expected_time_information
from daedalus.reconstruction.shower_hypotheses import (
    STEPS,
    Hypotheses,
    hypotheses,
    prior_information,
)

NEWTON_STEPS = 4  # towards the wrong hypothesis's best parameters [1]
_STEEPEST = 30.0  # of ln(counts), so that a step too far stays finite [1]


class ExpectedShowerEstimates(Stage):
    """The estimates that are expected of every shower, from its own parameters (Fisher rung); adds `ShowerEstimates`.

    Counts and times are as expected (Asimov data); a time tells as much as the chance allows that it is not that of a
    background particle. Errors are the Cramer-Rao bounds of the right hypothesis, with the
    range of the generated showers as knowledge beforehand. The wrong hypothesis is given its best parameters, with
    ln(counts) linear in them around the true ones; then ln L(gamma) - ln L(proton) is expected to be the distance D of
    the two hypotheses, sum of t ln(t / o) - t + o plus half the strain of times and range, with the variance sum of
    t ln(t / o)^2 plus the strain, for to first order no fluctuation is lost to the fits. Signs are those of a gamma
    ray. Exact derivative.
    """

    stations: Stations
    model: ShowerModel = eqx.field(static=True)
    least: int = eqx.field(static=True, default=50)  # tanks with a particle for a trigger [1]
    label: str = eqx.field(static=True, default="")  # of the estimates

    derivative: ClassVar[Derivative] = Derivative.EXACT

    @property
    def name(self) -> str:
        """The stage's name, "expected_estimates" or "expected_estimates:label"."""
        return f"expected_estimates:{self.label}" if self.label else "expected_estimates"

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with their `ShowerEstimates`."""
        showers = events[Showers]
        one = lambda shower, primary: self._of_one(shower, hypotheses(shower, self.stations, self.model), primary)
        return events.add(jax.vmap(one)(showers.parameters, showers.primary), self.label)

    def _of_one(self, shower: Float[Array, "param"], both: Hypotheses, primary: Int[Array, ""]) -> ShowerEstimates:
        true, slopes = both.counts[primary], both.slopes[primary]
        timed = jnp.sum(self._timed(true.reshape(2, -1)), 0)
        known = (both.times * timed) @ both.times.T + prior_information(true.dtype)
        covariance = equilibrated_solve((slopes * true) @ slopes.T + known, jnp.eye(len(STEPS), dtype=true.dtype))
        distance, variance = _distance(true, both.counts[1 - primary], both.slopes[1 - primary], known)
        return ShowerEstimates(
            detected=trigger_probability(true, self.stations.tanks, self.least),
            statistic=jnp.where(primary == 0, distance, -distance),
            spread=jnp.sqrt(variance + 1e-12),
            log_energy_error=STEPS[2] * jnp.sqrt(covariance[2, 2]),
            pointing_error=pointing_error(shower, covariance),
            sound=jnp.ones_like(distance),
        )

    def _timed(self, true: Float[Array, "secondary unit"]) -> Float[Array, "secondary unit"]:
        """How many sure times of the front those of each kind of particles are expected to be worth."""
        background = jnp.asarray(self.stations.background_counts, true.dtype)[:, None]
        return expected_time_information(true, background, self.stations.time_window)


def trigger_probability(counts: Float[Array, "signal"], tanks: int, least: int) -> Float[Array, ""]:
    """The probability that enough tanks of an array hold a particle [1].

    With S = sum over units of n (1 - exp(-lambda / n)) tanks expected, that of a Poisson count of at least ``least``:
    smooth. Source: T. Dorigo and others, SWGOLO, version 148 (public code).

    Args:
        counts: expected, electrons of all units and then muons [1].
        tanks: of a unit, n [1].
        least: tanks [1].
    """
    of_unit = jnp.sum(counts.reshape(2, -1), 0)
    return gammainc(float(least), -tanks * jnp.sum(jnp.expm1(-of_unit / tanks)))


def pointing_error(shower: Float[Array, "param"], covariance: Float[Array, "param param"]) -> Float[Array, ""]:
    """The root mean square angle between a shower's direction and its estimate [rad].

    An error of the horizontal direction cosines is seen from below, stretched by 1 / cos(zenith) along the slope.

    Args:
        shower: the parameters.
        covariance: of the estimated parameters [steps^2].
    """
    u, error = shower[3:5], covariance[3:5, 3:5] * STEPS[3] ** 2
    return jnp.sqrt(jnp.trace(error) + u @ error @ u / (1.0 - u @ u))


def _distance(true: Array, other: Array, slopes: Array, known: Array) -> tuple[Array, Array]:
    """How far the other hypothesis stays from the true counts at its best, and the variance of the statistic."""
    ratio = jnp.log(true) - jnp.log(other)
    matrix = lambda weight: (slopes * weight) @ slopes.T + known
    solve = lambda matrix, right: equilibrated_solve(matrix, right[:, None])[:, 0]
    moved = solve(matrix(true), slopes @ (true * ratio))
    best = lambda moved: other * jnp.exp(jnp.clip(moved @ slopes, -_STEEPEST, _STEEPEST))
    for _ in range(NEWTON_STEPS):
        expected = best(moved)
        moved = moved - solve(matrix(expected), slopes @ (expected - true) + known @ moved)
    left = ratio - moved @ slopes
    strain = moved @ known @ moved
    return jnp.sum(true * left - true + best(moved)) + 0.5 * strain, jnp.sum(true * left**2) + strain
