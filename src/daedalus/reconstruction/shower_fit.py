"""Shower fit: core, energy and direction of greatest likelihood, once as a gamma ray and once as a proton."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Float, Key

from daedalus.core import Derivative, Stage
from daedalus.events import Events, ShowerEstimates, Showers, StationSignals
from daedalus.geometry.stations import Stations
from daedalus.gradients.positive_solve import equilibrated_solve
from daedalus.physics.air_showers import ENERGIES, ShowerModel
from daedalus.physics.constants import SPEED_OF_LIGHT
from daedalus.physics.front_times import log_background_share, log_time_density, time_information
from daedalus.physics.shower_signals import arrival_times
from daedalus.reconstruction.expected_shower_estimates import pointing_error, trigger_probability
from daedalus.reconstruction.shower_hypotheses import RANGES, STEPS, hypotheses, prior_information

ROUNDS = 20  # steps of a fit [1]
DOUBTS = np.geomspace(1.0, 0.03, 8)  # of the steps before: relative errors that counts are given [1]
FARTHEST = np.array([300.0, 300.0, 1.0, 0.2, 0.2, 3e3])  # of such a step [as the parameters]
MIDDLE = np.array([0.0, 0.0, np.log(1e6), 0.0, 0.0, 0.0])  # of what is known beforehand [as the parameters]
_ENDS = np.log(ENERGIES) + np.array([1e-4, -1e-4])  # of ln(energy / GeV) of a fit: profiles are cut off at the ends
_ENERGIES = np.linspace(_ENDS[0], _ENDS[1], 5)  # between which that of a start is interpolated
_REACHES = (1.5, 2.0, 3.0)  # from the array's middle, in units of the way to the signals' centroid [1]
_WAYS = (300.0, 600.0, 1000.0, 1600.0, 2500.0)  # beyond the signals' centroid, of cores far from the array [m]
_STEEPEST = 0.95  # largest horizontal direction cosine of a fit, beyond that of any shower, sin(65 degrees) [1]


class ShowerFit(Stage):
    """The fits of every shower's counts and times under both hypotheses; adds `ShowerEstimates`.

    ln L = sum over units and secondaries of N ln(lambda) - lambda, plus ln of the density of each time, which is that
    of the front or of the background (`daedalus.physics.front_times`), minus half the squared distance from the middle
    of the generated range. Damped Fisher scoring from the best of some starts, a fixed number of steps.

    ln L(gamma) - ln L(proton) has the exact derivative by the places at given counts and times, for the fits sit at
    maxima; its spread and the errors, taken from the information at the fitted parameters, have it at fixed parameters
    only (`Derivative.BIASED`). A shower whose fits would still gain more than ``tolerance`` is not sound.
    """

    stations: Stations
    model: ShowerModel = eqx.field(static=True)
    least: int = eqx.field(static=True, default=50)  # tanks with a particle for a trigger [1]
    tolerance: float = eqx.field(static=True, default=0.1)  # of ln L [1]

    name: ClassVar[str] = "shower_fit"
    derivative: ClassVar[Derivative] = Derivative.BIASED

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with their `ShowerEstimates`."""
        showers, signals = events[Showers], events[StationSignals]
        each = jax.vmap(self._of_one, in_axes=(-1, -1, 0, 0))
        return events.add(each(signals.counts, signals.times, showers.parameters, showers.primary))

    def _of_one(self, counts: Array, times: Array, shower: Array, primary: Array) -> ShowerEstimates:
        fits = [ShowerLikelihood(self.stations, self.model, counts, times, number) for number in (0, 1)]
        found = jax.tree.map(lambda leaf: checkpoint_name(jax.lax.stop_gradient(leaf), "Fits"), maxima(fits))
        gamma, proton = (each(place) for each, (place, _) in zip(fits, found, strict=True))
        both = [hypotheses(place, self.stations, self.model, number) for number, (place, _) in enumerate(found)]
        ratio = jnp.log(both[0].counts) - jnp.log(both[1].counts)
        flat = counts.reshape(-1)
        own = jax.tree.map(lambda one, other: jnp.where(primary == 0, one, other), *both)
        right = jnp.where(primary == 0, found[0][0], found[1][0])
        information = fits[0].information(own.counts, own.slopes, own.times, own.counts)
        covariance = equilibrated_solve(information, jnp.eye(len(STEPS), dtype=flat.dtype))
        true = self.stations.expected(shower, self.model, primary)
        converged = (found[0][1] < self.tolerance) & (found[1][1] < self.tolerance)
        return ShowerEstimates(
            detected=trigger_probability(true.reshape(-1), self.stations.tanks, self.least),
            statistic=gamma - proton,
            spread=jnp.sqrt(jnp.sum(flat * ratio**2) + 1e-12),
            log_energy_error=STEPS[2] * jnp.sqrt(covariance[2, 2]),
            pointing_error=pointing_error(right, covariance),
            sound=converged.astype(flat.dtype),
        )


