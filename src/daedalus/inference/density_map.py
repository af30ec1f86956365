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

    def radiation_length(self, longest: float = 304.0) -> Float[Array, "*scenario nx ny nz"]:
        """X0 [m], at most ``longest``, that of air by default."""
        return 1.0 / jnp.maximum(self.density, 1.0 / longest)
