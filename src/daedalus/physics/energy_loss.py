"""Mean energy loss of charged particles in matter, and a cheap universal form of it for the hot path.

`stopping_power` is the full law, material by material. `momentum_after` needs one number per path, the opacity: the
energy [GeV] the path would cost a minimum-ionising particle, the integral of `minimum_loss` over its length. It uses
the shape of one range-energy curve for all materials. Losses are means: no straggling, no catastrophic loss.
"""

import math
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from daedalus.physics.constants import BETHE_K, ELECTRON_MASS, FINE_STRUCTURE
from daedalus.physics.materials import DensityEffect, Material, material
from daedalus.physics.particles import Particle, muon

_GEV_PER_M = 1.0e-3 * 100.0  # GeV/m per MeV/cm
_KINETIC = (1.0e-3, 1.0e4)  # GeV; kinetic energies of the curves; below the least a muon has stopped
_NODES = 256  # of each curve, evenly spaced in the logarithm: interpolation error below 1e-6


def stopping_power(
    matter: Material, momentum: Float[Array, "*event"], particle: Particle = muon
) -> Float[Array, "*event"]:
    """Mean energy loss -dE/dx [GeV/m]: ionisation and, for muons, radiation.

    Sum of `ionisation` and `radiation`. For muons within 1 % of Groom, Mokhov & Striganov (2001) from 10 MeV
    kinetic energy to 1 TeV; heavier particles lose by ionisation only. The derivative is exact.

    Args:
        matter: the material.
        momentum: p [GeV].
        particle: whose loss.
    """
    return _stopping_power(matter, momentum, particle, jnp)


def ionisation(matter: Material, momentum: Float[Array, "*event"], particle: Particle = muon) -> Float[Array, "*event"]:
    """Mean energy loss by ionisation [GeV/m], after Bethe with the density effect.

    K z^2 Z/A / beta^2 [ln(2 m_e beta^2 gamma^2 W / I^2) / 2 - beta^2 - delta / 2 + (W / E)^2 / 8],
    with the greatest transfer W, the spin term and bremsstrahlung on atomic electrons. Valid for beta gamma >
    0.1 without shell corrections. Source: PDG 2024 eqs. 34.4, 34.5, 34.7; Groom, Mokhov & Striganov, At. Data
    Nucl. Data Tables 78 (2001) 183, eqs. 4, 13. The derivative is exact; it has a step where delta begins.

    Args:
        matter: the material.
        momentum: p [GeV].
        particle: whose loss; electrons follow another law (Berger & Seltzer).
    """
    return _GEV_PER_M * matter.density * _ionisation(matter, momentum, particle, jnp)


def radiation(matter: Material, momentum: Float[Array, "*event"], particle: Particle = muon) -> Float[Array, "*event"]:
    """Mean energy loss of muons by bremsstrahlung, pairs and photonuclear reactions [GeV/m]: b(E) E.

    b is a parabola in ln E through its values at 10, 100 and 1000 GeV, not below zero, constant above 10 TeV;
    from the PUMAS 1.0 tables (Niess 2022), within 2 % of Groom, Mokhov & Striganov (2001). Zero for other
    particles. The derivative is exact.

    Args:
        matter: the material.
        momentum: p [GeV].
        particle: whose loss.
    """
    return _GEV_PER_M * matter.density * _radiation(matter, momentum, particle, jnp)


def minimum_loss(matter: Material) -> float:
    """Mean energy loss of a minimum-ionising muon [GeV/m]: the opacity of a material per length."""
    return _minimum_loss(matter)


