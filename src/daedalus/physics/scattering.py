"""Multiple Coulomb scattering: how wide the angles are, and how angle and displacement go together.

Two laws give the variance of the plane-projected angle of a whole path: `highland_variance` (radiation
lengths) and `lynch_dahl_variance` (screening). Its logarithm is not additive: give the *total* path, then
share the variance out with `path_moments` and `exit_covariance`, so that cutting a slab into pieces changes
nothing.
"""

import warnings
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, Float

from daedalus.errors import ValidityWarning

# PDG 2024 eq. 34.16, after Highland (1975) and Lynch & Dahl (1991)
HIGHLAND_ENERGY = 0.0136  # GeV; Lynch & Dahl 1991, eq. 10
HIGHLAND_LOGARITHM = 0.038  # 1; Lynch & Dahl 1991, eq. 10
# Lynch & Dahl, Nucl. Instrum. Methods B 58 (1991) 6, eqs. 1, 2 and 7
CHARACTERISTIC_ANGLE = 0.157e-6  # GeV2 cm2/g; chi_c^2 of 1 g/cm2 at Z(Z+1)/A = 1, p beta = 1 GeV
SCREENING_ANGLE = 2.007e-11  # GeV2; chi_a^2 at Z = 1, p = 1 GeV
CENTRAL_FRACTION = 0.98  # 1; F, share of the Moliere distribution to which the Gaussian is fitted

_THINNEST = -23.025850929940457  # ln 1e-10: for thinner paths the logarithm is frozen, to stay positive
_RANGE = (1e-3, 100.0)  # 1; radiation lengths to which the law was fitted; PDG 2024 below eq. 34.16
_NEWTON_STEPS = 10  # from the path without its logarithm: 1e-12 wherever the logarithm is not frozen

Scalar = float | Float[Array, "*#event"]


def highland_angle(
    thickness: Float[Array, "*event"],
    beta_momentum: Scalar,
    *,
    charge: Scalar = 1.0,
    beta: Scalar = 1.0,
) -> Float[Array, "*event"]:
    """Width theta0 [rad] of the plane-projected scattering angle: the root of `highland_variance`.

    Its derivative diverges like 1/sqrt(t) towards t = 0, where it is given as 0; use the variance in hot
    paths. Concrete (not traced) paths outside the range of the law draw a ValidityWarning; zero is allowed.

    Args:
        thickness: total path t in radiation lengths [1].
        beta_momentum: beta c p [GeV].
        charge: z [elementary charges].
        beta: velocity [c] inside the logarithm only.
    """
    _warn_outside(thickness)
    return _safe_sqrt(highland_variance(thickness, beta_momentum, charge=charge, beta=beta))


def highland_variance(
    thickness: Float[Array, "*event"],
    beta_momentum: Scalar,
    *,
    charge: Scalar = 1.0,
    beta: Scalar = 1.0,
) -> Float[Array, "*event"]:
    """Variance theta0^2 [rad2] of the plane-projected scattering angle of a total path, after Highland.

    theta0 = 13.6 MeV / (beta c p) |z| sqrt(t) [1 + 0.038 ln(t z^2 / beta^2)], the Gaussian of the central 98
    %. Valid to 11 % for 1e-3 < t < 100 and all Z; t is the *total* path: the logarithm is not additive. Below
    t z^2/beta^2 = 1e-10 the logarithm is frozen, so that the variance is positive and zero at t = 0.
    Source: PDG 2024 eq. 34.16; Highland, Nucl. Instrum. Methods 129 (1975) 497; Lynch & Dahl (1991).
    The derivative is exact and finite everywhere, t = 0 included. At rest the variance is given as 0.

    Args:
        thickness: total path t in radiation lengths [1].
        beta_momentum: beta c p [GeV].
        charge: z [elementary charges].
        beta: velocity [c] inside the logarithm only; left at 1 the formula is that of most older codes.
    """
    factor, _ = _logarithm(thickness, 2.0 * jnp.log(jnp.abs(charge) / jnp.asarray(beta)))
    return (HIGHLAND_ENERGY * charge * _inverse(beta_momentum)) ** 2 * thickness * factor**2


