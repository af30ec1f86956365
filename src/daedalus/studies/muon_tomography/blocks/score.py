"""The score of a hidden block: how dense the densest place of its size looks."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from daedalus.inference.density_map import DensityMap

SHARPNESS = 4.0  # of the soft maximum over places [1]
FLOOR = 3.0  # inverse radiation length that is too small to matter, about water's [1/m]


def block_score(found: DensityMap, size: int) -> Float[Array, "*scenario"]:
    """The soft maximum, over all places of a block of ``size`` voxels a side, of the logarithm of the mean density.

    ln sum exp (a x) / a with a = 4, x the logarithm of the density above a floor: the densest place rules, and every
    place has a derivative.

    Args:
        found: the maps, scenario first.
        size: of the block [voxels].
    """
    positive = jnp.maximum(found.density, 0.0)
    mean = positive
    for axis in (-3, -2, -1):
        count = mean.shape[axis] + 1 - size
        pieces = [jax.lax.slice_in_dim(mean, first, first + count, axis=axis % mean.ndim) for first in range(size)]
        mean = sum(pieces, start=jnp.zeros_like(pieces[0])) / size
    logarithm = jnp.log(mean + FLOOR)
    return jax.nn.logsumexp(SHARPNESS * logarithm, axis=(-3, -2, -1)) / SHARPNESS
