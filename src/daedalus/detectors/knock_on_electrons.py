"""Knock-on electrons: secondaries that pull a hit away from the particle that made them."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from daedalus.core import Derivative, Stage
from daedalus.events import Events, Hits, uniforms


class KnockOnElectrons(Stage):
    """Shifts some hits of a stack half-way to a secondary electron that the particle knocked out before the plane.

    With the probability given, in each plane independently, the reported position is the mean of the particle's and the
    electron's, which lies at an exponentially distributed distance of mean ``spread`` in a random direction; the
    claimed error does not know. The form is a convention of this package: how often such electrons leave a layer and
    how far they get follows from their spectrum (PDG 2024, section 34.2, on energetic knock-on electrons) and the
    matter around, so take both numbers from a simulation or from the tails of measured residuals. Neutral at zero. The
    derivative with respect to hits and spread is exact (pathwise); the probability counts as a fact of nature and has
    none.
    """

    label: str = eqx.field(static=True)  # of the hits
    probability: Float[Array, "plane"] | Float[Array, ""] | float  # of a shifted hit [1]
    spread: Float[Array, ""] | float  # mean distance of the electron from the particle [m]

    @property
    def name(self) -> str:
        """The stage's name, "knock_on_electrons:label"."""
        return f"knock_on_electrons:{self.label}"

    @property
    def derivative(self) -> Derivative:
        """Exact."""
        return Derivative.EXACT

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with some hits of the label shifted."""
        hits = events[Hits, self.label]
        planes = len(hits.z)
        draw = uniforms(key, events.index, 3 * planes)
        struck = draw[:planes] < jnp.broadcast_to(self.probability, hits.z.shape)[:, None]
        distance = -self.spread * jnp.log(draw[planes : 2 * planes])
        turn = 2.0 * jnp.pi * draw[2 * planes :]
        x = jnp.where(struck, hits.x + 0.5 * distance * jnp.cos(turn), hits.x)
        y = jnp.where(struck, hits.y + 0.5 * distance * jnp.sin(turn), hits.y)
        return events.add(Hits(x, y, hits.z, hits.sigma, hits.probability, hits.recorded), self.label)
