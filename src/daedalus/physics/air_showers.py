"""Lateral densities of air showers at the ground: what every model of them answers, and the public parametrisation.

A density is the number of particles per area perpendicular to the shower's axis, by primary (`PRIMARIES`) and kind of
particle at the ground (`SECONDARIES`), as a function of the distance from the axis. Electrons count photons too, as a
water-Cherenkov tank does. Densities are means: no fluctuation from shower to shower.
"""

from __future__ import annotations

import csv
import math
import warnings
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Literal, Protocol

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Int

from daedalus.errors import ValidityWarning
from daedalus.units import GeV, deg, m

PRIMARIES = ("gamma", "proton")
SECONDARIES = ("electron", "muon")
ENERGIES = (1.0e5 * GeV, 1.0e7 * GeV)  # range of validity; SWGOLO version 148
LARGEST_ZENITH = 65.0 * deg  # range of validity; SWGOLO version 148
LEAST_DISTANCE = 2.0 * m  # nearer to the axis a density is the one here; SWGOLO version 148

_NODES = tuple((node - 0.5) * LARGEST_ZENITH / 4 for node in (1, 2, 3, 4))  # rad; zenith angles of the fits
_MUON_BINS = 0.02  # 1; the fits of muons were to coarser bins, by a factor of 50; SWGOLO version 148
_ROUNDING = 1.0e-5  # 1; what float32 may do to the ends of the range

NearVertical = Literal["smooth", "published"]


class Profile(Protocol):
    """The lateral profile of a shower of given energy and zenith angle, under both hypotheses, or one."""

    def log_density(self, distance: Float[Array, "*shape"]) -> Float[Array, "*primary secondary *shape"]:
        """Ln of the particles per area perpendicular to the axis [ln 1/m2] at a distance from it [m]."""
        ...

    def of(self, primary: Primary) -> Profile:
        """The profile under one hypothesis, without the axis of primaries."""
        ...


Primary = int | Int[Array, ""]  # a number of `PRIMARIES`
ShowerModel = Callable[[Float[Array, ""], Float[Array, ""]], Profile]  # of energy [GeV] and zenith angle [rad]


class LateralProfile(eqx.Module):
    """Stretched exponentials rho = p0 exp(-p1 R^p2), R the distance from the axis in m, not less than 2 m.

    Attributes:
        p0: density on the axis, positive [1/m2].
        p1: p1 R^p2 is the number of e-folds down to R [m^-p2].
        p2: power of the distance [1].
    """

    p0: Float[Array, "*primary secondary"]
    p1: Float[Array, "*primary secondary"]
    p2: Float[Array, "*primary secondary"]

    def of(self, primary: Primary) -> LateralProfile:
        """The profile under one hypothesis, without the axis of primaries."""
        return LateralProfile(self.p0[primary], self.p1[primary], self.p2[primary])

    def log_density(self, distance: Float[Array, "*shape"]) -> Float[Array, "*primary secondary *shape"]:
        """Ln of the particles per area perpendicular to the axis [ln 1/m2].

        The derivative is exact; with respect to the distance it is zero nearer than `LEAST_DISTANCE`.

        Args:
            distance: from the axis, zero or more [m].
        """
        reach = jnp.log(jnp.where(distance > LEAST_DISTANCE, distance, LEAST_DISTANCE))
        p0, p1, p2 = (p.reshape(*p.shape, *(1,) * distance.ndim) for p in (self.p0, self.p1, self.p2))
        return jnp.log(p0) - p1 * jnp.exp(p2 * reach)

    def density(self, distance: Float[Array, "*shape"]) -> Float[Array, "*primary secondary *shape"]:
        """Particles per area perpendicular to the axis [1/m2]; see `log_density`.

        Args:
            distance: from the axis, zero or more [m].
        """
        return jnp.exp(self.log_density(distance))


