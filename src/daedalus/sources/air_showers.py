"""Air showers: gamma rays and protons in turn, from all directions, with cores all over a disc."""

from __future__ import annotations

import math
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Key

from daedalus.core import Derivative, Stage
from daedalus.events import Events, Showers, quasi_uniforms
from daedalus.physics.air_showers import PRIMARIES
from daedalus.units import GeV, deg, km


class AirShowers(Stage):
    """Pairs of showers with common energy, direction and core: the first a gamma ray's, the second a proton's.

    Energies follow a power law between two bounds, zenith angles the density sin(zenith) of an isotropic flux up to a
    largest one; cores are even over a disc. Numbers are quasi-random (scrambled), those of a pair common: differences
    between the primaries are then those of their showers. Independent of any design.
    """

    energies: tuple[float, float] = eqx.field(static=True, default=(1e5 * GeV, 1e7 * GeV))
    index: float = eqx.field(static=True, default=0.0)  # density of energies ~ E^-index; 0: flat [1]
    zenith: float = eqx.field(static=True, default=65.0 * deg)  # the largest [rad]
    centre: tuple[float, float] = eqx.field(static=True, default=(0.0, 0.0))  # of the disc of cores [m]
    radius: float = eqx.field(static=True, default=2.0 * km)  # of the disc [m]
    flat_cosine: bool = eqx.field(static=True, default=False)  # sin(zenith) even instead, as the published code has it

    name: ClassVar[str] = "air_showers"
    derivative: ClassVar[Derivative] = Derivative.EXACT

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with one shower each."""
        pair, primary = events.index // len(PRIMARIES), (events.index % len(PRIMARIES)).astype(jnp.int32)
        share, tilt, turn, apart, around = quasi_uniforms(key, pair, 5)
        if self.flat_cosine:
            sine = tilt * math.sin(self.zenith)
        else:
            cosine = 1.0 - tilt * (1.0 - math.cos(self.zenith))
            sine = jnp.sqrt(1.0 - cosine**2)
        distance, azimuth = self.radius * jnp.sqrt(apart), 2.0 * jnp.pi * around
        x = self.centre[0] + distance * jnp.cos(azimuth)
        y = self.centre[1] + distance * jnp.sin(azimuth)
        direction = 2.0 * jnp.pi * turn
        return events.add(
            Showers(primary, self._energy(share), x, y, sine * jnp.cos(direction), sine * jnp.sin(direction))
        )

    def _energy(self, share: Array) -> Array:
        """The energy below which a share of the showers lies [GeV]."""
        low, high = self.energies
        power = 1.0 - self.index
        if abs(power) < 1e-6:
            return low * (high / low) ** share
        return low * (1.0 + share * ((high / low) ** power - 1.0)) ** (1.0 / power)

    @property
    def exposed_area(self) -> float:
        """The area of the disc of cores [m2]."""
        return math.pi * self.radius**2
