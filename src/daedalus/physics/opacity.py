"""Opacity: matter in the way of a muon, and the least energy with which it comes out at the other side.

The house unit of opacity is density times length, (g/cm3) m: one metre water equivalent, 100 g/cm2. All laws are the
continuous-slowing-down approximation (CSDA) with mean losses: no straggling. Behind 2 km water equivalent, where single
large losses matter, more muons arrive than CSDA says (`validation/muography.py` has the numbers).
"""

from __future__ import annotations

from functools import cache

import jax.numpy as jnp
from jaxtyping import Array, Float

from daedalus.physics.constants import MUON_MASS
from daedalus.physics.energy_loss import minimum_loss, range_curve
from daedalus.physics.materials import material

LEAST_KINETIC = 1.0e-3  # GeV; a muon with less has stopped: the range curves begin here


def csda_range(kinetic: Float[Array, "*event"], matter: str = "standard rock") -> Float[Array, "*event"]:
    """Range of muons in a material [(g/cm3) m = m.w.e.] in the continuous-slowing-down approximation.

    The integral of dT over the mean loss, `daedalus.physics.energy_loss.range_curve` of the material itself: smooth in
    the logarithms, the derivative exact. From 0.1 GeV to 1 TeV within 0.6 % of the PUMAS tables (Niess 2022) for
    standard rock, water, iron and lead, and for standard rock within 0.1 % of Groom, Mokhov & Striganov (2001) up to
    100 GeV.

    Args:
        kinetic: kinetic energy [GeV], 1 MeV to 10 TeV; power laws beyond.
        matter: name of a material of the table.
    """
    return range_curve(matter).range(kinetic) / _loss_per_opacity(matter)


def minimum_energy(
    opacity: Float[Array, "*event"], matter: str = "standard rock", threshold: float = LEAST_KINETIC
) -> Float[Array, "*event"]:
    """Least total energy [GeV] with which a muon crosses an opacity and keeps the kinetic energy of a threshold.

    E_min = T(R(threshold) + X) + m, T the inverse of the range R of `csda_range`; at X = 0 it is threshold + m. Closed
    form for a loss a + b E (not used): (a/b + threshold) exp(b X) - a/b. The derivative is exact: the stopping power at
    E_min.

    Args:
        opacity: X [(g/cm3) m = m.w.e.], not negative.
        matter: name of the material of the table whose losses count; opacities of other rock are close to its own.
        threshold: kinetic energy that must be left [GeV], at least 1 MeV.
    """
    curve, loss = range_curve(matter), _loss_per_opacity(matter)
    rest = curve.range(jnp.asarray(threshold, opacity.dtype))
    return curve.kinetic(rest + loss * opacity) + MUON_MASS


@cache
def _loss_per_opacity(matter: str) -> float:
    """Loss of a minimum-ionising muon per opacity [GeV / ((g/cm3) m)]."""
    chosen = material(matter)
    return minimum_loss(chosen) / chosen.density
