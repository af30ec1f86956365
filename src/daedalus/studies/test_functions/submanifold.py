"""Hidden submanifolds: maps of many parameters to the few that matter. No method may be told of them."""

from __future__ import annotations

from functools import cache

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

SEED = 1337  # Shirobokov et al., L-GSO's published code (2020)
HIDDEN = 16  # hidden units of the curved map, likewise


@cache
def directions() -> Float[np.ndarray, "coordinate hidden"]:
    """Ten orthonormal directions among a hundred: Q of the QR decomposition of a hundred by ten normal numbers."""
    return np.linalg.qr(np.random.RandomState(SEED).randn(100, 10))[0]


@cache
def layers() -> tuple[Float[np.ndarray, "hidden coordinate"], Float[np.ndarray, "output hidden"]]:
    """The matrices A (16 by 40) and B (2 by 16) of the curved map q = B tanh(A p), both with orthonormal rows.

    Like L-GSO's they are transposed Q of two QR decompositions, of 40 by 16 and then 16 by 2 normal numbers. There the
    generator's state is left open; here both come, in this order, from one generator of the same seed.
    """
    generator = np.random.RandomState(SEED)
    first, second = (np.linalg.qr(generator.randn(*shape))[0].T for shape in ((40, HIDDEN), (HIDDEN, 2)))
    return first, second


def flat(p: Float[Array, "coordinate"]) -> Float[Array, "output"]:
    """The ten numbers that matter among a hundred: q = p A with A of `directions` [1]."""
    return p @ jnp.asarray(directions(), p.dtype)


def curved(p: Float[Array, "coordinate"]) -> Float[Array, "output"]:
    """The two numbers that matter among forty: q = B tanh(A p) with A and B of `layers` [1]."""
    first, second = (jnp.asarray(layer, p.dtype) for layer in layers())
    return second @ jnp.tanh(first @ p)


def on_flat(q: Float[np.ndarray, "output"]) -> Float[np.ndarray, "coordinate"]:
    """The shortest p with p A = q."""
    return directions() @ q


def on_curved(q: Float[np.ndarray, "output"]) -> Float[np.ndarray, "coordinate"]:
    """The p = A^T artanh(B^T q), for which B tanh(A p) = q; it exists where B^T q lies within (-1, 1)."""
    first, second = layers()
    return first.T @ np.arctanh(second.T @ q)
