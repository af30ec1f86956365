"""Differential intensities of cosmic-ray muons at sea level: four published laws behind one call.

All are per total energy and *per second*, Phi = dN / (dA dt dOmega dE) [m^-2 s^-1 sr^-1 GeV^-1], dA
perpendicular to the direction; divide by 1e9 for the house unit of time (ns). They differ by 10 to 20 %
below a few GeV (EcoMug by 30 % at 10 GeV), which is the honest size of the systematic error. All hold at
sea level; none knows altitude, season or geomagnetic cut-off.
"""

import abc
import difflib
import warnings
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float

from daedalus.errors import StageError, ValidityWarning
from daedalus.physics.constants import MUON_MASS

_PER_CM2 = 1.0e4  # m^-2 per cm^-2; two of the sources quote their intensity per cm^2
_LEAST_MOMENTUM = 1.0e-6  # GeV; floor that keeps logarithms finite at rest, where the intensity vanishes

Numbers = Float[Array, "..."] | Float[np.ndarray, "..."] | float
Truths = Bool[Array, "..."] | Bool[np.ndarray, "..."] | bool | np.bool_


class Flux(eqx.Module):
    """A law for the intensity of muons as a function of total energy and zenith angle.

    Works on NumPy arrays (keeping their float64) and on JAX arrays alike. The derivative with respect to the
    arguments and to the constants (fields) is exact.
    """

    name: ClassVar[str]
    validity: ClassVar[str]  # the range of validity in words

    @abc.abstractmethod
    def intensity(self, energy: Numbers, cos_zenith: Numbers) -> Numbers:
        """Phi [m^-2 s^-1 sr^-1 GeV^-1] at total energy [GeV] and cosine of the zenith [1], unchecked."""

    @abc.abstractmethod
    def valid(self, energy: Numbers, cos_zenith: Numbers) -> Truths:
        """True where the law's source supports it, at total energy [GeV] and cosine of the zenith [1]."""

    def __call__(self, energy: Numbers, cos_zenith: Numbers) -> Numbers:
        """Phi [m^-2 s^-1 sr^-1 GeV^-1]; concrete arguments outside the law's range give a ValidityWarning.

        Args:
            energy: total energy of the muon [GeV].
            cos_zenith: cosine of the zenith angle, 0 to 1 [1].

        Returns:
            Intensity per unit area perpendicular to the direction, time, solid angle and energy.
        """
        self.warn_outside(energy, cos_zenith)
        return self.intensity(energy, cos_zenith)

    def warn_outside(self, energy: Numbers, cos_zenith: Numbers) -> None:
        """Warns if concrete energies [GeV] and cosines [1] leave the law's range; traced ones pass."""
        if isinstance(energy, Tracer) or isinstance(cos_zenith, Tracer):
            return
        outside = ~np.asarray(self.valid(np.asarray(energy), np.asarray(cos_zenith)))
        if outside.any():
            worst = np.broadcast_to(np.asarray(energy), outside.shape)[outside]
            warnings.warn(
                f"{type(self).__name__} is used at energies from {worst.min():.4g} to {worst.max():.4g} "
                f"GeV, where it is an extrapolation; its range is {self.validity}. "
                "Narrow the range of energy or zenith angle, or choose another flux model.",
                ValidityWarning,
                stacklevel=3,
            )