def radiation_lengths_from_variance(
    variance: Float[Array, "*event"],
    beta_momentum: Scalar,
    *,
    charge: Scalar = 1.0,
    beta: Scalar = 1.0,
) -> Float[Array, "*event"]:
    """Total path in radiation lengths [1] whose `highland_variance` is the one given: its full inverse.

    Newton's method in ln t with a fixed number of steps; the derivative is that of the implicit function,
    exact. Valid where `highland_variance` is; zero at variance 0.

    Args:
        variance: theta0^2 of the plane-projected angle [rad2].
        beta_momentum: beta c p [GeV].
        charge: z [elementary charges].
        beta: velocity [c] inside the logarithm only.
    """
    reduced = variance * (beta_momentum / (HIGHLAND_ENERGY * jnp.asarray(charge))) ** 2
    shift = 2.0 * jnp.log(jnp.abs(charge) / jnp.asarray(beta)).astype(reduced.dtype)
    return _path(reduced, jnp.broadcast_to(shift, reduced.shape))


def lynch_dahl_variance(
    characteristic: Float[Array, "*event"],
    screening: Float[Array, "*event"],
    momentum: Scalar,
    *,
    charge: Scalar = 1.0,
    beta: Scalar = 1.0,
) -> Float[Array, "*event"]:
    """Variance theta0^2 [rad2] of the plane-projected angle after Lynch & Dahl, from two path integrals.

    theta0^2 = chi_c^2 / (1 + F^2) [(1 + v) ln(1 + v) / v - 1], v = chi_c^2 / (2 chi_a^2 (1 - F)), F = 0.98,
    chi_c^2 = 0.157 MeV2 cm2/g z^2 S / (p beta)^2, S = integral of rho Z (Z + 1) / A;
    ln chi_a^2 = ln(2.007e-5 MeV2 / p^2) + mean of ln(Z^(2/3) [1 + 3.34 (Z alpha)^2]) weighted with S.
    The screening correction is taken at z = beta = 1 (1 % of the variance of lead at beta = 0.9).
    Valid to 2 % where more than 10 scatterings happen (v > 250). Source: Lynch & Dahl, Nucl. Instrum. Methods
    B 58 (1991) 6, eqs. 1, 2, 7; PDG 2024 section 34.3. Smooth and zero at zero path; the derivative is exact.

    Args:
        characteristic: path integral of `Material.characteristic_density` [g/cm2 mol/g].
        screening: path integral of `Material.screening_density` [g/cm2 mol/g].
        momentum: p [GeV].
        charge: z [elementary charges].
        beta: velocity [c].
    """
    some = characteristic > 0.0
    mean = jnp.where(some, screening, 0.0) / jnp.where(some, characteristic, 1.0)
    chi_c2 = CHARACTERISTIC_ANGLE * (charge * _inverse(momentum * jnp.asarray(beta))) ** 2 * characteristic
    over_chi_a2 = jnp.asarray(momentum) ** 2 / (SCREENING_ANGLE * jnp.exp(mean))
    v = chi_c2 * over_chi_a2 / (2.0 * (1.0 - CENTRAL_FRACTION))
    safe = jnp.where(v > 1e-3, v, 1.0)
    bracket = jnp.where(v > 1e-3, (1.0 + safe) * jnp.log1p(safe) / safe - 1.0, v / 2.0 - v**2 / 6.0)
    return chi_c2 / (1.0 + CENTRAL_FRACTION**2) * bracket


class Moments(NamedTuple):
    """Moments of the scattering strength along a path, seen from its exit; see `path_moments`.

    Attributes:
        A0: total strength [1 or GeV-2].
        A1: first moment of the distance to the exit [m or m GeV-2].
        A2: second moment of the distance to the exit [m2 or m2 GeV-2].
    """

    A0: Float[Array, "*event"]
    A1: Float[Array, "*event"]
    A2: Float[Array, "*event"]


def piece_moments(
    length: Float[Array, "*event"], before: Float[Array, "*event"], after: Float[Array, "*event"]
) -> Moments:
    """Integrals of 1, d and d^2 over a straight piece, d the distance to a plane across it.

    ``length`` stands as a factor: differences of squares and cubes of large distances would leave their rounding where
    there is no piece.

    Args:
        length: of the piece, before - after [m].
        before: the distance at its beginning [m].
        after: at its end [m].

    Returns:
        [m], [m2] and [m3].
    """
    return Moments(length, 0.5 * length * (before + after), length * (before**2 + before * after + after**2) / 3.0)


