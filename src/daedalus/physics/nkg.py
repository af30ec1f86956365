"""A second model of air showers, independent of the parametrisation: textbook laws, to try what a layout owes to one.

Electrons: at the depth of the site, Greisen's number of a photon's shower and Gaisser's and Hillas' of a proton's,
spread by the function of Nishimura, Kamata and Greisen (NKG). Muons: the number of Heitler and Matthews, spread by
Greisen's law. Numbers are right to a factor of about two: this is not a better model than the parametrisation, but one
with other errors.
Depths are slant depths of air [g/cm2] in a flat atmosphere, altitudes those of the standard atmosphere.
"""

from __future__ import annotations

import math

import equinox as eqx
import jax.numpy as jnp
from jax.scipy.special import gammaln
from jaxtyping import Array, Float

from daedalus.physics.air_showers import LARGEST_ZENITH, LEAST_DISTANCE, Primary, warn_outside
from daedalus.units import GeV, m

Number = Float[Array, ""] | float

RADIATION_LENGTH = 36.62  # g/cm2; dry air, PDG 2024 Atomic and Nuclear Properties
CRITICAL_ENERGY = 87.92e-3 * GeV  # of electrons in dry air; PDG 2024 Atomic and Nuclear Properties
MOLIERE_DEPTH = 9.6  # g/cm2; air, so that the radius at sea level is 78 m; Greisen 1960
MUON_RADIUS = 320.0 * m  # scale of the lateral law of muons; Greisen 1960
MUON_POWERS = (-0.75, -2.5)  # 1; of r and of 1 + r / MUON_RADIUS; Greisen 1960
PION_ENERGY = 20.0 * GeV  # pions of less decay to muons; Matthews 2005
MUON_EXPONENT = 0.85  # 1; growth of the number of muons with energy; Matthews 2005
MULTIPLICITY = 41.2  # charged pions of a proton's first interaction at 1 PeV; Matthews 2005
MULTIPLICITY_EXPONENT = 0.2  # 1; its growth with energy; Matthews 2005
LATER_GENERATIONS = 100.0  # g/cm2; by which they deepen the maximum of a proton's shower; Matthews 2005
INTERACTION_LENGTH = 66.1  # g/cm2; protons of 2 PeV in air, +- 4.4; EAS-TOP, Aglietta et al., ICRC 2007
ABSORPTION = 70.0  # g/cm2; of a proton's shower past its maximum; Gaisser and Hillas 1977
MUON_ATTENUATION = 1256.0  # g/cm2; +- 85 +- 230; KASCADE-Grande, Apel et al., Astropart. Phys. 95 (2017) 25

_PEV = 1.0e6 * GeV
_SEA_LEVEL = (101325.0, 288.15)  # Pa, K; ISO 2533:1975 (International Standard Atmosphere)
_LAPSE = 6.5e-3  # K/m; ISO 2533:1975
_GAS_CONSTANT = 287.05  # J/(kg K), of dry air; ISO 2533:1975
_GRAVITY = 9.80665  # m/s2; ISO 2533:1975


def atmospheric_depth(altitude: Number) -> Number:
    """Depth of air above a site [g/cm2]: the pressure of the standard atmosphere over gravity.

    Valid from sea level to 11 km (ISO 2533:1975, troposphere): 1033 g/cm2 there, 566 g/cm2 at 4.8 km. Exact derivative.

    Args:
        altitude: above sea level [m].
    """
    pressure, _ = _air(altitude)
    return 0.1 * pressure / _GRAVITY  # 1 kg/m2 is 0.1 g/cm2


def moliere_radius(altitude: Number) -> Number:
    """The Moliere radius in the air at a site [m]: 9.6 g/cm2 over the density of the standard atmosphere.

    78 m at sea level, 128 m at 4.8 km. Range as for `atmospheric_depth`. Exact derivative.

    Args:
        altitude: above sea level [m].
    """
    pressure, temperature = _air(altitude)
    density = pressure / (_GAS_CONSTANT * temperature)  # kg/m3
    return 10.0 * MOLIERE_DEPTH / density  # 1 g/cm2 is 10 kg/m2


def shower_age(depth: Float[Array, ""], maximum: Float[Array, ""]) -> Float[Array, ""]:
    """The age s = 3 X / (X + 2 X_max) of a shower [1]: 0 at its start, 1 at its maximum.

    Source: Greisen, Ann. Rev. Nucl. Sci. 10 (1960) 63. Exact derivative.

    Args:
        depth: X, from where the shower starts [g/cm2].
        maximum: X_max, that of the greatest number [g/cm2].
    """
    return 3.0 * depth / (depth + 2.0 * maximum)


def photon_maximum(energy: Float[Array, ""]) -> Float[Array, ""]:
    """Depth of the maximum of a photon's shower [g/cm2]: X_0 ln(E / E_c), 595 g/cm2 at 1 PeV.

    Source: Greisen, Prog. Cosmic Ray Phys. 3 (1956) 1. Exact derivative.

    Args:
        energy: of the photon, far above the critical energy [GeV].
    """
    return RADIATION_LENGTH * jnp.log(energy / CRITICAL_ENERGY)


