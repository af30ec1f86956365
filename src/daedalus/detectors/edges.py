"""Edges: how sharply a panel ends, for people (hard) and for the machine (relaxed)."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.scipy.special import ndtr
from jaxtyping import Array, Float

FAR_AWAY = 1e-4  # smallest relaxed response: beyond it the panel's claimed error is 1e4 times its resolution [1]


class Edges(eqx.Module):
    """A relaxed indicator of |offset| < 1: a smooth response in (0, 1], with a width that can be annealed."""

    width: eqx.AbstractVar[Float[Array, ""] | float]

    @abc.abstractmethod
    def response(self, offset: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """The response at an offset from the centre, in units of half the span [1]."""

    @abc.abstractmethod
    def scaled(self, factor: Float[Array, ""] | float) -> "Edges":
        """The same edges with their width multiplied by a factor [1]."""


class SigmoidEdges(Edges):
    """Logistic edges, s((1 - |d|) / w) / s(1 / w): the form of the reference code's relaxed panels.

    The derivative with respect to the offset is exact for this form, and biased for the sharp panel it stands for;
    at d = 0, where the form has a kink, it is zero.
    """

    width: Float[Array, ""] | float = 1.0  # in units of half the span [1]

    def response(self, offset: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """The response at an offset from the centre, in units of half the span [1]."""
        distance = offset * jnp.sign(offset)  # not abs, whose derivative at zero is one
        return jax.nn.sigmoid((1.0 - distance) / self.width) / jax.nn.sigmoid(1.0 / self.width)

    def scaled(self, factor: Float[Array, ""] | float) -> "Edges":
        """The same edges with their width multiplied by a factor [1]."""
        return SigmoidEdges(self.width * factor)


class GaussianEdges(Edges):
    """A box folded with a Gaussian of standard deviation w, normalised to one at the centre."""

    width: Float[Array, ""] | float = 0.5  # in units of half the span [1]

    def response(self, offset: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """The response at an offset from the centre, in units of half the span [1]."""
        folded = ndtr((1.0 - offset) / self.width) - ndtr((-1.0 - offset) / self.width)
        return folded / (2.0 * ndtr(1.0 / self.width) - 1.0)

    def scaled(self, factor: Float[Array, ""] | float) -> "Edges":
        """The same edges with their width multiplied by a factor [1]."""
        return GaussianEdges(self.width * factor)
