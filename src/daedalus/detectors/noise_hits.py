"""Noise hits: hits that no particle made."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from daedalus.core import Derivative, Stage
from daedalus.events import Events, Hits, uniforms


class NoiseHits(Stage):
    """Replaces hits of a stack, or fills in missing ones, by hits placed uniformly over the panels.

    In each plane, independently and with the probability given, what was recorded is lost to a noise hit, whose claimed
    error is that of any other. For a noise rate R per area, a panel's area A and a time window T, one or more are there
    with probability 1 - exp(-R A T); how often it is the one that is kept depends on the read-out. Neutral at zero. The
    derivative with respect to hits and panels is exact (pathwise); the probability counts as a fact of nature and has
    none.
    """

    label: str = eqx.field(static=True)  # of the hits
    probability: Float[Array, "plane"] | Float[Array, ""] | float  # of a noise hit [1]
    x: Float[Array, "plane"]  # centres of the panels [m]
    y: Float[Array, "plane"]  # [m]
    span: Float[Array, "plane"] | Float[Array, "2 plane"]  # full width, of squares or along x and along y [m]

    @property
    def name(self) -> str:
        """The stage's name, "noise_hits:label"."""
        return f"noise_hits:{self.label}"

    @property
    def derivative(self) -> Derivative:
        """Exact."""
        return Derivative.EXACT

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with some hits of the label replaced."""
        hits, planes = events[Hits, self.label], len(self.x)
        draw = uniforms(key, events.index, 3 * planes)
        noisy = draw[:planes] < jnp.broadcast_to(self.probability, self.x.shape)[:, None]
        width, length = jnp.broadcast_to(self.span, (2, planes))
        x = self.x[:, None] + (draw[planes : 2 * planes] - 0.5) * width[:, None]
        y = self.y[:, None] + (draw[2 * planes :] - 0.5) * length[:, None]
        replaced = Hits(
            jnp.where(noisy, x, hits.x),
            jnp.where(noisy, y, hits.y),
            hits.z,
            hits.sigma,
            jnp.where(noisy, 1.0, hits.probability),
            hits.recorded | noisy,
        )
        return events.add(replaced, self.label)