def path_moments(
    lengths: Float[Array, "*event segment"],
    inverse_radiation_lengths: Float[Array, "*#event segment"],
    weights: Float[Array, "*#event segment"] | None = None,
) -> Moments:
    """Moments A_k = integral of w(u) (L - u)^k du, k = 0, 1, 2, of a path of homogeneous segments, exactly.

    L is the total length, u the way from the entrance, w = weight / X0 the strength of scattering per length.
    Cutting a segment changes nothing. Any linear measure of strength per length may stand for 1/X0.
    The derivative with respect to every argument is exact.

    Args:
        lengths: of the segments in order of passage [m]; zero is allowed.
        inverse_radiation_lengths: 1/X0 of each segment [1/m].
        weights: relative strength of each segment, for instance 1/(beta p)^2 [GeV-2] with energy loss; none
            is 1.
    """
    strength = inverse_radiation_lengths if weights is None else inverse_radiation_lengths * weights
    total = strength * lengths
    rest = jnp.cumsum(lengths[..., ::-1], axis=-1)[..., ::-1] - lengths
    A0 = jnp.sum(total, axis=-1)
    A1 = jnp.sum(total * (rest + lengths / 2.0), axis=-1)
    A2 = jnp.sum(total * (rest**2 + rest * lengths + lengths**2 / 3.0), axis=-1)
    return Moments(A0, A1, A2)


class Covariance(NamedTuple):
    """Covariance of plane-projected angle and displacement at the exit of a path; see `exit_covariance`.

    Attributes:
        angle: variance of the angle [rad2].
        mixed: covariance of angle and displacement [rad m].
        displacement: variance of the displacement [m2].
    """

    angle: Float[Array, "*event"]
    mixed: Float[Array, "*event"]
    displacement: Float[Array, "*event"]


def exit_covariance(variance: Float[Array, "*event"], moments: Moments) -> Covariance:
    """Covariance of plane-projected angle [rad] and displacement [m] at the exit of a path.

    theta0^2 / A0 [[A0, A1], [A1, A2]]: small angles, a Gaussian of total variance theta0^2 shared out along
    the path in proportion to the strength. A homogeneous slab of length L has rms displacement L theta0 /
    sqrt(3) and correlation sqrt(3)/2 (PDG 2024 eqs. 34.19 to 34.22). Zero where A0 is zero; the derivative is
    exact.

    Args:
        variance: theta0^2 of the total path [rad2].
        moments: of the path, from `path_moments`.
    """
    some = moments.A0 > 0.0
    unit = jnp.where(some, variance, 0.0) / jnp.where(some, moments.A0, 1.0)
    return Covariance(unit * moments.A0, unit * moments.A1, unit * moments.A2)


def correlated_deviation(
    z1: Float[Array, "*event"], z2: Float[Array, "*event"], covariance: Covariance
) -> tuple[Float[Array, "*event"], Float[Array, "*event"]]:
    """Angle [rad] and displacement [m] of one projection from two independent unit normals.

    angle = z2 s11, displacement = z1 s22 + z2 s21 with the Cholesky factor s of the covariance: for a slab
    theta = z2 theta0 and dx = L theta0 (z1 / sqrt(12) + z2 / 2), PDG 2024 eqs. 34.21, 34.22.
    The derivative is pathwise: exact at fixed normals; given as zero where a variance vanishes.

    Args:
        z1: unit normal of the displacement alone [1].
        z2: unit normal shared by angle and displacement [1].
        covariance: of angle and displacement, from `exit_covariance`.
    """
    angle_width = _safe_sqrt(covariance.angle)
    slope = covariance.mixed / jnp.where(angle_width > 0.0, angle_width, 1.0)
    own_width = _safe_sqrt(covariance.displacement - slope**2)
    return z2 * angle_width, z1 * own_width + z2 * slope