class Guan2015(Flux):
    """The modified Gaisser formula of Guan et al., for all zenith angles.

    Phi = 0.14 [E (1 + 3.64 / (E c*^1.29))]^-2.7 [1 / (1 + 1.1 E c*/115) + 0.054 / (1 + 1.1 E c*/850)] cm^-2
    s^-1 sr^-1 GeV^-1, where c* is the cosine of the zenith angle at the height of production, c*^2 = (c^2 +
    P1^2 + P2 c^P3 + P4 c^P5) / (1 + P1^2 + P2 + P4). The spectrum hardens with zenith angle.

    Source: Guan, Chu, Cao, Luk, Yang, arXiv:1509.06176 (2015), equation 3; c* is equation 2 and table 1.
    Range: the authors state no lower bound; below 1 GeV it is little tested, below 0.5 GeV not at all.
    """

    name: ClassVar[str] = "guan"
    validity: ClassVar[str] = "total energy above 0.5 GeV, all zenith angles (arXiv:1509.06176)"

    amplitude: float = 0.14  # cm^-2 s^-1 sr^-1 GeV^-1; Guan 2015 eq. 3
    index: float = 2.7  # 1; Guan 2015 eq. 3
    softening: float = 3.64  # GeV; Guan 2015 eq. 3
    softening_power: float = 1.29  # 1; Guan 2015 eq. 3
    pion: float = 115.0  # GeV; critical energy of the pion, Guan 2015 eq. 3
    kaon: float = 850.0  # GeV; critical energy of the kaon, Guan 2015 eq. 3
    kaon_share: float = 0.054  # 1; Guan 2015 eq. 3
    decay: float = 1.1  # 1; Guan 2015 eq. 3
    curvature: tuple[float, float, float, float, float] = (  # P1 ... P5, 1; Guan 2015 table 1
        0.102573,
        -0.068287,
        0.958633,
        0.0407253,
        0.817285,
    )

    def production_cosine(self, cos_zenith: Numbers) -> Numbers:
        """c*, the cosine of the zenith angle at the height of production [1] (Guan 2015, equation 2)."""
        p1, p2, p3, p4, p5 = self.curvature
        square = cos_zenith**2 + p1**2 + p2 * cos_zenith**p3 + p4 * cos_zenith**p5
        return (square / (1.0 + p1**2 + p2 + p4)) ** 0.5

    def intensity(self, energy: Numbers, cos_zenith: Numbers) -> Numbers:
        """Phi [m^-2 s^-1 sr^-1 GeV^-1] at total energy [GeV] and cosine of the zenith [1], unchecked."""
        star = self.production_cosine(cos_zenith)
        power = (energy + self.softening / star**self.softening_power) ** -self.index
        scaled = self.decay * energy * star
        mesons = 1.0 / (1.0 + scaled / self.pion) + self.kaon_share / (1.0 + scaled / self.kaon)
        return _PER_CM2 * self.amplitude * power * mesons

    def valid(self, energy: Numbers, cos_zenith: Numbers) -> Truths:
        """True for total energies [GeV] from 0.5 GeV on, at any cosine of the zenith angle [1]."""
        return (energy >= 0.5) & (cos_zenith >= 0.0)


