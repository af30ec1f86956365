"""Risk: one number for an outcome that differs from scenario to scenario: the mean, the worst, or the bad tail."""

from __future__ import annotations

from typing import Literal

import jax.numpy as jnp
from jaxtyping import Array, Float

Attitude = Literal["mean", "worst", "cvar"]


def risk(
    values: Float[Array, "scenario"],
    weight: Float[Array, "scenario"],
    attitude: Attitude = "mean",
    *,
    tail: float = 0.2,
) -> Float[Array, ""]:
    """The mean over scenarios, the worst of them, or the mean of the worst share ``tail``, all by weight.

    That of the tail is the conditional value at risk (Rockafellar and Uryasev, J. Risk 2 (2000) 21): with a tail of
    one the mean, and the worst as the tail goes to zero. Its derivative is that of the scenarios in the tail.

    Args:
        values: larger is worse [any unit].
        weight: zero for scenarios that do not take part [1].
        attitude: what one looks at.
        tail: share of the weight in the tail [1].

    Returns:
        The risk [unit of the values]; zero where no scenario takes part.
    """
    share = weight / jnp.maximum(jnp.sum(weight), 1e-30)
    safe = jnp.where(weight > 0, values, 0.0)
    if attitude == "mean":
        return jnp.sum(share * safe)
    lowest = jnp.where(weight > 0, values, -jnp.inf)
    if attitude == "worst":
        return jnp.where(jnp.any(weight > 0), jnp.max(jnp.where(weight > 0, values, -1e30)), 0.0)
    order = jnp.argsort(-lowest)
    ranked, own = safe[order], share[order]
    before = jnp.cumsum(own) - own
    return jnp.sum(ranked * jnp.clip(tail - before, 0.0, own)) / tail
