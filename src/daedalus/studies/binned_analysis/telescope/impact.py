"""The observable: how far a track misses the vertex, and what the nuisances make of that."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from daedalus.core import Derivative, Stage
from daedalus.events import Events, Observables, Particles, Tracks
from daedalus.units import um

UNIT = 100 * um  # of distances in logarithms
VARIATIONS = ("nominal", "blur_down", "blur_up", "lifetime_down", "lifetime_up")  # rows of the observables
_TINY = 1e-9  # m; keeps the logarithm of a track that meets the vertex exactly finite


class ImpactLogarithm(Stage):
    """The logarithm of a track's impact, ln(r / 100 um) - exponent ln(sigma / 100 um), nominal and varied.

    sigma is the telescope's error for the particle's momentum: exponent 0 bins in the impact, 1 in its significance.
    A blur changes every error of a track by a share, a lifetime every true impact: both exactly, event by event.
    Rows are `VARIATIONS`; the derivative is exact.
    """

    exponent: Float[Array, ""]  # of the error [1]
    sigma: Float[Array, ""]  # the telescope's error in the plane of the vertex [m]
    blur: float = eqx.field(static=True)  # uncertainty of the errors [share]
    lifetime: float = eqx.field(static=True)  # uncertainty of the mean impacts [share]
    z: float = eqx.field(static=True, default=0.0)  # of the vertex [m]

    name: str = eqx.field(static=True, default="impact")
    derivative: Derivative = eqx.field(static=True, default=Derivative.EXACT)

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with their observables."""
        tracks, truth = events[Tracks, "telescope"], jnp.stack(events[Particles].at_z(self.z))
        error = jnp.stack([tracks.x, tracks.y]) - truth
        shifts = [0 * error, -self.blur * error, self.blur * error, -self.lifetime * truth, self.lifetime * truth]
        x, y = jnp.moveaxis(truth + error + jnp.stack(shifts), 1, 0)
        offset = self.exponent * jnp.log(self.sigma / UNIT)
        rows = 0.5 * jnp.log((x**2 + y**2 + _TINY**2) / UNIT**2) - offset
        return events.add(Observables(rows, jnp.zeros((0, *rows.shape), rows.dtype)))
