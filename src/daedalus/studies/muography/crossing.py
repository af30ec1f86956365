"""Crossing the rock: what comes through along each ray, and how it answers to void, densities and flux."""

from __future__ import annotations

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from daedalus.core import Derivative, Stage
from daedalus.events import Events
from daedalus.geometry.solids import Cone, Ellipsoid
from daedalus.geometry.terrain import Terrain
from daedalus.physics.opacity import csda_range
from daedalus.physics.transmission import Transmission
from daedalus.studies.muography.rays import Rays

Triple = tuple[Array, Array, Array]
_GAUSS = np.polynomial.legendre.leggauss(4)  # nodes and weights on (-1, 1)


class Muograph(eqx.Module):
    """What is expected along each ray, and its derivatives by what is unknown.

    Rows of the slopes: (1) goal "void": the intensity with the void less that without; goal "density": by ln(density)
    of the half to the left of the boundary; (2) by ln(density), of all rock or of the other half; (3) by ln(flux); (4)
    by the tilt t of a flux times (E_min / E_open)^t, where E_open is the least energy in the open sky: the sky measures
    (3), and only (3).
    """

    intensity: Float[Array, "telescope event"]  # without a void [m^-2 s^-1 sr^-1]
    slopes: Float[Array, "row telescope event"]  # [m^-2 s^-1 sr^-1]


class RockCrossing(Stage):
    """Straight rays through rock of one density: opacities, intensities behind them and their derivatives."""

    place: tuple[Float[Array, "telescope"], Float[Array, "telescope"], Float[Array, "telescope"]]  # x, y, z [m]
    surface: Cone | Terrain
    void: Ellipsoid | None  # None: two halves
    axis: tuple[float, float] = eqx.field(static=True)  # of the hill, x and y [m]
    strike: Float[Array, ""]  # of the boundary between the halves, through the axis, from east [rad]
    transmission: Transmission
    density: float = eqx.field(static=True)  # [g/cm3]
    contrast: float = eqx.field(static=True)  # of the void: its density over the rock's, less one [1]

    name: ClassVar[str] = "rock_crossing"
    derivative: ClassVar[Derivative] = Derivative.EXACT

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with what is expected along their rays."""
        sky = self._seen(events[Rays, "sky"], self._left_and_right if self.void is None else self._nothing)
        events = events.add(sky, "sky")
        return events if self.void is None else events.add(self._seen(events[Rays, "void"], self._void), "void")

    def expected(self, rays: Rays) -> Muograph:
        """What is expected along any rays, with the signal of the void or the slopes of the halves."""
        return self._seen(rays, self._left_and_right if self.void is None else self._void)

    def rock(self, rays: Rays) -> Float[Array, "telescope event"]:
        """Length of rays in rock, the void filled [m]."""
        along = lambda x, y, z, direction: self.surface.length(_spread(x, y, z, direction), direction)
        return jax.vmap(along)(*self.place, rays.direction)

    def _seen(self, rays: Rays, special: object) -> Muograph:
        """The muograph of rays, whose first two rows ``special`` makes."""

        def one(x: Array, y: Array, z: Array, direction: Triple) -> tuple[Array, Array]:
            position = _spread(x, y, z, direction)
            rock = self.surface.length(position, direction)
            opacity = self.density * rock
            intensity = self.transmission(opacity, direction[2])
            by_opacity = self.transmission.slope(opacity, direction[2])
            rows = special(position, direction, (rock, intensity, by_opacity))  # pyright: ignore[reportCallIssue]
            energy = self.transmission.least_energy(jnp.stack([opacity, 0.0 * opacity]))
            tilt = intensity * jnp.log(energy[0] / energy[1])
            return intensity, jnp.stack([*rows, intensity, tilt])

        return Muograph(*jax.vmap(one, out_axes=(0, 1))(*self.place, rays.direction))

    def _nothing(self, position: Triple, direction: Triple, seen: Triple) -> tuple[Array, Array]:
        """No signal, and the derivative by ln(density)."""
        rock, _, by_opacity = seen
        return 0.0 * rock, self.density * rock * by_opacity

    def _void(self, position: Triple, direction: Triple, seen: Triple) -> tuple[Array, Array]:
        """The signal of the void, and the derivative by ln(density)."""
        rock, _, by_opacity = seen
        assert self.void is not None
        body = jnp.minimum(self.void.chord(position, direction), rock)
        return self._signal(self.density * rock, self.contrast * self.density * body, direction[2]), (
            self.density * rock * by_opacity
        )

    def _signal(self, opacity: Array, change: Array, cosine: Array) -> Array:
        """Intensity behind an opacity with a change less that without it [m^-2 s^-1 sr^-1].

        The integral of the derivative by ln(opacity + range of the threshold), a smooth function, with Gauss's four
        nodes: the difference itself would lose most of its digits in float32.
        """
        t = self.transmission
        rest = csda_range(jnp.asarray(t.threshold, opacity.dtype), t.matter)
        half = 0.5 * jnp.log1p(change / (opacity + rest))
        nodes, weights = (jnp.asarray(each, opacity.dtype)[:, None] for each in _GAUSS)
        reach = (opacity + rest) * jnp.exp(half * (1.0 + nodes))
        slope = t.slope(reach - rest, jnp.broadcast_to(cosine, reach.shape))
        return half * jnp.sum(weights * reach * slope, 0)

    def _left_and_right(self, position: Triple, direction: Triple, seen: Triple) -> tuple[Array, Array]:
        """The derivatives by ln(density) to the left of the boundary, and to its right."""
        rock, _, by_opacity = seen
        across = lambda x, y: y * jnp.cos(self.strike) - x * jnp.sin(self.strike)
        offset = across(position[0] - self.axis[0], position[1] - self.axis[1])
        drift = across(direction[0], direction[1])
        safe = jnp.where(jnp.abs(drift) < 1e-6, jnp.where(drift < 0.0, -1e-6, 1e-6), drift)
        before = self.surface.length(position, direction, jnp.maximum(-offset / safe, 0.0))
        ends = jnp.where(offset * safe < 0.0, before, rock)  # rays that leave the boundary behind stay on their side
        left = jnp.where(offset > 0.0, ends, rock - ends)
        return self.density * left * by_opacity, self.density * (rock - left) * by_opacity


def _spread(x: Array, y: Array, z: Array, direction: Triple) -> Triple:
    """A place repeated for every ray."""
    like = jnp.ones_like(direction[0])
    return x * like, y * like, z * like
