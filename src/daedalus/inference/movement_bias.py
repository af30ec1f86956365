"""A stack that moved against the other: what that does to a contrast, and how well the particles themselves tell it.

Angle and offset of a particle and projection are normal with covariance S(a, b) of a contrast's strength a and the
logarithm b of the density (`daedalus.inference.contrast_information`). A movement delta of the outgoing stack, known
beforehand to widths W, adds the mean A delta. Three things follow.

1. For Gaussians the expected information between a parameter of the mean and one of the covariance is zero, and at
   delta = 0 that of a and b does not depend on delta: to fit delta costs their information nothing, to first order in
   the movements' share of the degrees of freedom (Kay, Fundamentals of Statistical Signal Processing: Estimation
   Theory, 1993, equation 3.31).
2. What is left of the movement looks like scattering. With second moments C = E[delta delta'] the expected score of
   parameter k is beta_k = tr(G_k C) / 2 with G_k = sum A' S^-1 dS/dk S^-1 A, and the fitted parameters are off by
   V beta, V their covariance (Barlow, Systematic errors: facts and fictions, hep-ex/0207026, for the principle).
   Left out of the fit, C = diag(W)^2 and this never ends. Profiled, C = (diag(W)^-2 + T A'S^-1A)^-1 after an exposure
   T: the particles align the stacks, and the bias falls with the exposure faster than the error does.
3. The sign of a profiled bias depends on what aligns: particles taken before leave + beta; the joint maximum of one
   sample has - beta (what the movement fits is missing from the spread, as n - 1 is from n); integrating over delta has
   none to this order. Its square is what counts here, so that all of them are covered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from daedalus.events import Events
from daedalus.inference.contrast_information import ContrastInformation, ContrastTerms, Symmetric, information
from daedalus.inference.fisher import Widths, covariance

_HALVINGS = 32  # of a logarithm of some 20 at most: 5e-9, polished by one step of Newton's
_ROUNDING = (
    1e-6  # least share of the strength's information that counts as left after profiling: float32's rounding [1]
)
_FLATTEST = 1e-3  # least relative fall of the squared error per relative exposure that a root's derivative admits [1]

Response = Float[Array, "param 2 projection event"]


class MovementSums(NamedTuple):
    """The sums, per exposure.

    Attributes:
        contrast: information of strength and logarithm of the density [1].
        alignment: A' S^-1 A, information of the movements [their units^-2].
        coupling: G, for strength and logarithm of the density [the same].
    """

    contrast: Float[Array, "*scenario 2 2"]
    alignment: Float[Array, "*scenario param param"]
    coupling: Float[Array, "*scenario 2 param param"]


class MovementInformation(eqx.Module):
    """Pass: the sums behind bias and alignment; of the expected data, so that they vary little. Exact derivative."""

    contrast: ContrastInformation
    response: Callable[[Events], Response]  # A by movement: angle [rad], offset [m] per unit of it

    def __call__(self, events: Events, earlier: PyTree) -> MovementSums:
        """The sums over particles and projections."""
        terms = self.contrast.terms(events)
        return MovementSums(information(terms), *movement_sums(terms, self.response(events)))


def movement_sums(
    terms: ContrastTerms, response: Response
) -> tuple[Float[Array, "param param"], Float[Array, "2 param param"]]:
    """The movements' information and the coupling; see `MovementSums`.

    Args:
        terms: of the contrast.
        response: A, by movement: angle [rad] and offset [m] per unit of it.
    """
    counts = terms.weight > 0
    weight = jnp.where(counts, terms.weight, 0.0)
    angle, offset = jnp.where(counts, response[:, 0], 0.0), jnp.where(counts, response[:, 1], 0.0)
    plain, pulled = (angle, offset), _times(terms.inverse, angle, offset)

    def total(matrix: Symmetric, vectors: tuple[Array, Array]) -> Float[Array, "param param"]:
        """The sum of v' M v."""
        product = lambda one, other: jnp.einsum("mpe,npe->mn", one, weight * other, precision="highest")
        first, second = map(product, vectors, _times(matrix, *vectors))
        return first + second

    return total(terms.inverse, plain), jnp.stack([total(slope, pulled) for slope in terms.slopes])


def _times(matrix: Symmetric, angle: Array, offset: Array) -> tuple[Array, Array]:
    """A symmetric matrix times vectors of angle and offset."""
    return matrix.angle * angle + matrix.mixed * offset, matrix.mixed * angle + matrix.offset * offset


