"""Kicks: what thin planes of matter do to the slopes of particles that pass them."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from daedalus.physics.scattering import highland_variance


def kick_variance(
    thickness: Float[Array, "plane"],
    beta_momentum: Float[Array, "event"],
    slant: Float[Array, "event"] | float = 1.0,
) -> Float[Array, "plane event"]:
    """Variance [rad2] of the projected kick in each of several planes that a particle passes.

    Highland's formula for the *total* thickness (its logarithm is not additive), shared out in proportion to
    the planes' thicknesses. Valid where `daedalus.physics.scattering.highland_variance` is, for the total; zero
    where nothing is in the way. The derivative is exact.

    Args:
        thickness: of each plane [radiation lengths].
        beta_momentum: beta c p [GeV].
        slant: path in a plane over its thickness, 1 / cos(theta) [1].
    """
    total = jnp.sum(thickness)
    whole = highland_variance(jnp.broadcast_to(total, beta_momentum.shape) * slant, beta_momentum)
    return thickness[:, None] / jnp.where(total > 0.0, total, 1.0) * whole


def slope_change(
    slopes: tuple[Float[Array, "*event"], Float[Array, "*event"]],
    kick: tuple[Float[Array, "*event"], Float[Array, "*event"]],
) -> tuple[Float[Array, "*event"], Float[Array, "*event"]]:
    """Changes of the slopes (dx/dz, dy/dz) [1] by a small turn of the direction.

    A turn a along the inclination changes the slope by a / cos^2, one across it by a / cos. For two independent kicks
    g of equal variance in x and y both are dt = s g + t (t.g) s / (s + 1), s = 1 / cos = sqrt(1 + t^2), without a
    singular direction; hence cov dt = var(g) s^2 (1 + t t^T). To first order in the kick: small angles. The
    derivative is exact.

    Args:
        slopes: t, before [1].
        kick: g, of the projected angles [rad].
    """
    slant = jnp.sqrt(1.0 + slopes[0] ** 2 + slopes[1] ** 2)
    along = (slopes[0] * kick[0] + slopes[1] * kick[1]) * slant / (slant + 1.0)
    return slant * kick[0] + slopes[0] * along, slant * kick[1] + slopes[1] * along


def kick_width(variance: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The root of a kick's variance [rad]; its derivative, infinite at zero, is given as zero there.

    Args:
        variance: of the projected angle, as from `kick_variance` [rad2].
    """
    some = variance > 0.0
    return jnp.where(some, jnp.sqrt(jnp.where(some, variance, 1.0)), 0.0)