def tailed_normal(
    z: Float[Array, "*event"], uniform: Float[Array, "*#event"], *, fraction: float = 0.02, width: float = 3.0
) -> Float[Array, "*event"]:
    """A unit normal with non-Gaussian tails: a small fraction of draws is widened, the core keeps its width.

    z times `width` where the uniform number is below `fraction`. The core stays that of the Gaussian
    (Highland's law describes the central 98 %), so the variance grows to 1 + fraction (width^2 - 1), 1.16 by
    default. Use one uniform number for all normals of one path: a hard scatter moves both projections. The
    default fraction is PDG 2024's 2 % outside the Gaussian core (section 34.3); the width is a convention of
    this package, not a fit. The derivative with respect to z is exact; with respect to fraction it does not
    exist.

    Args:
        z: unit normal [1].
        uniform: uniform number in [0, 1) [1].
        fraction: share of widened draws [1].
        width: their width relative to the core [1].
    """
    return z * jnp.where(uniform < fraction, width, 1.0).astype(z.dtype)


def _warn_outside(thickness: Float[Array, "*event"]) -> None:
    """Warn of concrete paths to which Highland's law was not fitted."""
    if isinstance(thickness, Tracer):
        return
    outside = (thickness > 0.0) & ((thickness < _RANGE[0]) | (thickness > _RANGE[1]))
    if bool(jnp.any(outside)):
        law = f"Highland's law holds to 11 % for {_RANGE[0]:g} < t < {_RANGE[1]:g} radiation lengths"
        found = f"found {float(jnp.min(thickness)):.3g} to {float(jnp.max(thickness)):.3g}"
        warnings.warn(f"{law}; {found}. Use lynch_dahl_variance there.", ValidityWarning, stacklevel=3)


def _logarithm(
    thickness: Float[Array, "*event"], shift: Scalar
) -> tuple[Float[Array, "*event"], Float[Array, "*event"]]:
    """The factor 1 + 0.038 (ln t + shift), frozen for thin paths, and its slope in ln t."""
    some = thickness > 0.0
    argument = jnp.log(jnp.where(some, thickness, 1.0)) + shift
    free = some & (argument > _THINNEST)
    factor = 1.0 + HIGHLAND_LOGARITHM * jnp.where(free, argument, _THINNEST)
    return factor, jnp.where(free, HIGHLAND_LOGARITHM, 0.0).astype(factor.dtype)


@jax.custom_jvp
def _path(reduced: Float[Array, "*event"], shift: Float[Array, "*event"]) -> Float[Array, "*event"]:
    """The t that solves t [1 + 0.038 (ln t + shift)]^2 = reduced."""
    frozen = 1.0 + HIGHLAND_LOGARITHM * _THINNEST
    thin = reduced / frozen**2
    is_thin = ~(thin > jnp.exp(_THINNEST - shift))
    target = jnp.log(jnp.where(is_thin, 1.0, reduced))
    y = target
    for _ in range(_NEWTON_STEPS):
        factor = jnp.maximum(1.0 + HIGHLAND_LOGARITHM * (y + shift), frozen)
        y = y - (y + 2.0 * jnp.log(factor) - target) / (1.0 + 2.0 * HIGHLAND_LOGARITHM / factor)
    return jnp.where(is_thin, thin, jnp.exp(y))


@_path.defjvp
def _path_jvp(primals: tuple, tangents: tuple) -> tuple:
    """The implicit derivative: dt = (d reduced - 2 t f 0.038 d shift) / (f^2 + 2 f 0.038)."""
    t = _path(*primals)
    factor, slope = _logarithm(t, primals[1])
    change = tangents[0] - 2.0 * t * factor * slope * tangents[1]
    return t, change / (factor * (factor + 2.0 * slope))


def _inverse(momentum: Scalar) -> Float[Array, "*event"]:
    """One over a momentum [1/GeV]; zero, with zero derivative, for what is at rest."""
    moving = jnp.asarray(momentum) > 0.0
    return jnp.where(moving, 1.0 / jnp.where(moving, momentum, 1.0), 0.0)


def _safe_sqrt(x: Float[Array, "*event"]) -> Float[Array, "*event"]:
    """The square root, with value and derivative 0 at and below zero."""
    positive = x > 0.0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, x, 1.0)), 0.0)