class ShuklaSankrith2016(Flux):
    """The modified power law of Shukla and Sankrith, which factorises in energy and zenith angle.

    Phi = I0 N (E0 + E)^-n (1 + E/epsilon)^-1 D(theta)^-(n-1), N = (n-1) (E0 + Ec)^(n-1),
    D = sqrt((R/d)^2 c^2 + 2 R/d + 1) - (R/d) c, the path through the atmosphere over the vertical one.

    Source: Shukla and Sankrith, Int. J. Mod. Phys. A 33 (2018) 1850175, arXiv:1606.06907. The paper gives a
    set of constants per data set; the defaults are those of the public code TomOpt (E0 = 3.87, n = 3).
    Other codes quote E0 = 4.28 to 4.29 and n = 3.00 to 3.01 from the same paper.
    Range: sea level, E above Ec = 0.5 GeV. Being factorised it does not harden with zenith angle.
    """

    name: ClassVar[str] = "shukla_sankrith"
    validity: ClassVar[str] = "total energy above 0.5 GeV, all zenith angles (arXiv:1606.06907)"

    amplitude: float = 88.0  # I0, m^-2 s^-1 sr^-1; vertical integral intensity, as in TomOpt
    index: float = 3.0  # n, 1; as in TomOpt
    offset: float = 3.87  # E0, GeV; energy lost in the atmosphere, as in TomOpt
    threshold: float = 0.5  # Ec, GeV; as in TomOpt
    decay: float = 854.0  # epsilon, GeV; decay of pions and kaons in flight, arXiv:1606.06907
    radius_ratio: float = 174.0  # R/d, 1; Earth's radius over the height of production, as in TomOpt

    def path_ratio(self, cos_zenith: Numbers) -> Numbers:
        """D, the path through a spherical atmosphere over the vertical one [1], at a cosine [1]."""
        ratio = self.radius_ratio
        return (ratio**2 * cos_zenith**2 + 2.0 * ratio + 1.0) ** 0.5 - ratio * cos_zenith

    def intensity(self, energy: Numbers, cos_zenith: Numbers) -> Numbers:
        """Phi [m^-2 s^-1 sr^-1 GeV^-1] at total energy [GeV] and cosine of the zenith [1], unchecked."""
        slope = self.index - 1.0
        norm = slope * (self.offset + self.threshold) ** slope
        spectrum = (self.offset + energy) ** -self.index / (1.0 + energy / self.decay)
        return self.amplitude * norm * spectrum * self.path_ratio(cos_zenith) ** -slope

    def valid(self, energy: Numbers, cos_zenith: Numbers) -> Truths:
        """True for total energies [GeV] from 0.5 GeV on, at any cosine of the zenith angle [1]."""
        return (energy >= 0.5) & (cos_zenith >= 0.0)


class Reyna2006(Flux):
    """Reyna's scaling law in zeta = p cos(theta), turned from per momentum into per energy.

    dN/dp = c^3 I_v(zeta), I_v(zeta) = c1 zeta^-(c2 + c3 y + c4 y^2 + c5 y^3), y = log10(zeta / GeV)
    [cm^-2 s^-1 sr^-1 GeV^-1], and Phi = dN/dE = (E/p) dN/dp.

    Source: Reyna, hep-ph/0604145 (2006), equations 1 to 3, constants of section 4.
    Range: p above 1 GeV and p cos(theta) below 2000 GeV, all zenith angles (section 4).
    """

    name: ClassVar[str] = "reyna"
    validity: ClassVar[str] = "momentum above 1 GeV and momentum x cos(zenith) below 2000 GeV (hep-ph/0604145)"

    amplitude: float = 0.00253  # c1, cm^-2 s^-1 sr^-1 GeV^-1; Reyna 2006 section 4
    powers: tuple[float, float, float, float] = (
        0.2455,
        1.288,
        -0.2555,
        0.0209,
    )  # c2 ... c5, 1; Reyna 2006 section 4
    mass: float = MUON_MASS  # GeV

    def per_momentum(self, momentum: Numbers, cos_zenith: Numbers) -> Numbers:
        """dN/dp [m^-2 s^-1 sr^-1 GeV^-1] at momentum [GeV] and cosine of the zenith angle [1], unchecked."""
        zeta = ((momentum * cos_zenith) ** 2 + _LEAST_MOMENTUM**2) ** 0.5
        decade = (jnp if isinstance(zeta, jax.Array) else np).log10(zeta)
        c2, c3, c4, c5 = self.powers
        vertical = self.amplitude * zeta ** -(c2 + decade * (c3 + decade * (c4 + decade * c5)))
        return _PER_CM2 * cos_zenith**3 * vertical

    def intensity(self, energy: Numbers, cos_zenith: Numbers) -> Numbers:
        """Phi [m^-2 s^-1 sr^-1 GeV^-1] at total energy [GeV] and cosine of the zenith [1], unchecked."""
        momentum = (abs(energy**2 - self.mass**2) + _LEAST_MOMENTUM**2) ** 0.5
        return self.per_momentum(momentum, cos_zenith) * energy / momentum

    def valid(self, energy: Numbers, cos_zenith: Numbers) -> Truths:
        """True for p above 1 GeV and p cos(theta) below 2000 GeV, given total energy [GeV] and cosine [1]."""
        square = energy**2 - self.mass**2
        return (square >= 1.0) & (square * cos_zenith**2 <= 2000.0**2)


