"""Poisson counts from uniform numbers, by inversion: common random numbers stay common as the mean changes."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.scipy.special import ndtri
from jaxtyping import Array, Float

EXACT_BELOW = 12.0  # means for which the distribution is summed [1]
_TERMS = 48  # of that sum: beyond them lies 1e-14 of a count of mean 12 [1]


def poisson_quantile(share: Float[Array, "*shape"], mean: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The smallest count whose distribution function is not below a share: Poisson where the share is uniform [1].

    Summed exactly for means below `EXACT_BELOW`; above, right but for 3e-4 (mean 12) to 5e-6 (mean 100) of the shares,
    where it is off by one, from the normal quantile w by the asymptotic expansion
    mean + sqrt(mean) w + 1/3 + w^2/6 - (w/36 + w^3/72) / sqrt(mean) - (8/405 - 7 w^2/810 - w^4/270) / mean, rounded
    down (Giles, ACM Trans. Math. Softw. 42 (2016) 7, equation 10). No derivative: counts are whole.

    Args:
        share: between 0 and 1, ends excluded [1].
        mean: not negative [1].
    """
    share, mean = jax.lax.stop_gradient((share, mean))
    small = jnp.minimum(mean, EXACT_BELOW)

    def add(number: Array, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        count, below, term = state
        now = below + term  # where a term is lost to rounding, so is all that follows
        return count + ((share > now) & (now > below)), now, term * small / (number + 1.0)

    zero = jnp.zeros_like(share)
    count = jax.lax.fori_loop(0, _TERMS, add, (zero, zero, jnp.exp(-small)))[0]
    large = jnp.maximum(mean, EXACT_BELOW)
    w, root = ndtri(share), jnp.sqrt(large)
    third = -(w + w**3 / 2.0) / (36.0 * root) + (-8.0 / 405.0 + 7.0 * w**2 / 810.0 + w**4 / 270.0) / large
    expanded = jnp.floor(large + root * w + 1.0 / 3.0 + w**2 / 6.0 + third)
    return jnp.where(mean < EXACT_BELOW, count, jnp.maximum(expanded, 0.0))


def relaxed_counts(counts: Float[Array, "*shape"], mean: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The same counts, with the derivative by their mean of Gaussian ones: 1 + (count - mean) / (2 mean) [1].

    That is the derivative of mean + sqrt(mean) w at fixed w. It is without bias for the expectation of whatever is
    linear or quadratic in each of independent Poisson counts, for d<N>/dm = 1 and d<N^2>/dm = 2 m + 1 come out right;
    for d<N^3>/dm = 3 m^2 + 6 m + 1 it gives 1/2 too much.

    Args:
        counts: Poisson numbers [1].
        mean: what they are drawn from, above zero [1].
    """
    still = jax.lax.stop_gradient(mean)
    normal = (jax.lax.stop_gradient(counts) - still) / jnp.sqrt(still)
    moved = mean + normal * jnp.sqrt(mean)
    return counts + (moved - jax.lax.stop_gradient(moved))
