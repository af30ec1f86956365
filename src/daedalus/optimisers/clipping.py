"""Clipping: how a gradient that is too long is shortened, its direction kept."""

from __future__ import annotations

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from daedalus.core import Gradient, Point


class Clipping(eqx.Module):
    """A rule that shortens gradients longer than ``limit``."""

    limit: eqx.AbstractVar[float]

    @abc.abstractmethod
    def length(self, gradient: Gradient) -> Float[Array, ""]:
        """The length of one start's gradient, in the rule's own measure."""

    def __call__(self, gradient: Gradient) -> Point:
        """The gradient, multiplied by limit / length where it is longer than the limit."""
        factor = jnp.minimum(1.0, self.limit / jnp.maximum(self.length(gradient), 1e-30))
        return jax.tree.map(lambda leaf: leaf * factor.astype(leaf.dtype), gradient.value)


class GlobalNorm(Clipping):
    """Clips by the Euclidean norm over all parameters, in loss per range of the parameter, and learned numbers [1]."""

    limit: float = 1.0

    def length(self, gradient: Gradient) -> Float[Array, ""]:
        """The length of one start's gradient."""
        return optax.global_norm(gradient.value)  # pyright: ignore[reportReturnType]


class ErrorNorm(Clipping):
    """Clips by the significance sqrt(mean_i g_i^2 / var_i) of the hardware's derivatives [standard errors].

    A derivative without an error (one part of events only, or a noiseless problem) does not count. Learned leaves,
    whose errors nobody knows, are shortened with the hardware's derivatives; without these nothing is.
    """

    limit: float = 10.0

    def length(self, gradient: Gradient) -> Float[Array, ""]:
        """The length of one start's gradient."""
        variance = jnp.sum(gradient.root**2, 0)
        known = variance > 0
        squares = jnp.where(known, gradient.value.cube**2 / jnp.where(known, variance, 1.0), 0.0)
        return jnp.sqrt(jnp.sum(squares) / jnp.maximum(jnp.sum(known), 1))