def parametrised_profile(
    energy: Float[Array, ""], zenith: Float[Array, ""], *, near_vertical: NearVertical = "smooth", floor: float = 0.01
) -> LateralProfile:
    """The lateral profile of a shower in the public parametrisation of the SWGO layout optimiser, for about 4.8 km.

    With e = 0.5 + 20 ln(E / E_min) / ln(E_max / E_min) and constants q fitted at four zenith angles (the nodes, 8.125
    degrees and on in steps of 16.25): p0 = q00 exp(q01 e^q02) for electrons of gamma rays, exp(q00) + exp(q01 e^q02)
    for the rest and 0.02 times this for muons, p1 and p2 = q0 + q1 e + q2 e^2; then for each p the cubic in the zenith
    angle through the four nodes.

    Below the first node the cubic is an extrapolation with a slope at the vertical: electrons of gamma rays change by
    up to a factor of 2.4 at 100 m and 54 at 2 km, where the depth of air changes by 1 %. "published" has it as is.
    "smooth" evaluates the cubic at theta_1 (3 + (theta / theta_1)^4) / 4 there: even in theta, flat at the vertical,
    equal in value and slope at the first node theta_1 and the same above; the factors become 1.18 and 2.2.
    Above the last node, 56.9 degrees, both extrapolate, and electrons come out too many: at 65 degrees 25 to 4000 times
    those of `daedalus.physics.nkg`. Electrons of protons grow fewer, by up to 17 %, from 1e5 to about 1.7e5 GeV.

    For electrons of gamma rays below 3.1e5 GeV the cubic of p0 is negative between 43 and 56.7 degrees. There, p0 is
    held at `floor` times the cubic in ln p0, with a twice continuously differentiable passage between 0 and 2 floors,
    above which the published value is exact. Derivatives by the zenith angle are steep at both edges of that hole.

    Valid for 1e5 to 1e7 GeV and 0 to 65 degrees; concrete arguments outside draw a ValidityWarning. Beyond, the profile
    of the nearest end is used: in proportion to the energy, so that a fit which strays finds back, and unchanged with
    the zenith angle. Source: T. Dorigo and others, SWGOLO, version 148 (public code, CC0), whose look-up tables
    "published" meets to 5e-6 (benchmarks/peers/swgolo_densities.py); see arXiv:2310.01857. The derivative is exact; the
    second one by the zenith angle has a step at the first node ("smooth").

    Args:
        energy: of the primary [GeV].
        zenith: angle of the axis from the vertical [rad].
        near_vertical: "smooth" or "published".
        floor: least p0 over the cubic in ln p0; 0.01 changes one of the positive values of the published tables, 0.3
            makes the hole shallow but reaches dips elsewhere too [1].
    """
    warn_outside("The parametrisation of lateral densities", energy, zenith)
    within = jnp.where(energy < ENERGIES[0], ENERGIES[0], jnp.where(energy > ENERGIES[1], ENERGIES[1], energy))
    scaled = 0.5 + 20.0 * jnp.log(within / ENERGIES[0]) / math.log(ENERGIES[1] / ENERGIES[0])
    constants, multiplied = _constants()
    first, second, third = (jnp.asarray(constants[..., k], energy.dtype) for k in range(3))
    growth = second[..., 0] * scaled ** third[..., 0]  # q01 e^q02 of each node
    log_p0 = jnp.where(multiplied, first[..., 0] + growth, jnp.logaddexp(first[..., 0], growth))
    p1, p2 = (first[..., k] + scaled * (second[..., k] + scaled * third[..., k]) for k in (1, 2))
    weights = _cubic_weights(_extrapolated(zenith) if near_vertical == "published" else _even(zenith))
    cubic = lambda values: jnp.sum(values * weights, axis=-1)  # not a product of matrices: some devices round those
    p0 = _positive(cubic(jnp.exp(log_p0)), floor * jnp.exp(cubic(log_p0)))
    scale = jnp.asarray((1.0, _MUON_BINS), energy.dtype) * (energy / within)
    return LateralProfile(p0 * scale, cubic(p1), cubic(p2))


