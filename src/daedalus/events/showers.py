"""Showers: the air showers of a batch, one per event, as nature made them."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from daedalus.physics.constants import SPEED_OF_LIGHT


class Showers(eqx.Module):
    """One air shower per event: its primary, its energy, where its axis meets the ground and where it comes from."""

    primary: Int[Array, "event"]  # 0 gamma ray, 1 proton
    energy: Float[Array, "event"]  # of the primary [GeV]
    x: Float[Array, "event"]  # of the core, where the axis meets the ground [m]
    y: Float[Array, "event"]
    ux: Float[Array, "event"]  # horizontal direction cosines of the axis: sin(zenith) cos(azimuth), ... [1]
    uy: Float[Array, "event"]

    @property
    def parameters(self) -> Float[Array, "event param"]:
        """The parameters of `daedalus.physics.shower_signals`, of fronts that pass the core at time zero."""
        time = (self.x * self.ux + self.y * self.uy) / SPEED_OF_LIGHT
        return jnp.stack([self.x, self.y, jnp.log(self.energy), self.ux, self.uy, time], -1)
