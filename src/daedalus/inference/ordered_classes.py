"""Classes in an order, such as materials by radiation length: probabilities from an estimate with its error."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def class_probability(
    logarithm: Float[Array, "*shape"],
    error: Float[Array, "*shape"] | float,
    classes: Float[Array, "kind"],
    *,
    width: float = 0.1,
) -> Float[Array, "*shape kind"]:
    """The probability of each class, given the logarithm of an estimate: Gaussian about the classes', equal priors.

    Args:
        logarithm: of the estimated quantity [1].
        error: its standard deviation; infinite where nothing is known [1].
        classes: logarithms of the classes' own values, in their order [1].
        width: spread of a class about its value, in quadrature with the error [1].

    Returns:
        Probabilities that add up to one; equal where nothing is known [1].
    """
    precision = 1.0 / (jnp.asarray(error)[..., None] ** 2 + width**2)
    return jax.nn.softmax(-0.5 * precision * (logarithm[..., None] - classes) ** 2, -1)