def proton_maximum(energy: Float[Array, ""]) -> Float[Array, ""]:
    """Depth of the maximum of a proton's shower [g/cm2], 564 g/cm2 at 1 PeV and 67 g/cm2 more per decade.

    ln 2 interaction lengths, then the showers of 3 N photons of equal energy, N = 41.2 (E / PeV)^0.2, then 100 g/cm2
    for later generations. Source: Matthews, Astropart. Phys. 22 (2005) 387, section 3. Exact derivative.

    Args:
        energy: of the proton, 1e4 to 1e9 GeV [GeV].
    """
    multiplicity = MULTIPLICITY * (energy / _PEV) ** MULTIPLICITY_EXPONENT
    return math.log(2.0) * INTERACTION_LENGTH + photon_maximum(energy / (3.0 * multiplicity)) + LATER_GENERATIONS


def log_photon_size(energy: Float[Array, ""], depth: Float[Array, ""]) -> Float[Array, ""]:
    """Ln of the mean number of electrons and positrons in a photon's shower [1].

    N = 0.31 / sqrt(y) exp[t (1 - 1.5 ln s)], t the depth in radiation lengths, y = ln(E / E_c) and s the age. Source:
    Greisen, Prog. Cosmic Ray Phys. 3 (1956) 1; an approximation for t above about 1. Exact derivative.

    Args:
        energy: of the photon, far above the critical energy [GeV].
        depth: from where the shower starts, positive [g/cm2].
    """
    maximum = photon_maximum(energy)
    t, y = depth / RADIATION_LENGTH, maximum / RADIATION_LENGTH
    return math.log(0.31) - 0.5 * jnp.log(y) + t * (1.0 - 1.5 * jnp.log(shower_age(depth, maximum)))


def log_proton_size(energy: Float[Array, ""], depth: Float[Array, ""]) -> Float[Array, ""]:
    """Ln of the mean number of electrons and positrons in a proton's shower [1].

    N proportional to X^T exp(-X / L), T = X_max / L, L = 70 g/cm2. Source of the shape: Gaisser and Hillas, Proc. 15th
    ICRC 8 (1977) 353. The number follows from energy: electrons lose E_c per radiation length (Rossi), and all of them
    lose what is not left to muons, E - 20 GeV N_mu (Matthews 2005). Exact derivative.

    Args:
        energy: of the proton, 1e4 to 1e9 GeV [GeV].
        depth: from the top of the air, positive [g/cm2].
    """
    power, x = proton_maximum(energy) / ABSORPTION, depth / ABSORPTION
    lost = energy - PION_ENERGY * jnp.exp(log_muon_number(energy))
    track = lost / CRITICAL_ENERGY * RADIATION_LENGTH / ABSORPTION  # integral of N over x
    return jnp.log(track) + power * jnp.log(x) - x - gammaln(power + 1.0)


def log_muon_number(energy: Float[Array, ""]) -> Float[Array, ""]:
    """Ln of the mean number of muons that a proton's shower makes [1].

    N = (E / 20 GeV)^0.85, about 1e4 at 1 PeV. Source: Matthews, Astropart. Phys. 22 (2005) 387, section 3; a model of
    generations of pions, right to some ten per cent. Exact derivative.

    Args:
        energy: of the proton [GeV].
    """
    return MUON_EXPONENT * jnp.log(energy / PION_ENERGY)


def log_electron_spread(
    distance: Float[Array, "*#shape"], age: Float[Array, "*#shape"], radius: Number
) -> Float[Array, "*shape"]:
    """Ln of the density of one electron perpendicular to the axis [ln 1/m2], after Nishimura, Kamata and Greisen.

    Gamma(4.5 - s) / [2 pi r_M^2 Gamma(s) Gamma(4.5 - 2 s)] x^(s - 2) (1 + x)^(s - 4.5), x = r / r_M; its integral over
    the plane is one. Valid for ages of 0.5 to 1.5; from 2.25 on the integral diverges. Source: Kamata and Nishimura,
    Prog. Theor. Phys. Suppl. 6 (1958) 93; Greisen, Ann. Rev. Nucl. Sci. 10 (1960) 63. Exact derivative.

    Args:
        distance: from the axis, positive [m].
        age: of the shower [1].
        radius: r_M, the Moliere radius [m].
    """
    s, x = age, distance / radius
    norm = gammaln(4.5 - s) - gammaln(s) - gammaln(4.5 - 2.0 * s) - jnp.log(2.0 * math.pi * jnp.square(radius))
    return norm + (s - 2.0) * jnp.log(x) + (s - 4.5) * jnp.log1p(x)


