"""Rays: the directions a telescope sees, drawn over its field of view and, densely, over the void."""

from __future__ import annotations

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, UInt32

from daedalus.core import Derivative, Stage
from daedalus.detectors.acceptance import PlaneTelescope
from daedalus.events import Events, threefry_words
from daedalus.events.streams import key_words, unit_interval
from daedalus.geometry.solids import Ellipsoid

HORIZON = 0.035  # sine of the elevation (2 deg) below which far ground begins to hide the sky, assumed [1]
_STEPS = (0xC13FA9A9, 0x91E10DA5)  # 2^32 over the plastic number and over its square: M. Roberts' sequence R2

Vector = tuple[Float[Array, "telescope event"], Float[Array, "telescope event"], Float[Array, "telescope event"]]


class Rays(eqx.Module):
    """Directions in which the telescopes look, one per event and telescope."""

    ux: Float[Array, "telescope event"]  # direction cosines, against the muons [1]
    uy: Float[Array, "telescope event"]
    uz: Float[Array, "telescope event"]
    measure: Float[Array, "telescope event"]  # area times solid angle per event, efficiency included [m2 sr]

    @property
    def direction(self) -> Vector:
        """The three direction cosines [1]."""
        return self.ux, self.uy, self.uz


class SkyRays(Stage):
    """The source: directions in the fields of view, and as many again towards a spherical void.

    The first, labelled "sky", are drawn by the overlap of a telescope's planes and weighted to solid angle; the second,
    "void", are drawn uniformly in the solid angle the sphere fills and weighted with the telescope's area there. So
    what depends on the void is summed over rays that all pass it. Numbers of one event are the points of a plane
    lattice, the additive recurrence R2, shifted at random for each telescope: means are unbiased over keys, their
    errors fall faster than with independent numbers. Towards the horizon the weight goes to zero smoothly (3 s^2 - 2
    s^3, s the sine of the elevation over HORIZON), so that pointings have exact derivatives.
    """

    place: tuple[Float[Array, "telescope"], Float[Array, "telescope"], Float[Array, "telescope"]]  # x, y, z [m]
    azimuth: Float[Array, "telescope"]  # of the pointings, anticlockwise from east [rad]
    elevation: Float[Array, "telescope"]  # of the pointings [rad]
    tracker: PlaneTelescope
    void: Ellipsoid | None  # a sphere that holds no telescope

    name: ClassVar[str] = "sky_rays"
    derivative: ClassVar[Derivative] = Derivative.EXACT

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with one direction per telescope each, or two."""
        numbers = _lattice(key, events.index, len(self.azimuth))
        forward, left, up = self._frame()
        tx, ty = self.tracker.slopes(numbers[0]), self.tracker.slopes(numbers[1])
        long = jnp.sqrt(1.0 + tx**2 + ty**2)
        direction = tuple((f + tx * h + ty * v) / long for f, h, v in zip(forward, left, up, strict=True))
        events = events.add(_rays(direction, self.tracker.measure(tx, ty)), "sky")
        if self.void is None:
            return events
        direction, solid_angle = self._towards(self.void, numbers[2], numbers[3])
        along, tx, ty = (sum(a * b for a, b in zip(axis, direction, strict=True)) for axis in (forward, left, up))
        ahead = along > 1e-3
        along = jnp.where(ahead, along, 1.0)
        area = jnp.where(ahead, self.tracker.area(tx / along, ty / along), 0.0)
        return events.add(_rays(direction, area * solid_angle), "void")

    def _frame(self) -> tuple[tuple[Array, Array, Array], ...]:
        """Unit vectors of the telescopes as columns: along the axis, to the left, up."""
        (east, north), (flat, up) = _turn(self.azimuth), _turn(self.elevation)
        zero = jnp.zeros_like(up)
        return (east * flat, north * flat, up), (-north, east, zero), (-east * up, -north * up, flat)

    def _towards(self, void: Ellipsoid, u: Array, v: Array) -> tuple[Vector, Float[Array, "telescope 1"]]:
        """Directions uniform in the cone that touches a sphere, and its solid angle [sr]."""
        to = [(c - p)[:, None] for c, p in zip(void.centre, self.place, strict=True)]
        flat2 = to[0] ** 2 + to[1] ** 2
        distance2 = flat2 + to[2] ** 2
        sine2 = void.half_axes[0] ** 2 / distance2
        opening = sine2 / (1.0 + jnp.sqrt(1.0 - sine2))  # 1 - cos, without cancellation
        versine = u * opening
        sine, turn = jnp.sqrt(versine * (2.0 - versine)), 2.0 * jnp.pi * v
        flat, distance = jnp.sqrt(flat2), jnp.sqrt(distance2)
        axis = [t / distance for t in to]
        left = (-to[1] / flat, to[0] / flat, jnp.zeros_like(flat))
        up = (-axis[2] * to[0] / flat, -axis[2] * to[1] / flat, flat / distance)
        a, b = sine * jnp.cos(turn), sine * jnp.sin(turn)
        x, y, z = ((1.0 - versine) * n + a * h + b * w for n, h, w in zip(axis, left, up, strict=True))
        return (x, y, z), 2.0 * jnp.pi * opening


def _rays(direction: tuple[Array, ...], measure: Array) -> Rays:
    """Rays whose measure fades towards the horizon."""
    ux, uy, uz = direction
    s = jnp.clip(uz / HORIZON, 0.0, 1.0)
    return Rays(ux, uy, uz, measure * s**2 * (3.0 - 2.0 * s))


def _lattice(key: Key[Array, ""], index: UInt32[Array, "event"], telescopes: int) -> Float[Array, "4 telescope event"]:
    """Four numbers in (0, 1) per event and telescope: two plane lattices, shifted at random."""
    which = jnp.arange(telescopes, dtype=jnp.uint32)
    pairs = [threefry_words(key_words(key), which, jnp.full_like(which, draw)) for draw in (0, 1)]
    steps = [jnp.uint32(step) * index for step in _STEPS]
    words = [shift[:, None] + step for pair in pairs for shift, step in zip(pair, steps, strict=True)]
    return unit_interval(jnp.stack(words))


def _turn(angle: Float[Array, "telescope"]) -> tuple[Float[Array, "telescope 1"], Float[Array, "telescope 1"]]:
    """Cosine and sine of an angle, as columns."""
    return jnp.cos(angle)[:, None], jnp.sin(angle)[:, None]