def movement_left(
    sums: MovementSums, widths: Widths, exposure: Float[Array, ""] | float, *, profiled: bool
) -> Float[Array, "param param"]:
    """The second moments C of what is left of the movement after an exposure [units of the movements].

    Args:
        sums: per exposure.
        widths: W, standard deviations of the movements beforehand, 0 for one that is known.
        exposure: T, in the unit of the sums.
        profiled: whether the particles align the stacks.
    """
    if profiled:
        return covariance(sums.alignment, widths, exposure)
    return jnp.diag(jnp.asarray(widths, sums.alignment.dtype) ** 2)


class StrengthError(NamedTuple):
    """Errors of a contrast's strength after an exposure.

    Attributes:
        statistical: standard deviation, the logarithm of the density profiled [1].
        bias: mean over movements; see the sign in `daedalus.inference.movement_bias` [1].
        spread: root mean square of the bias over movements that are normal with the moments given [1].
        total: root of the sum of the squares of ``statistical`` and ``spread`` [1].
    """

    statistical: Float[Array, ""]
    bias: Float[Array, ""]
    spread: Float[Array, ""]
    total: Float[Array, ""]


def strength_error(
    sums: MovementSums, left: Float[Array, "param param"], exposure: Float[Array, ""] | float, *, density_error: float
) -> StrengthError:
    """The errors of the strength after an exposure.

    The bias is q = delta' H delta / 2 with H = T (V_aa G_a + V_ab G_b); of normal movements E[q] = tr(H C) / 2 and
    E[q^2] = [tr(H C)^2 + 2 tr(H C H C)] / 4.

    Args:
        sums: per exposure.
        left: C, second moments of the movements: `movement_left`, or delta delta' of one movement.
        exposure: T, in the unit of the sums.
        density_error: standard deviation of the logarithm of the density beforehand [1].
    """
    (own, mixed), (_, density) = sums.contrast
    share = mixed / (density + 1.0 / (density_error**2 * exposure))
    rate = jnp.maximum(own - mixed * share, _ROUNDING * own)
    pull = (sums.coupling[0] - share * sums.coupling[1]) @ left / rate  # H C: the exposure cancels
    mean, variance = 0.5 * jnp.trace(pull), 1.0 / (exposure * rate)
    square = mean**2 + 0.5 * jnp.sum(pull * pull.T)
    return StrengthError(jnp.sqrt(variance), mean, _root(square), jnp.sqrt(variance + square))


def exposure_for_strength(
    sums: MovementSums, widths: Widths, *, z: float, density_error: float, profiled: bool, longest: float
) -> Float[Array, ""]:
    """The exposure after which the strength, one, is z times its total error.

    Without a movement it is `daedalus.inference.fisher.exposure_for` of the contrast. Where bias alone is too large for
    any exposure up to the longest, it is the longest times the squared error there in units of 1 / z^2: as if only the
    statistical error were in the way, continuous, and with a derivative everywhere. The derivative is that of the
    solved equation.

    Args:
        sums: per exposure.
        widths: W, standard deviations of the movements beforehand.
        z: strength over error that is wanted [1].
        density_error: standard deviation of the logarithm of the density beforehand [1].
        profiled: whether the particles align the stacks.
        longest: exposure up to which a root is looked for.
    """

    def excess(given: MovementSums, logarithm: Array) -> Array:  # ln(z^2 error^2): falls with the exposure
        exposure = jnp.exp(logarithm)
        left = movement_left(given, widths, exposure, profiled=profiled)
        return 2.0 * jnp.log(z * strength_error(given, left, exposure, density_error=density_error).total)

    held = jax.lax.stop_gradient(sums)
    end = jnp.log(jnp.asarray(longest, held.contrast.dtype))

    def halve(ends: tuple[Array, Array], _: None) -> tuple[tuple[Array, Array], None]:
        middle = 0.5 * (ends[0] + ends[1])
        late = excess(held, middle) > 0
        return (jnp.where(late, middle, ends[0]), jnp.where(late, ends[1], middle)), None

    least = jnp.minimum(jnp.log(z**2 / held.contrast[0, 0]), end)  # no nuisance shortens it
    low, high = jax.lax.scan(halve, (least, end), None, _HALVINGS)[0]
    reached = excess(held, end) < 0
    at = jax.lax.stop_gradient(jnp.where(reached, 0.5 * (low + high), end))
    fall = jax.jvp(lambda logarithm: excess(held, logarithm), (at,), (jnp.ones_like(at),))[1]
    slope = jax.lax.stop_gradient(jnp.where(reached, jnp.minimum(fall, -_FLATTEST), -1.0))
    return jnp.exp(at - excess(sums, at) / slope)


def _root(square: Float[Array, ""]) -> Float[Array, ""]:
    """The square root, flat at zero: no movement, no bias and no derivative of it."""
    some = square > 0
    return jnp.where(some, jnp.sqrt(jnp.where(some, square, 1.0)), 0.0)