def log_muon_spread(distance: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Ln of the density of one muon perpendicular to the axis [ln 1/m2], after Greisen.

    Proportional to r^-0.75 (1 + r / 320 m)^-2.5; its integral over the plane is one. A fit to muons above 1 GeV at sea
    level, 50 to 500 m from the axis. Source: Greisen, Ann. Rev. Nucl. Sci. 10 (1960) 63. Exact derivative.

    Args:
        distance: from the axis, positive [m].
    """
    near, far = MUON_POWERS
    x = distance / MUON_RADIUS
    a, b = near + 2.0, -near - far - 2.0  # the integral of x^(a - 1) (1 + x)^(-a - b) is the beta function B(a, b)
    beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    norm = -math.log(2.0 * math.pi * MUON_RADIUS**2) - beta
    return norm + near * jnp.log(x) + far * jnp.log1p(x)


class NkgProfile(eqx.Module):
    """NKG electrons and Greisen's muons of a shower.

    Attributes:
        log_electrons: ln of the number of electrons and photons at the ground [1].
        age: of the electromagnetic shower [1].
        log_muons: ln of the number of muons at the ground [1].
        radius: the Moliere radius [m].
    """

    log_electrons: Float[Array, "*primary"]
    age: Float[Array, "*primary"]
    log_muons: Float[Array, "*primary"]
    radius: Float[Array, ""]

    def of(self, primary: Primary) -> NkgProfile:
        """The profile under one hypothesis, without the axis of primaries."""
        return NkgProfile(self.log_electrons[primary], self.age[primary], self.log_muons[primary], self.radius)

    def log_density(self, distance: Float[Array, "*shape"]) -> Float[Array, "*primary secondary *shape"]:
        """Ln of the particles per area perpendicular to the axis [ln 1/m2].

        The derivative is exact; with respect to the distance it is zero nearer than 2 m, where the density is held.

        Args:
            distance: from the axis, zero or more [m].
        """
        reach = jnp.where(distance > LEAST_DISTANCE, distance, LEAST_DISTANCE)
        electrons, age, muons = (
            values.reshape(*values.shape, *(1,) * distance.ndim)
            for values in (self.log_electrons, self.age, self.log_muons)
        )
        near = electrons + log_electron_spread(reach, age, self.radius)
        return jnp.stack([near, muons + log_muon_spread(reach)], axis=self.age.ndim)


def nkg_profile(
    energy: Float[Array, ""],
    zenith: Float[Array, ""],
    *,
    altitude: Number = 4800.0 * m,
    photons: float = 2.0,
    muon_ratio: float = 0.04,
) -> NkgProfile:
    """The lateral profile of a shower after NKG and Greisen, for a site at an altitude.

    Numbers are those at the slant depth X / cos(zenith) and at the altitude's Moliere radius. Beyond the maximum of a
    proton's shower muons are lost, exp(-depth / 1256 g/cm2). The age, 0.9 to 1.7 at 4.8 km, passes 1.5, to where NKG is
    tested, beyond 57 degrees.

    Valid for 1e5 to 1e7 GeV and 0 to 65 degrees; concrete arguments outside draw a ValidityWarning. Beyond, energies
    are extrapolated and the zenith angle is held. Exact derivative; it is zero by the zenith angle at the vertical.

    Args:
        energy: of the primary [GeV].
        zenith: angle of the axis from the vertical [rad].
        altitude: of the site above sea level, 0 to 11 km; SWGO's by default [m].
        photons: counted as electrons, per electron; with the default, a choice of this package, the numbers of the
            parametrisation are met between 0.7 and 2.4 up to 57 degrees; 0 leaves charged particles alone [1].
        muon_ratio: muons of a gamma ray's shower over those of a proton's, "a few per cent": Drees, Halzen and
            Hikasa, Phys. Rev. D 40 (1989) 1310; Di Sciascio, arXiv:2410.22974 [1].
    """
    warn_outside("NKG with Greisen's sizes", energy, zenith)
    cosine = jnp.cos(jnp.where(jnp.abs(zenith) > LARGEST_ZENITH, LARGEST_ZENITH, zenith))
    depth = atmospheric_depth(altitude) / cosine
    maxima = photon_maximum(energy), proton_maximum(energy)
    log_muons = log_muon_number(energy) - (depth - maxima[1]) / MUON_ATTENUATION
    return NkgProfile(
        log_electrons=jnp.stack([log_photon_size(energy, depth), log_proton_size(energy, depth)]) + math.log1p(photons),
        age=jnp.stack([shower_age(depth, maximum) for maximum in maxima]),
        log_muons=jnp.stack([log_muons + math.log(muon_ratio), log_muons]),
        radius=jnp.asarray(moliere_radius(altitude), energy.dtype),
    )


def _air(altitude: Number) -> tuple[Number, Number]:
    """Pressure [Pa] and temperature [K] of the standard atmosphere at an altitude [m]."""
    pressure, temperature = _SEA_LEVEL
    local = temperature - _LAPSE * altitude
    return pressure * (local / temperature) ** (_GRAVITY / (_GAS_CONSTANT * _LAPSE)), local
