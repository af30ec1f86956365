"""Rotations in the plane, and points with their images under those of an n-fold symmetry."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from daedalus.errors import DesignError


def turns(fold: int) -> Float[np.ndarray, "turn 2 2"]:
    """The matrices of rotations by 0, 1, 2 ... n-ths of a turn, anticlockwise.

    Raises:
        DesignError: an order below one.
    """
    if fold < 1:
        raise DesignError(f"the symmetry is {fold}-fold; expected one or more.")
    angles = 2.0 * math.pi * np.arange(1, fold) / fold
    cosines, sines = np.cos(angles), np.sin(angles)
    return np.concatenate([np.eye(2)[None], np.stack([cosines, -sines, sines, cosines], 1).reshape(-1, 2, 2)])


def replicated(
    points: Float[Array, "point 2"], fold: int, centre: tuple[float, float] = (0.0, 0.0)
) -> Float[Array, "image 2"]:
    """Points and their images under an n-fold symmetry [m]: the points themselves first, then turn by turn.

    The derivative is exact.

    Args:
        points: of one sector [m].
        fold: order of the symmetry [1].
        centre: of the rotations [m].

    Raises:
        DesignError: an order below one.
    """
    middle = jnp.asarray(centre, points.dtype)
    turned = jnp.einsum("tij,pj->tpi", jnp.asarray(turns(fold)[1:], points.dtype), points - middle) + middle
    return jnp.concatenate([points, turned.reshape(-1, 2)])
