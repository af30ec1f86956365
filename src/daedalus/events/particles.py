"""Particles: where they are, where they go, and their momentum."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

FLATTEST = 1e-3  # smallest |uz| a crossing of a horizontal plane is computed with: positions stay finite [1]


class Particles(eqx.Module):
    """Particles on their way, one per event, as a structure of arrays.

    The frame is the study's, z upwards; a downward-going particle has uz < 0.
    """

    x: Float[Array, "event"]  # position [m]
    y: Float[Array, "event"]  # position [m]
    z: Float[Array, "event"]  # position [m]
    ux: Float[Array, "event"]  # direction cosine [1]
    uy: Float[Array, "event"]  # direction cosine [1]
    uz: Float[Array, "event"]  # direction cosine [1]
    momentum: Float[Array, "event"]  # [GeV]

    def at_z(self, z: Float[Array, "..."] | float) -> tuple[Float[Array, "..."], ...]:
        """The x and y [m] at which the straight line of each particle crosses height z [m], which may be one
        height, one per event, or a column of shape (plane, 1).
        """
        run = (z - self.z) / self._steep
        return self.x + run * self.ux, self.y + run * self.uy

    @property
    def slopes(self) -> tuple[Float[Array, "event"], Float[Array, "event"]]:
        """The slopes dx/dz and dy/dz [1]."""
        return self.ux / self._steep, self.uy / self._steep

    @property
    def _steep(self) -> Float[Array, "event"]:
        """The direction cosine to z [1], kept away from zero."""
        return jnp.where(jnp.abs(self.uz) < FLATTEST, jnp.where(self.uz < 0, -FLATTEST, FLATTEST), self.uz)