class ShowerLikelihood(eqx.Module):
    """The likelihood of one shower's counts and times under one hypothesis."""

    stations: Stations
    model: ShowerModel = eqx.field(static=True)
    counts: Float[Array, "secondary unit"]
    times: Float[Array, "secondary unit"]
    primary: int = eqx.field(static=True)

    def __call__(self, shower: Float[Array, "param"]) -> Float[Array, ""]:
        """Ln L, without the terms that no parameter enters [1]."""
        expected = self.stations.expected(shower, self.model, self.primary)
        unlikely = (shower - jnp.asarray(MIDDLE, shower.dtype)) / jnp.asarray(RANGES, shower.dtype)
        poisson = jnp.sum(self.counts * jnp.log(expected) - expected)
        timed = jnp.sum(jnp.where(self.counts > 0, self._times(shower, self._log_strange(expected))[0], 0.0))
        return poisson + timed - 0.5 * jnp.sum(unlikely**2)

    def approached(self, starts: Float[Array, "start param"] | None = None) -> Float[Array, "param"]:
        """The best place that is reached from some starts, by default from three of its own; the fit begins there."""
        approach = lambda place, doubt: (_generated(place + self._approach(place, doubt)), None)
        doubts = jnp.asarray(DOUBTS, self.counts.dtype)
        begins = self._starts() if starts is None else starts
        places = jax.vmap(lambda start: jax.lax.scan(approach, start, doubts)[0])(begins)
        return places[jnp.argmax(jax.vmap(self)(places))]

    def maximum(self, begin: Float[Array, "param"]) -> tuple[Float[Array, "param"], Float[Array, ""]]:
        """The most likely parameters, from a place on, and how much ln L would still gain."""

        def step(state: tuple[Array, ...], _: None) -> tuple[tuple[Array, ...], None]:
            place, value, move, gain, damping = state
            trial = _generated(place + move)
            higher = self(trial)
            better = higher >= value
            place, value = jnp.where(better, trial, place), jnp.where(better, higher, value)
            damping = jnp.where(better, 0.1 * damping, 10.0 * damping)
            move, gain = self._step(place, damping)
            return (place, value, move, gain, damping), None

        first = jnp.asarray(1e-2, begin.dtype)
        state = (begin, self(begin), *self._step(begin, first), first)
        place, _, _, gain, _ = jax.lax.scan(step, state, None, ROUNDS)[0]
        return place, gain

    def information(
        self,
        weights: Float[Array, "signal"],
        slopes: Float[Array, "param signal"],
        times: Float[Array, "param unit"],
        expected: Float[Array, "signal"],
    ) -> Float[Array, "param param"]:
        """The information on the parameters, that of the generated range included [1 / step^2].

        Args:
            weights: of the squared slopes; the expected counts, if these are all that makes them uncertain [1].
            slopes: of ln(counts) [1 / step].
            times: slopes of arrival times [time resolutions / step].
            expected: counts [1].
        """
        share = -jnp.expm1(self._log_strange(expected))
        seen = jnp.sum(jnp.where(self.counts > 0, time_information(share, self.stations.time_window), 0.0), 0)
        return (slopes * weights) @ slopes.T + (times * seen) @ times.T + prior_information(expected.dtype)

    def _step(self, place: Array, damping: Array) -> tuple[Array, Array]:
        """The next damped step [parameters], and the gain that an undamped one promises [1]."""
        told = hypotheses(place, self.stations, self.model, self.primary)
        expected, slopes = told.counts, told.slopes
        log_strange = self._log_strange(expected)
        log_ratio = self._times(place, log_strange)[1]
        belongs = -jnp.expm1(log_strange) * jnp.exp(log_ratio)  # the chance that a time is the front's, now it is known
        surer = (self.counts * jnp.expm1(log_ratio)).reshape(-1)  # by which counts look more like a shower's
        slope = slopes @ (self.counts.reshape(-1) - expected + surer) + self._pull(place, told.times, belongs)
        free = jnp.ones_like(slope).at[2].set(1.0 - _at_an_end(place[2], slope[2]))
        matrix = self.information(expected, slopes, told.times, expected) * free[:, None] * free + jnp.diag(1.0 - free)
        right = (free * slope)[:, None]
        damped = equilibrated_solve(matrix + damping * jnp.diag(jnp.diagonal(matrix)), right)[:, 0]
        gain = 0.5 * jnp.sum(right * equilibrated_solve(matrix, right))
        return self._at_origin(place, jnp.asarray(STEPS, place.dtype) * damped), gain

    def _approach(self, place: Array, doubt: Array) -> Array:
        """A bounded step towards the logarithms of the counts, whose relative errors are in doubt by so much as well.

        Near a core counts are steep and the likelihood has many peaks; so blurred it has hardly more than one.
        """
        told = hypotheses(place, self.stations, self.model, self.primary)
        expected, slopes = told.counts, told.slopes
        counts, steps = self.counts.reshape(-1), jnp.asarray(STEPS, place.dtype)
        size = jnp.maximum(counts, expected)
        weight = size / (1.0 + doubt**2 * size)
        apart = jnp.log((counts + 0.5) / (expected + 0.5))
        share = -jnp.expm1(self._log_strange(expected))
        slope = slopes @ (weight * apart) + self._pull(place, told.times, share)
        matrix = self.information(weight, slopes, told.times, expected)
        most = jnp.asarray(FARTHEST, place.dtype)
        return self._at_origin(place, jnp.clip(steps * equilibrated_solve(matrix, slope[:, None])[:, 0], -most, most))

    def _pull(self, place: Array, times: Array, belongs: Array) -> Array:
        """The slope of ln L from the times, if they belong to the front, and from the generated range [1 / step]."""
        steps, ranges, middle = (jnp.asarray(each, place.dtype) for each in (STEPS, RANGES, MIDDLE))
        seen = jnp.sum(jnp.where(self.counts > 0, belongs * self._late(place), 0.0), 0)
        return times @ seen - steps * (place - middle) / ranges**2

    def _late(self, place: Array) -> Array:
        """By how much times are after the front [time resolutions]."""
        return (self.times - arrival_times(place, self.stations.places)) / self.stations.time_resolution

    def _log_strange(self, expected: Array) -> Array:
        """Ln of the probability that none of a unit's particles is the shower's, of either kind."""
        background = jnp.asarray(self.stations.background_counts, expected.dtype)[:, None]
        return log_background_share(self.counts, expected.reshape(self.counts.shape), background)

    def _times(self, place: Array, log_strange: Array) -> tuple[Array, Array]:
        """Ln of the density of every time, and of how much likelier it is for the front's."""
        return log_time_density(self._late(place), log_strange, self.stations.time_window)

    @staticmethod
    def _at_origin(place: Array, move: Array) -> Array:
        """A move whose time is that at the core, with that at the origin instead."""
        return move.at[5].add(place[:2] @ move[3:5] / SPEED_OF_LIGHT)

    def _starts(self) -> Array:
        """Three places to begin: the best with a core near the signals, beyond them and far away; the times' direction.

        A core beyond the array with much energy and one at its edge with little are often two peaks of the likelihood.
        An array that is small beside the distance of a core shows by its centroid only on which side that is.
        """
        places = self.stations.places
        background = jnp.asarray(self.stations.background_counts, places.dtype)[:, None]
        excess = jnp.sum(jnp.maximum(self.counts - 2.0 * background, 0.0), 0)
        centroid = lambda weight: weight @ places / jnp.maximum(jnp.sum(weight), 1e-6)
        middle, broad = jnp.mean(places, 0), centroid(jnp.sqrt(excess))
        apart = broad - middle
        length = jnp.sqrt(apart @ apart + 1e-6)
        along = lambda way: middle + way * apart / length
        near = [centroid(excess), centroid(excess**2), broad]
        beyond, far = [along(reach * length) for reach in _REACHES], [along(length + way) for way in _WAYS]

        def best(cores: list[Array]) -> Array:
            starts = jax.lax.map(self._start, jnp.stack(cores))
            return starts[jnp.argmax(jax.lax.map(self, starts))]

        return jnp.stack([best(cores) for cores in (near, beyond, far)])

    def _start(self, core: Array) -> Array:
        """The parameters with a core, and with the direction and time of a plane front."""
        return self.matched(jnp.concatenate([core, jnp.zeros_like(core[:1]), self._plane()]))

    def matched(self, place: Float[Array, "param"]) -> Float[Array, "param"]:
        """The parameters with the energy that makes as many particles as were counted."""
        energies = jnp.asarray(_ENERGIES, place.dtype)
        at = lambda energy: place.at[2].set(energy)
        expected = lambda energy: jnp.sum(self.stations.expected(at(energy), self.model, self.primary))
        total = jnp.log(jnp.maximum(jnp.sum(self.counts), 1.0))
        return at(jnp.interp(total, jnp.log(jax.vmap(expected)(energies)), energies))

    def _plane(self) -> Array:
        """Direction cosines and time of the plane front that meets the arrival times best."""
        places = self.stations.places
        weight = jnp.sum(self.counts > 0, 0).astype(places.dtype)
        mean = jnp.sum(jnp.where(self.counts > 0, self.times, 0.0), 0) / jnp.maximum(weight, 1.0)
        scale = 1e3 / SPEED_OF_LIGHT  # ns over a km
        rows = jnp.stack([-places[:, 0] * 1e-3, -places[:, 1] * 1e-3, jnp.ones_like(mean)])
        matrix = (rows * weight) @ rows.T + jnp.diag(jnp.asarray([1e-2, 1e-2, 1e-6], mean.dtype))
        found = equilibrated_solve(matrix, ((rows * weight) @ mean / scale)[:, None])[:, 0]
        return _cosines_inside(found) * jnp.asarray([1.0, 1.0, scale], mean.dtype)