@dataclass(frozen=True, eq=False)
class RangeCurve:
    """The range-energy relation of muons in units of opacity: two curves on even grids of logarithms.

    Cubic Hermite interpolation of ln(range) in ln(kinetic energy) and back, with the exact slopes of the law.

    Attributes:
        first: ln of the least kinetic energy [GeV] and of its range [GeV].
        step: spacing of the two grids.
        log_range: ln range and its slope times step, on the grid of energies.
        log_energy: ln kinetic energy and its slope times step, on the grid of ranges.
    """

    first: tuple[float, float]
    step: tuple[float, float]
    log_range: tuple[np.ndarray, np.ndarray]
    log_energy: tuple[np.ndarray, np.ndarray]

    def range(self, kinetic: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """Range [GeV of opacity] of a kinetic energy [GeV], 1 MeV to 10 TeV; power laws beyond."""
        return jnp.exp(_hermite(jnp.log(kinetic), self.first[0], self.step[0], *self.log_range))

    def kinetic(self, reach: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """Kinetic energy [GeV] of a range [GeV of opacity]: the inverse of `range`."""
        return jnp.exp(_hermite(jnp.log(reach), self.first[1], self.step[1], *self.log_energy))


@cache
def range_curve(name: str = "iron") -> RangeCurve:
    """The range-energy curve of muons in a material of the table, by quadrature; made once, on first use.

    Args:
        name: of the material; iron's curve serves for all others.
    """
    matter = material(name)
    low, high = (math.log(edge) for edge in _KINETIC)
    fine = np.linspace(low, high, 64 * (_NODES - 1) + 1)
    loss = _relative_loss(matter, np.exp(fine))
    # The range of the least energy: T / loss, up to the factor for a loss falling like T^-0.8.
    start = _KINETIC[0] / loss[0] / 1.8
    slope = np.exp(fine) / loss  # dR / d ln T
    reach = start + _simpson(slope, fine[1] - fine[0])
    log_energy = fine[::2]
    log_range = np.log(reach)
    every = (len(log_energy) - 1) // (_NODES - 1)
    energies = log_energy[::every]
    forward = (log_range[::every], slope[::2][::every] / reach[::every])
    ranges = np.linspace(log_range[0], log_range[-1], _NODES)
    inverse = _invert(ranges, log_range, log_energy)
    back = np.exp(ranges) * _relative_loss(matter, np.exp(inverse)) / np.exp(inverse)
    steps = (float(energies[1] - energies[0]), float(ranges[1] - ranges[0]))
    return RangeCurve(
        first=(float(energies[0]), float(ranges[0])),
        step=steps,
        log_range=(forward[0], forward[1] * steps[0]),
        log_energy=(inverse, back * steps[1]),
    )


def momentum_after(
    momentum: Float[Array, "*event"], opacity: Float[Array, "*#event"], curve: RangeCurve | None = None
) -> Float[Array, "*event"]:
    """Momentum [GeV] of a muon after a path of given opacity; zero if it stops.

    E_out = E_in - [T(R) - T(R - opacity)], R the range of the muon: exact at opacity zero. With iron's curve
    the loss in other matter, from lead and uranium (low) to water (high), is right to 4 % at 1 GeV, 6 % at
    3 GeV, 10 % at 10 GeV and a third at 100 GeV, where it is a small part of the energy; give the material's
    own curve for homogeneous matter. Mean loss, up to 10 TeV. A muon below 1 MeV kinetic energy has stopped.
    The derivative is exact while the muon lives and 0 when it stops (the step itself, 15 MeV, has none).

    Args:
        momentum: p at the entrance [GeV].
        opacity: integral of `minimum_loss` over the path [GeV].
        curve: range-energy curve; iron's if none is given.
    """
    curve = range_curve() if curve is None else curve
    energy = jnp.sqrt(momentum**2 + muon.mass**2)
    kinetic = momentum**2 / (energy + muon.mass)
    moving = kinetic > _KINETIC[0]
    reach = curve.range(jnp.where(moving, kinetic, 1.0))
    left = reach - opacity
    alive = moving & (left > math.exp(curve.first[1]))
    safe_left = jnp.where(alive, left, reach)
    final = kinetic - (curve.kinetic(reach) - curve.kinetic(safe_left))
    final = jnp.where(alive & (final > 0.0), final, 1.0)
    return jnp.where(alive, jnp.sqrt(final * (final + 2.0 * muon.mass)), 0.0)


def _stopping_power(matter: Material, momentum: Any, particle: Particle, xp: ModuleType) -> Any:
    """The stopping power [GeV/m] with the array functions of NumPy or JAX."""
    loss = _ionisation(matter, momentum, particle, xp) + _radiation(matter, momentum, particle, xp)
    return _GEV_PER_M * matter.density * loss


def _ionisation(matter: Material, momentum: Any, particle: Particle, xp: ModuleType) -> Any:
    """Ionisation [MeV cm2/g]."""
    energy = xp.sqrt(momentum**2 + particle.mass**2)
    beta2 = (momentum / energy) ** 2
    boost = momentum / particle.mass  # beta gamma
    ratio = ELECTRON_MASS / particle.mass
    greatest = 2.0 * ELECTRON_MASS * boost**2 / (1.0 + 2.0 * energy / particle.mass * ratio + ratio**2)
    excitation = matter.excitation * 1e-9
    logarithm = 0.5 * xp.log(2.0 * ELECTRON_MASS * boost**2 * greatest / excitation**2)
    spin = (greatest / energy) ** 2 / 8.0
    bracket = logarithm - beta2 - 0.5 * _delta(matter.density_effect, boost, xp) + spin
    bethe = BETHE_K * particle.charge**2 * matter.Z_over_A / beta2 * bracket
    recoil = xp.log(1.0 + 2.0 * greatest / ELECTRON_MASS)
    radiative = (xp.log(2.0 * energy / particle.mass) - recoil / 3.0) * recoil**2
    return bethe + BETHE_K / (4.0 * math.pi) * matter.Z_over_A * FINE_STRUCTURE * radiative


def _delta(effect: DensityEffect, boost: Any, xp: ModuleType) -> Any:
    """The density effect delta; PDG 2024 eq. 34.7."""
    x = xp.log(boost) / math.log(10.0)
    asymptote = 2.0 * math.log(10.0) * x - effect.C
    bend = effect.a * xp.where(x < effect.x1, effect.x1 - x, 0.0) ** effect.k
    conductor = effect.delta0 * 10.0 ** (2.0 * (xp.where(x < effect.x0, x, effect.x0) - effect.x0))
    return xp.where(x < effect.x0, conductor, asymptote + bend)


def _radiation(matter: Material, momentum: Any, particle: Particle, xp: ModuleType) -> Any:
    """Radiation [MeV cm2/g]: b(E) E."""
    energy = xp.sqrt(momentum**2 + particle.mass**2)
    if particle != muon:
        return 0.0 * energy
    x = xp.log(xp.where(energy < 1e4, energy, 1e4) / 100.0) / math.log(10.0)
    b10, b100, b1000 = matter.radiative
    b = b100 + 0.5 * (b1000 - b10) * x + 0.5 * (b1000 - 2.0 * b100 + b10) * x**2
    return 1e3 * xp.where(b > 0.0, b, 0.0) * energy


@cache
def _minimum_loss(matter: Material) -> float:
    """The least ionisation over a fine grid of momenta [GeV/m]."""
    momentum = np.geomspace(0.1, 2.0, 4001)
    return float(np.min(_stopping_power(matter, momentum, muon, np)))


def _relative_loss(matter: Material, kinetic: np.ndarray) -> np.ndarray:
    """Loss relative to its minimum, per kinetic energy [GeV]."""
    momentum = np.sqrt(kinetic * (kinetic + 2.0 * muon.mass))
    return _stopping_power(matter, momentum, muon, np) / _minimum_loss(matter)


def _simpson(values: np.ndarray, step: float) -> np.ndarray:
    """The running integral on every second point, after Simpson."""
    pairs = step / 3.0 * (values[:-2:2] + 4.0 * values[1:-1:2] + values[2::2])
    return np.concatenate([[0.0], np.cumsum(pairs)])


def _invert(wanted: np.ndarray, values: np.ndarray, arguments: np.ndarray) -> np.ndarray:
    """The arguments at which an increasing tabulated function has the wanted values."""
    from scipy.interpolate import PchipInterpolator

    return np.asarray(PchipInterpolator(values, arguments)(wanted))


def _hermite(
    x: Float[Array, "*event"], first: float, step: float, values: np.ndarray, slopes: np.ndarray
) -> Float[Array, "*event"]:
    """Cubic Hermite interpolation on an even grid; a straight line beyond its ends."""
    place = (x - first) / step
    index = jnp.clip(jnp.floor(place).astype(int), 0, len(values) - 2)
    t = place - index
    inside = jnp.clip(t, 0.0, 1.0)
    beyond = t - inside
    table = jnp.asarray(np.stack([values[:-1], slopes[:-1], values[1:], slopes[1:]], axis=-1), x.dtype)[index]
    y0, d0, y1, d1 = (table[..., k] for k in range(4))
    s = 1.0 - inside
    curve = (1.0 + 2.0 * inside) * s**2 * y0 + inside * s**2 * d0
    curve += inside**2 * (1.0 + 2.0 * s) * y1 - inside**2 * s * d1
    return curve + beyond * jnp.where(t < 0.0, d0, d1)