class EcoMug2021(Flux):
    """The parametrisation of the generator EcoMug, turned from per momentum into per energy.

    dN/dp = 1600 (p + 2.68)^-3.175 p^0.279 c^n [m^-2 s^-1 sr^-1 GeV^-1] with p in GeV and n = max(0.1, 2.856 -
    0.655 ln p), and Phi = dN/dE = (E/p) dN/dp. The exponent n reaches its floor at 67 GeV and has a kink there.

    Source: Pagano et al., Nucl. Instrum. Methods A 1014 (2021) 165732; formula and constants as in the authors' code
    (EcoMug.h, versions 2 and 3), whose normalisation of 129.08 Hz/m2 through a horizontal surface this law meets.
    Range: a fit to spectrometer data below about 100 GeV; the authors' code goes up to 1 TeV. At 10 GeV, vertical, it
    lies 30 % below the world average of Hebbeker and Timmermans (hep-ph/0102042).
    """

    name: ClassVar[str] = "ecomug"
    validity: ClassVar[str] = "momentum of 0.1 to 100 GeV, all zenith angles (Pagano et al. 2021)"

    amplitude: float = 1600.0  # m^-2 s^-1 sr^-1 GeV^-1 in powers of GeV; EcoMug.h
    offset: float = 2.68  # GeV; EcoMug.h
    index: float = 3.175  # 1; EcoMug.h
    rise: float = 0.279  # 1; EcoMug.h
    zenith_power: float = 2.856  # n at 1 GeV, 1; EcoMug.h
    flattening: float = 0.655  # loss of n per e-fold of momentum, 1; EcoMug.h
    flattest: float = 0.1  # least n, 1; EcoMug.h
    mass: float = MUON_MASS  # GeV

    def per_momentum(self, momentum: Numbers, cos_zenith: Numbers) -> Numbers:
        """dN/dp [m^-2 s^-1 sr^-1 GeV^-1] at momentum [GeV] and cosine of the zenith angle [1], unchecked."""
        xp = jnp if isinstance(momentum, jax.Array) or isinstance(cos_zenith, jax.Array) else np
        spectrum = self.amplitude * (momentum + self.offset) ** -self.index * momentum**self.rise
        power = xp.maximum(self.flattest, self.zenith_power - self.flattening * xp.log(momentum))
        return spectrum * cos_zenith**power

    def intensity(self, energy: Numbers, cos_zenith: Numbers) -> Numbers:
        """Phi [m^-2 s^-1 sr^-1 GeV^-1] at total energy [GeV] and cosine of the zenith [1], unchecked."""
        momentum = (abs(energy**2 - self.mass**2) + _LEAST_MOMENTUM**2) ** 0.5
        return self.per_momentum(momentum, cos_zenith) * energy / momentum

    def valid(self, energy: Numbers, cos_zenith: Numbers) -> Truths:
        """True for momenta of 0.1 to 100 GeV, given total energy [GeV], at any cosine of the zenith angle [1]."""
        square = energy**2 - self.mass**2
        return (square >= 0.1**2) & (square <= 100.0**2) & (cos_zenith >= 0.0)


FLUX_MODELS: dict[str, type[Flux]] = {
    model.name: model for model in (Guan2015, ShuklaSankrith2016, Reyna2006, EcoMug2021)
}


def flux_model(name: str) -> Flux:
    """The flux model of a name ("guan", "shukla_sankrith", "reyna", "ecomug") with its default constants.

    Raises:
        StageError: the name is unknown.
    """
    if name in FLUX_MODELS:
        return FLUX_MODELS[name]()
    near = difflib.get_close_matches(str(name).lower(), FLUX_MODELS, n=1, cutoff=0.4)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    raise StageError(f"unknown flux model '{name}'; expected one of {', '.join(FLUX_MODELS)}.{hint}")
