"""What Fisher information per exposure promises: errors, significance, and the exposure a discovery takes.

Information grows with exposure, F(T) = T J, while what is known beforehand (Gaussian constraints of widths w) does not.
Source of the method: the Cramer-Rao bound, Cowan, Cranmer, Gross & Vitells, Eur. Phys. J. C 71 (2011) 1554 for the
median significance of a signal.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from daedalus.gradients.positive_solve import positive_solve

_STEPS = 30  # of Newton's method: from below, each at least as long as the last one's error asks
_ROUNDING = 1e-6  # least share of a signal's information that counts as left after profiling: float32's rounding [1]
_LEAST = 1e-30  # floor of a rate of information, so that a blind design has a finite exposure [1 / exposure]

Widths = Float[np.ndarray, "param"] | Float[Array, "param"]


def covariance(
    rate: Float[Array, "param param"], widths: Widths, exposure: Float[Array, ""] | float
) -> Float[Array, "param param"]:
    """Least covariance of unbiased estimates after an exposure: (T J + diag(w)^-2)^-1, in the parameters' units.

    Args:
        rate: J, Fisher information per exposure.
        widths: standard deviations of what is known beforehand, finite.
        exposure: T, in the unit of the rate.
    """
    scale = jnp.asarray(widths, rate.dtype)
    whole = _whole(rate, scale, exposure)
    return scale[:, None] * positive_solve(whole, jnp.eye(len(scale), dtype=rate.dtype)) * scale


def significance(rate: Float[Array, "row row"], widths: Widths, exposure: Float[Array, ""] | float) -> Float[Array, ""]:
    """Median significance of a signal of strength one after an exposure, other parameters profiled [1].

    z^2 = T J_ss - T^2 J_sn (T J_nn + diag(w)^-2)^-1 J_ns. For weak signals; the information is that without a signal.

    Args:
        rate: J, Fisher information per exposure; the signal's strength comes first, then n nuisance parameters.
        widths: w, standard deviations of what is known beforehand of each nuisance parameter, finite.
        exposure: T, in the unit of the rate.
    """
    return jnp.sqrt(jnp.maximum(_square(rate, widths, jnp.asarray(exposure, rate.dtype))[0], 0.0))


def exposure_for(rate: Float[Array, "row row"], widths: Widths, z: float) -> Float[Array, ""]:
    """Exposure after which a signal of strength one has a median significance z, other parameters profiled.

    z^2 is a growing, concave function of the exposure; Newton's method approaches the root from below. The derivative
    is that of the solved equation, exact.

    Args:
        rate: J, Fisher information per exposure; the signal's strength comes first, then n nuisance parameters.
        widths: standard deviations of what is known beforehand of each nuisance parameter, finite.
        z: significance [1].

    Returns:
        Exposure in the unit of the rate; z^2 / 1e-30 at most, for a signal that is not seen.
    """
    held = jax.lax.stop_gradient(rate)
    least = _ROUNDING * held[0, 0] + _LEAST

    def step(exposure: Array, _: None) -> tuple[Array, None]:
        square, growth = _square(held, widths, exposure)
        return exposure + jnp.maximum(z**2 - square, 0.0) / jnp.maximum(growth, least), None

    begin = z**2 / jnp.maximum(held[0, 0], _LEAST)
    root = jax.lax.stop_gradient(jax.lax.scan(step, begin, None, _STEPS)[0])
    square, growth = _square(rate, widths, root)
    return root + (z**2 - square) / jnp.maximum(jax.lax.stop_gradient(growth), least)


def _square(
    rate: Float[Array, "row row"], widths: Widths, exposure: Float[Array, ""]
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """z^2 at an exposure, and its derivative by the exposure."""
    scale = jnp.asarray(widths, rate.dtype)
    mixed, nuisance = scale * rate[0, 1:], scale[:, None] * rate[1:, 1:] * scale
    whole = jnp.eye(len(scale), dtype=rate.dtype) + exposure * nuisance
    ridge = 4.0 * jnp.finfo(rate.dtype).eps * jnp.diag(jnp.diag(whole))  # keeps it positive in spite of rounding
    shares = positive_solve(whole + ridge, exposure * mixed[:, None])[:, 0]
    growth = rate[0, 0] - 2.0 * mixed @ shares + shares @ nuisance @ shares
    return exposure * (rate[0, 0] - mixed @ shares), growth


def _whole(rate: Array, scale: Array, exposure: Array | float) -> Array:
    return jnp.eye(len(scale), dtype=rate.dtype) + exposure * scale[:, None] * rate * scale
