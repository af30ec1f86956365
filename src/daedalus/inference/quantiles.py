"""Quantiles of a weighted sample from additive cumulative counts, smooth in the sample."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float


def cumulative_counts(
    values: Float[Array, "event"], weight: Float[Array, "event"], nodes: Float[Array, "node"]
) -> Float[Array, "node"]:
    """The weight below each node of an evenly spaced grid: a sum over events, hence mergeable.

    An event's step is spread linearly over one node spacing, so that counts, and quantiles made of them, are
    continuous and piecewise differentiable in the values.

    Args:
        values: the sample [any unit].
        weight: weights, zero for events that do not count [1].
        nodes: evenly spaced, increasing [unit of the values].

    Returns:
        Counts [unit of the weights].
    """
    spacing = nodes[1] - nodes[0]
    inverse = 1.0 / spacing
    below = jnp.clip((nodes[:, None] - values) * inverse + 0.5, 0.0, 1.0)
    return jnp.sum(weight * below, axis=1)


def quantile(counts: Float[Array, "node"], nodes: Float[Array, "node"], probability: float) -> Float[Array, ""]:
    """The value below which a share of the sample lies, by linear interpolation of cumulative counts.

    Args:
        counts: from `cumulative_counts`, or sums of such [1].
        nodes: the same nodes.
        probability: the share, between 0 and 1 [1].

    Returns:
        The quantile [unit of the nodes], within the range of the nodes; the accuracy is a fraction of their spacing.
    """
    total = counts[-1]
    target = probability * jnp.maximum(total, 1e-30)
    above = jnp.clip(jnp.sum((counts < target).astype(jnp.int32)), 1, len(nodes) - 1)
    low, high = counts[above - 1], counts[above]
    share = jnp.clip((target - low) / jnp.maximum(high - low, 1e-30), 0.0, 1.0)
    return nodes[above - 1] + share * (nodes[above] - nodes[above - 1])
