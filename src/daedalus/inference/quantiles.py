"""Quantiles of a weighted sample from additive cumulative counts, smooth in the sample."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

NOTHING = 1e-12  # weight of a sample, and share of it between two nodes, that count as none [1]


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
    inverse = 1.0 / (nodes[1] - nodes[0])
    return _counts((values - nodes[0]) * inverse, weight, len(nodes))


@partial(jax.custom_jvp, nondiff_argnums=(2,))
def _counts(position: Float[Array, "event"], weight: Float[Array, "event"], size: int) -> Float[Array, "node"]:
    """The counts for positions in node spacings from the first node [1]."""
    below = jnp.clip(jnp.arange(size, dtype=position.dtype)[:, None] - position + 0.5, 0.0, 1.0)
    return jnp.sum(weight * below, axis=1)


@_counts.defjvp
def _counts_jvp(size: int, primals: tuple, tangents: tuple) -> tuple:
    """The derivative: an event moves the count of one node and belongs wholly to all later ones.

    Written so that its transpose looks up two numbers per event instead of visiting every node.
    """
    (position, weight), (moved, gained) = primals, tangents
    last = jnp.floor(position + 0.5)
    slot = jnp.clip(last + 1.0, 0.0, size + 1.0).astype(jnp.int32)  # 0: before the first node
    own = gained * (last + 0.5 - position) - weight * moved
    add = lambda values: jnp.zeros(size + 2, values.dtype).at[slot].add(values, mode="promise_in_bounds")
    return _counts(position, weight, size), add(own)[1:-1] + jnp.cumsum(add(gained))[:size]


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
    parts = counts / jnp.where(total > NOTHING, total, 1.0)  # relative, so that no square under- or overflows
    above = jnp.clip(jnp.sum((parts < probability).astype(jnp.int32)), 1, len(nodes) - 1)
    low, high = parts[above - 1], parts[above]
    rises = high - low > NOTHING
    share = jnp.clip((probability - low) / jnp.where(rises, high - low, 1.0), 0.0, 1.0)
    return nodes[above - 1] + share * (nodes[above] - nodes[above - 1])