def warn_outside(law: str, energy: Float[Array, ""], zenith: Float[Array, ""]) -> None:
    """Warns of concrete energies and zenith angles outside the range of the models of air showers; traced ones pass.

    Args:
        law: how the warning names it [text].
        energy: of the primary [GeV].
        zenith: angle [rad].
    """
    if isinstance(energy, Tracer) or isinstance(zenith, Tracer):
        return
    low, high = ENERGIES[0] * (1.0 - _ROUNDING), ENERGIES[1] * (1.0 + _ROUNDING)
    if low <= float(energy) <= high and 0.0 <= float(zenith) <= LARGEST_ZENITH * (1.0 + _ROUNDING):
        return
    warnings.warn(
        f"{law} holds for {ENERGIES[0]:g} to {ENERGIES[1]:g} GeV and zenith angles of 0 to {LARGEST_ZENITH / deg:g} "
        f"degrees; found {float(energy):.4g} GeV and {float(zenith) / deg:.4g} degrees. Keep showers inside, or take "
        "what comes out as an extrapolation.",
        ValidityWarning,
        stacklevel=3,
    )


def _even(zenith: Float[Array, ""]) -> Float[Array, ""]:
    """The zenith angle at which the cubic is evaluated [rad]: flat and even below the first node."""
    slant = _below_largest(jnp.abs(zenith))
    return jnp.where(slant < _NODES[0], _NODES[0] * (3.0 + (slant / _NODES[0]) ** 4) / 4.0, slant)


def _extrapolated(zenith: Float[Array, ""]) -> Float[Array, ""]:
    """The zenith angle at which the cubic is evaluated [rad]: as it is, from 0 to the largest."""
    return _below_largest(jnp.where(zenith < 0.0, 0.0, zenith))


def _below_largest(zenith: Float[Array, ""]) -> Float[Array, ""]:
    """A zenith angle [rad] or the largest of the range."""
    return jnp.where(zenith > LARGEST_ZENITH, LARGEST_ZENITH, zenith)


def _cubic_weights(zenith: Float[Array, ""]) -> Float[Array, "node"]:
    """The weights of the values at the nodes in the cubic through them (Lagrange), at a zenith angle [rad]."""
    x = 0.5 + 4.0 * zenith / LARGEST_ZENITH  # the nodes are at 1, 2, 3, 4
    a, b, c, d = x - 1.0, x - 2.0, x - 3.0, x - 4.0
    return jnp.stack([-b * c * d / 6.0, a * c * d / 2.0, -a * b * d / 2.0, a * b * c / 6.0])


def _positive(value: Float[Array, "*shape"], floor: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """A value from twice its floor on, the floor where the value is negative, joined with two derivatives between."""
    height = value / floor
    v = 0.5 * jnp.clip(height, 0.0, 2.0)
    return floor * jnp.where(height < 2.0, 1.0 + v**3 * (2.0 - v), height)


@cache
def _constants() -> tuple[np.ndarray, np.ndarray]:
    """The fitted constants q by primary, secondary, node, parameter and number, and which p0 are products.

    A product has the logarithm of q00 in its place.
    """
    values = np.full((len(PRIMARIES), len(SECONDARIES), len(_NODES), 3, 3), np.nan)
    text = (files("daedalus.physics") / "data" / "air_shower_densities.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines()):
        node = int(np.argmin(np.abs(np.asarray(_NODES) - float(row["zenith [deg]"]) * deg)))
        place = PRIMARIES.index(row["primary"]), SECONDARIES.index(row["secondary"]), node
        values[place] = [[float(row[f"q{p}{number}"]) for number in range(3)] for p in range(3)]
    values[0, 0, :, 0, 0] = np.log(values[0, 0, :, 0, 0])
    products = np.zeros((len(PRIMARIES), len(SECONDARIES), 1), bool)
    products[0, 0] = True
    return values, products
