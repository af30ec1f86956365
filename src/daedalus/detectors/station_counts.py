"""Station counts: Poisson counts and arrival times in the units of a ground array."""

from __future__ import annotations

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from daedalus.core import Derivative, Stage
from daedalus.events import Events, Showers, StationSignals, normals, poisson_quantile, relaxed_counts, uniforms
from daedalus.geometry.stations import Stations
from daedalus.gradients.score_function import score_weight
from daedalus.physics.air_showers import ShowerModel
from daedalus.physics.front_times import log_background_share
from daedalus.physics.shower_signals import arrival_times


class StationCounts(Stage):
    """Counts and times of every unit; adds `StationSignals`.

    Counts are Poisson, by inversion, so that units far from a change keep theirs. They have no derivative by the places
    of units; their distribution has: the event's weight carries the score, w = exp(ln P - stop_gradient(ln P)), whose
    derivative is that of every expectation, without bias and with noise (`Derivative.NOISY`). With ``relaxed`` the
    counts carry a derivative themselves, that of Gaussian ones, which is far less noisy and right but for what is
    neither linear nor quadratic in them (`Derivative.BIASED`). The time of a kind of particles is that of the front,
    whose derivative it has, but even within the window where none of them is the shower's. With ``smearing`` a measured
    count is the true one with a relative Gaussian error.
    """

    stations: Stations
    model: ShowerModel = eqx.field(static=True)
    smearing: float = eqx.field(static=True, default=0.0)  # relative standard deviation of a count [1]
    relaxed: bool = eqx.field(static=True, default=False)  # the derivative is the counts', not the weight's

    name: ClassVar[str] = "station_counts"

    @property
    def derivative(self) -> Derivative:
        """Biased for relaxed counts; else noisy, for it is in the weight."""
        return Derivative.BIASED if self.relaxed else Derivative.NOISY

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with their `StationSignals`."""
        showers = events[Showers].parameters
        units = self.stations.places.shape[0]
        mean = lambda shower, primary: self.stations.expected(shower, self.model, primary)
        expected = jax.vmap(mean, out_axes=-1)(showers, events[Showers].primary)
        draw = lambda random, lane: random(key, events.index, 2 * units, lane=lane).reshape(2, units, -1)
        counts = poisson_quantile(draw(uniforms, 0), expected)
        log_strange = self._log_strange(counts, expected)
        chance, strange = draw(uniforms, 3), jnp.exp(jax.lax.stop_gradient(log_strange))
        of_shower = chance >= strange
        score = jnp.sum(counts * jnp.log(expected) - expected + _log_label(of_shower, log_strange), (0, 1))
        counts = relaxed_counts(counts, expected) if self.relaxed else counts
        front = jax.vmap(arrival_times, in_axes=(0, None), out_axes=-1)(showers, self.stations.places)
        anywhere = self.stations.window * (chance / jnp.maximum(strange, chance) - 0.5)
        times = front + jnp.where(of_shower, self.stations.time_resolution * draw(normals, 1), anywhere)
        if self.smearing:
            counts = jnp.maximum(counts * (1.0 + self.smearing * draw(normals, 2)), 0.0)
        events = events.add(StationSignals(counts, times))
        return events if self.relaxed else events.reweight(score_weight(score))

    def _log_strange(self, counts: Array, expected: Array) -> Array:
        """Ln of the probability that none of a unit's particles is the shower's, of either kind."""
        background = jnp.asarray(self.stations.background_counts, expected.dtype)[:, None, None]
        return log_background_share(counts, expected, background)


def _log_label(of_shower: Array, log_strange: Array) -> Array:
    """Ln of the probability that a time is the shower's, where it is, and elsewhere that it is the background's."""
    never = log_strange >= 0.0
    shown = jnp.log(-jnp.expm1(jnp.where(never, -1.0, log_strange)))
    return jnp.where(of_shower & ~never, shown, log_strange)
