"""The error of an estimate on the logarithmic scale, where a factor of two is as bad everywhere."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float


def squared_log_error(
    estimate: Float[Array, "*shape"], truth: Float[Array, "*shape"], floor: float
) -> Float[Array, "*shape"]:
    """(ln((e + f) / (t + f)))^2 with e the estimate, at least zero, t the truth and f a floor [1].

    Well above the floor it is the squared relative error; what lies below the floor counts as equal, so that nothing
    is said about quantities too small to matter, and an estimate may be zero. Smooth but at zero.

    Args:
        estimate: [any unit].
        truth: [the same].
        floor: the smallest difference that matters [the same].
    """
    return jnp.log((jnp.maximum(estimate, 0.0) + floor) / (truth + floor)) ** 2
