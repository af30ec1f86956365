"""Shower estimates: what an array knows of every shower, measured or expected."""

from __future__ import annotations

import equinox as eqx
from jaxtyping import Array, Float


class ShowerEstimates(eqx.Module):
    """What is known of every shower, or of one: how gamma-like it is, the errors of its energy and its direction."""

    detected: Float[Array, "*event"]  # probability of a trigger [1]
    statistic: Float[Array, "*event"]  # ln L(gamma) - ln L(proton), measured, or its expectation [1]
    spread: Float[Array, "*event"]  # standard deviation of the statistic [1]
    log_energy_error: Float[Array, "*event"]  # standard deviation of ln(energy) [1]
    pointing_error: Float[Array, "*event"]  # root mean square angle between estimated and true direction [rad]
    sound: Float[Array, "*event"]  # 1 where the fits converged, else 0: what is not sound counts as not detected [1]
