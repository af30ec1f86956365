"""Stations: units of a ground array, all alike, at places on level ground."""

from __future__ import annotations

import math

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from daedalus.physics.air_showers import Primary, ShowerModel
from daedalus.physics.shower_signals import expected_counts
from daedalus.units import m, ns

TANK_RADIUS = 1.91 * m  # of SWGO's tanks in the public optimisation code (T. Dorigo, SWGOLO, version 148)
TANKS = 19  # of a unit there: a hexagon three tanks wide along each side
WINDOW = 128.0 * ns  # during which a unit counts (ibidem)
BACKGROUND = (200e-9 / (m**2 * ns), 1826e-9 / (m**2 * ns))  # electrons (a guess) and muons (ibidem)
TIME_RESOLUTION = 10.0 * ns  # of a unit's mean arrival time (ibidem)


class Stations(eqx.Module):
    """Where units stand, and how each of them counts and times electrons and muons."""

    places: Float[Array, "unit 2"]  # [m]
    area: float = eqx.field(static=True, default=TANKS * math.pi * TANK_RADIUS**2)  # of a unit [m2]
    tanks: int = eqx.field(static=True, default=TANKS)  # of a unit [1]
    background: tuple[float, float] = eqx.field(static=True, default=BACKGROUND)  # electrons, muons [1 / m2 / ns]
    window: float = eqx.field(static=True, default=WINDOW)  # [ns]
    time_resolution: float = eqx.field(static=True, default=TIME_RESOLUTION)  # standard deviation [ns]

    @property
    def time_window(self) -> float:
        """The window in time resolutions [1]."""
        return self.window / self.time_resolution

    @property
    def background_counts(self) -> Float[np.ndarray, "secondary"]:
        """What a unit counts of either secondary without a shower [1]."""
        return self.area * self.window * np.asarray(self.background)

    def expected(
        self, shower: Float[Array, "param"], model: ShowerModel, primary: Primary | None = None
    ) -> Float[Array, "*primary secondary unit"]:
        """The expected counts of every unit under either primary, or under one [1]; see `expected_counts`.

        Args:
            shower: the parameters of `daedalus.physics.shower_signals`.
            model: lateral profiles.
            primary: the only one; both by default.
        """
        background = jnp.asarray(self.background_counts, shower.dtype)
        return expected_counts(shower, self.places, model, self.area, background, primary=primary)


def stations_of_tanks(places: Float[Array, "unit 2"], tanks: int = TANKS, radius: float = TANK_RADIUS) -> Stations:
    """Units of so many tanks each.

    Args:
        places: of the units [m].
        tanks: per unit [1].
        radius: of a tank [m].
    """
    return Stations(places, area=tanks * math.pi * radius**2, tanks=tanks)
