"""Budgets: a fixed sum shared among parts, and soft targets for a cost."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def budget_shares(logits: Float[Array, "part"], budget: Float[Array, ""] | float) -> Float[Array, "part"]:
    """What each part may cost when a fixed budget is shared by softmax weights.

    Args:
        logits: free parameters, one per part; only differences matter [1].
        budget: the sum to be spent [EUR].

    Returns:
        Costs that add up to the budget [EUR].
    """
    return budget * jax.nn.softmax(logits)


def gentle_budget(cost: Float[Array, ""], target: float, smoothness: float) -> Float[Array, ""]:
    """A soft price for exceeding a target: 2 sigmoid(d) + max(0, d / s) with d = s (cost - target) / target.

    The two forms of soft target are those of TomOpt (Strong et al., 2024).

    Args:
        cost: what the design costs [EUR].
        target: what it should cost at most [EUR].
        smoothness: s, steepness of the step at the target [1].

    Returns:
        A factor, 1 at the target [1].
    """
    excess = (cost - target) / target
    return 2.0 * jax.nn.sigmoid(smoothness * excess) + jnp.maximum(excess, 0.0)


def steep_budget(cost: Float[Array, ""], target: float, smoothness: float) -> Float[Array, ""]:
    """A soft price for exceeding a target: 2 sigmoid(d) below it and 1 + d / 2 above, d = (cost - target) s / target.

    Args:
        cost: what the design costs [EUR].
        target: what it should cost at most [EUR].
        smoothness: s, steepness of the step at the target [1].

    Returns:
        A factor, 1 at the target, with a continuous first derivative [1].
    """
    steps = smoothness * (cost - target) / target
    return jnp.where(steps <= 0.0, 2.0 * jax.nn.sigmoid(steps), 1.0 + 0.5 * steps)
