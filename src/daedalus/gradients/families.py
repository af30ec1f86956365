"""Families of distributions with known weak derivatives: each derivative of a density as a difference of two others.

dp/dtheta = c (p_plus - p_minus), and the triple (c, p_plus, p_minus) is called the weak derivative. All triples are
those of Mohamed et al., JMLR 21 (2020) 132, table 1. They are coupled: both sides are made from the nominal draw z
where one can, which costs no evaluation and makes their difference small (section 7.2).
"""

from __future__ import annotations

import abc
import math
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

Parameter = Float[Array, "*#component"] | float


class Triple(NamedTuple):
    """The weak derivative with respect to one parameter, as a constant and one draw of each side."""

    constant: Float[Array, "*component"]
    plus: Float[Array, "*component"]
    minus: Float[Array, "*component"]


class Family(eqx.Module):
    """Independent variates of one kind; the fields that are arrays are the parameters, one value per component."""

    @abc.abstractmethod
    def sample(self, key: Key[Array, ""]) -> Float[Array, "*component"]:
        """A draw of all components."""

    @abc.abstractmethod
    def triples(self, z: Float[Array, "*component"], key: Key[Array, ""]) -> tuple[Triple, ...]:
        """For each parameter, in the order of the fields, its triple, coupled to the nominal draw z."""


class Gaussian(Family):
    """Normal variates. For the mean mu +- sigma R with R Rayleigh, the Weibull(2, 1/2); for sigma double-sided Maxwell.

    The Maxwell variate is sqrt(zeta^2 + 2 E) with the sign of zeta = (z - mu) / sigma, E exponential: a Maxwell speed
    one of whose three components is zeta. It is the survey's coupling, zeta = Maxwell x uniform, read backwards.
    """

    mean: Parameter
    width: Parameter  # standard deviation

    def sample(self, key: Key[Array, ""]) -> Float[Array, "*component"]:
        """A draw of all components."""
        mean, width = jnp.broadcast_arrays(self.mean, self.width)
        return mean + width * jax.random.normal(key, mean.shape, mean.dtype)

    def triples(self, z: Float[Array, "*component"], key: Key[Array, ""]) -> tuple[Triple, ...]:
        """The triples of the mean and of the width."""
        two_e = 2.0 * jax.random.exponential(key, z.shape, z.dtype)
        rayleigh = self.width * jnp.sqrt(two_e)
        zeta = (z - self.mean) / self.width
        maxwell = jnp.where(zeta < 0, -1, 1) * jnp.sqrt(zeta**2 + two_e)
        one_over = jnp.broadcast_to(1.0 / jnp.asarray(self.width, z.dtype), z.shape)
        return (
            Triple(one_over / math.sqrt(2.0 * math.pi), self.mean + rayleigh, self.mean - rayleigh),
            Triple(one_over, self.mean + self.width * maxwell, z),
        )


class Gamma(Family):
    """Gamma variates of a fixed shape a. For the rate a / rate, the variate and one of the shape a + 1."""

    rate: Parameter  # inverse of the scale
    shape: float = eqx.field(static=True)  # [1]

    def sample(self, key: Key[Array, ""]) -> Float[Array, "*component"]:
        """A draw of all components."""
        rate = jnp.asarray(self.rate)
        return jax.random.gamma(key, self.shape, rate.shape, rate.dtype) / rate

    def triples(self, z: Float[Array, "*component"], key: Key[Array, ""]) -> tuple[Triple, ...]:
        """The triple of the rate."""
        rate = jnp.asarray(self.rate, z.dtype)
        return (Triple(self.shape / rate, z, z + jax.random.exponential(key, z.shape, z.dtype) / rate),)


class Exponential(Family):
    """Exponential variates. For the rate 1 / rate, the exponential and the Erlang variate of two steps."""

    rate: Parameter  # inverse of the mean

    def sample(self, key: Key[Array, ""]) -> Float[Array, "*component"]:
        """A draw of all components."""
        rate = jnp.asarray(self.rate)
        return jax.random.exponential(key, rate.shape, rate.dtype) / rate

    def triples(self, z: Float[Array, "*component"], key: Key[Array, ""]) -> tuple[Triple, ...]:
        """The triple of the rate."""
        return Gamma(self.rate, 1.0).triples(z, key)


class Poisson(Family):
    """Counts. For the mean, one count more and the count itself: f(z + 1) - f(z)."""

    mean: Parameter

    def sample(self, key: Key[Array, ""]) -> Float[Array, "*component"]:
        """A draw of all components, as floating point numbers."""
        mean = jnp.asarray(self.mean)
        return jax.random.poisson(key, mean, mean.shape).astype(mean.dtype)

    def triples(self, z: Float[Array, "*component"], key: Key[Array, ""]) -> tuple[Triple, ...]:
        """The triple of the mean."""
        return (Triple(jnp.ones_like(z), z + 1, z),)


class Bernoulli(Family):
    """Yes (1) or no (0). For the probability of yes, the one and the other: f(1) - f(0)."""

    probability: Parameter

    def sample(self, key: Key[Array, ""]) -> Float[Array, "*component"]:
        """A draw of all components, as floating point numbers."""
        probability = jnp.asarray(self.probability)
        return jax.random.bernoulli(key, probability).astype(probability.dtype)

    def triples(self, z: Float[Array, "*component"], key: Key[Array, ""]) -> tuple[Triple, ...]:
        """The triple of the probability."""
        return (Triple(jnp.ones_like(z), jnp.ones_like(z), jnp.zeros_like(z)),)
