"""Maps of the inverse radiation length, voxel by voxel, with their uncertainty."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float


class DensityMap(eqx.Module):
    """The inverse radiation length of every voxel: what scatters, linear in the amount of matter.

    It may come out negative where errors are subtracted; `radiation_length` floors it.
    """

    density: Float[Array, "*scenario nx ny nz"]  # 1 / X0 [1/m]
    error: Float[Array, "*scenario nx ny nz"]  # standard error; infinite where nothing is known [1/m]

    def shrunk(self, density: float, spread: float) -> DensityMap:
        """The posterior of a Gaussian prior, voxel by voxel: what is known beforehand where the data say little.

        Args:
            density: expected beforehand [1/m].
            spread: its standard deviation [1/m].
        """
        known = jnp.isfinite(self.error)
        own = jnp.where(known, self.error, 0.0)
        share = jnp.where(known, spread**2 / (spread**2 + own**2), 0.0)  # of the data; zero where they say nothing
        return DensityMap(density + share * (self.density - density), spread * jnp.sqrt(1.0 - share))

    def radiation_length(self, longest: float = 304.0) -> Float[Array, "*scenario nx ny nz"]:
        """X0 [m], at most ``longest``, that of air by default."""
        return 1.0 / jnp.maximum(self.density, 1.0 / longest)
