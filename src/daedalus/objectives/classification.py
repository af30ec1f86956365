"""Losses of class probabilities: cross entropy, and the expected distance between classes that have an order."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

SMALLEST = 1e-6  # probability below which nothing gets worse [1]


def binary_cross_entropy(
    probability: Float[Array, "*shape"], present: Bool[Array, "*#shape"] | bool
) -> Float[Array, "*shape"]:
    """-ln p where something is present, -ln(1 - p) where it is not [1]; ln 2 for a guess.

    Args:
        probability: of presence [1].
        present: the truth.
    """
    safe = jnp.clip(probability, SMALLEST, 1.0 - SMALLEST)
    return -jnp.where(jnp.asarray(present, bool), jnp.log(safe), jnp.log1p(-safe))


def cross_entropy(probability: Float[Array, "*shape kind"], truth: Int[Array, "*shape"]) -> Float[Array, "*shape"]:
    """-ln of the probability given to the true class [1].

    Args:
        probability: of every class [1].
        truth: number of the true class [1].
    """
    own = jnp.take_along_axis(probability, truth[..., None], -1)[..., 0]
    return -jnp.log(jnp.maximum(own, SMALLEST))


def ordered_distance(probability: Float[Array, "*shape kind"], truth: Int[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The expected number of classes between the true one and one drawn from the probabilities [classes].

    Args:
        probability: of every class, in their order [1].
        truth: number of the true class [1].
    """
    kinds = jnp.arange(probability.shape[-1])
    return jnp.sum(probability * jnp.abs(kinds - truth[..., None]), -1)