def maxima(fits: Sequence[ShowerLikelihood]) -> list[tuple[Float[Array, "param"], Float[Array, ""]]]:
    """The most likely parameters under each of two hypotheses, and how much ln L would still gain.

    Where one of them has found the core, the other one begins there once more, and goes on from the better place.
    """
    begins = [each.approached() for each in fits]
    found = []
    for each, own, other in zip(fits, begins, reversed(begins), strict=True):
        again = each.approached(each.matched(other)[None])
        found.append(each.maximum(jnp.where(each(again) > each(own), again, own)))
    return found


def _inside(place: Array) -> Array:
    """The parameters with a direction above the horizon."""
    return place.at[3:].set(_cosines_inside(place[3:]))


def _generated(place: Array) -> Array:
    """The parameters with a direction above the horizon and an energy of the generated range."""
    return _inside(place.at[2].set(jnp.clip(place[2], *_ENDS)))


def _at_an_end(energy: Array, slope: Array) -> Array:
    """One where the likelihood grows beyond an end of the energies, so that the fit stays there, else zero."""
    beyond = jnp.where(
        slope > 0, energy >= jnp.asarray(_ENDS[1], energy.dtype), energy <= jnp.asarray(_ENDS[0], energy.dtype)
    )
    return beyond.astype(energy.dtype)


def _cosines_inside(front: Array) -> Array:
    """Direction cosines and time, the direction not below the steepest."""
    length = jnp.sqrt(front[0] ** 2 + front[1] ** 2 + 1e-12)
    return jnp.concatenate([front[:2] * jnp.minimum(1.0, _STEEPEST / length), front[2:]])
