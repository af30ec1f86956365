"""Radiation lengths from scattering angles: the inverse of the law that the transport uses."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from daedalus.physics.scattering import radiation_lengths_from_variance

_TINY = 1e-30


class AngleSums(eqx.Module):
    """Sums over muons of w, w s and (w s)^2, with s = (beta p)^2 (theta_x^2 + theta_y^2 - e^2) / 2: add them freely."""

    weight: Float[Array, ""]  # sum of w [1]
    square: Float[Array, ""]  # sum of w s [GeV2]
    spread: Float[Array, ""]  # sum of (w s)^2 [GeV4]
    weights: Float[Array, ""]  # sum of w^2 [1]
    mixed: Float[Array, ""]  # sum of w^2 s [GeV2]


def angle_sums(
    angle_x: Float[Array, "event"],
    angle_y: Float[Array, "event"],
    beta_momentum: Float[Array, "event"],
    weight: Float[Array, "event"],
    *,
    error: Float[Array, "event"] | float = 0.0,
) -> AngleSums:
    """The sums that a radiation length is inferred from, mergeable over blocks of muons.

    Args:
        angle_x: scattering angle in one projection [rad].
        angle_y: in the projection across [rad].
        beta_momentum: beta p of each muon, at the scatterer [GeV].
        weight: zero for muons that do not count [1].
        error: standard deviation of a measured projected angle, whose square is subtracted [rad].

    Returns:
        The sums; the derivative is exact.
    """
    square = beta_momentum**2 * (0.5 * (angle_x**2 + angle_y**2) - jnp.asarray(error) ** 2)
    share = jnp.where(weight > 0, square, 0.0)
    return AngleSums(
        jnp.sum(weight), jnp.sum(weight * share), jnp.sum((weight * share) ** 2), jnp.sum(weight**2),
        jnp.sum(weight**2 * share),
    )  # fmt: skip


def path_thickness(sums: AngleSums) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The thickness of the muons' common path in radiation lengths, and its standard error.

    Solves (13.6 MeV)^2 t (1 + 0.038 ln t)^2 = <(beta p theta)^2> for t, with the logarithm of the total path as in
    `daedalus.physics.scattering.highland_variance` (PDG 2024 eq. 34.16); the derivative is that of the implicit
    function. The error comes from the scatter of the muons' own squares. All muons must have passed the same path,
    or paths that differ little: the mean of t (1 + 0.038 ln t)^2 is what is known. Zero where the mean is not positive.

    Args:
        sums: from `angle_sums`, or sums of such.

    Returns:
        Thickness and standard error [radiation lengths].
    """
    total = jnp.maximum(sums.weight, _TINY)
    mean = sums.square / total
    variance = sums.spread - 2.0 * mean * sums.mixed + mean**2 * sums.weights
    positive = mean > _TINY
    safe = jnp.where(positive, mean, 1.0)
    law = lambda square: radiation_lengths_from_variance(square, 1.0)
    thickness, slope = jax.jvp(law, (safe,), (jnp.ones_like(safe),))
    error = slope * jnp.sqrt(jnp.maximum(variance, _TINY)) / total
    return jnp.where(positive, thickness, 0.0), jnp.where(positive, error, 0.0)


def mean_radiation_length(
    sums: AngleSums, length: Float[Array, ""] | float
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The mean radiation length X0 of a homogeneous slab, from the muons that passed it, and its standard error.

    X0 = length / t with t from `path_thickness`: inverting the same formula that the transport uses makes the ratio
    of inferred and true X0 one for every material, without the bias of formulae that leave the logarithm out.

    Args:
        sums: from `angle_sums`, or sums of such.
        length: of the path through the slab [m].

    Returns:
        X0 and standard error [m]; meaningless (huge) where nothing scattered.
    """
    thickness, error = path_thickness(sums)
    safe = jnp.maximum(thickness, _TINY**0.5)
    return length / safe, length * error / safe**2
