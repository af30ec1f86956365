"""Bin edges that cannot cross: a range broken like a stick, piece after piece."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


def broken_stick(fractions: Float[Array, "inner"], lower: float = 0.0, upper: float = 1.0) -> Float[Array, "edge"]:
    """The edges of bins whose every inner edge lies a given fraction of the way from the one before to the end.

    1 - e_i = (1 - f_1) ... (1 - f_i) on the unit range: in order for any fractions between 0 and 1, one number per
    inner edge, with exact derivatives (the stick-breaking of Sethuraman, Statist. Sinica 4 (1994) 639).

    Args:
        fractions: between 0 and 1, one per inner edge [1].
        lower: the first edge [any unit].
        upper: the last edge [same unit].
    """
    inner = upper - (upper - lower) * jnp.cumprod(1.0 - fractions)
    ends = jnp.full((1,), lower, inner.dtype), jnp.full((1,), upper, inner.dtype)
    return jnp.concatenate([ends[0], inner, ends[1]])


def even_fractions(bins: int) -> Float[Array, "inner"]:
    """The fractions that `broken_stick` makes equal bins of: 1 / n, 1 / (n - 1) ... 1 / 2."""
    return 1.0 / jnp.arange(bins, 1, -1)


def fractions_of(edges: Float[Array, "edge"] | Float[np.ndarray, "edge"]) -> Float[Array, "inner"]:
    """The fractions that `broken_stick` makes given edges of, in increasing order [any unit]."""
    edges = jnp.asarray(edges)
    return jnp.diff(edges)[:-1] / (edges[-1] - edges[:-2])
