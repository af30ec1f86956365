"""Apertures: through what the muons of a sample pass, hence where they start and at what rate they come.

Intensities do not depend on azimuth here, so an aperture is known to the flux by one function: its area
perpendicular to the direction, averaged over azimuth. Given a zenith angle, it places the muon.
"""

import abc
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from daedalus.errors import StageError

Pair = tuple[float, float]
Triple = tuple[float, float, float]


class Start(eqx.Module):
    """Where muons start and where they go."""

    x: Float[Array, "event"]  # [m]
    y: Float[Array, "event"]  # [m]
    z: Float[Array, "event"]  # [m]
    ux: Float[Array, "event"]  # direction cosine [1]
    uy: Float[Array, "event"]  # direction cosine [1]
    uz: Float[Array, "event"]  # direction cosine, negative [1]


class Aperture(eqx.Module):
    """What the muons of a sample pass through."""

    draws: ClassVar[int]  # uniform numbers needed to place a muon
    exact: ClassVar[bool]  # True: every placed muon is accepted

    @abc.abstractmethod
    def proposed_area(self, zenith: Float[np.ndarray, "bin"]) -> Float[np.ndarray, "bin"]:
        """Area [m2] perpendicular to the direction, averaged over azimuth, of what ``place`` draws from."""

    @abc.abstractmethod
    def accepted_area(self, zenith: Float[np.ndarray, "bin"]) -> Float[np.ndarray, "bin"]:
        """Area [m2] perpendicular to the direction, averaged over azimuth, that passes, by zenith [rad]."""

    @abc.abstractmethod
    def place(self, versine: Float[Array, "event"], uniforms: Float[Array, "draw event"]) -> Start:
        """Starting points and directions for muons with a versine 1 - cos(theta) [1]."""

    @abc.abstractmethod
    def accepts(self, start: Start) -> Bool[Array, "event"]:
        """True where a placed muon passes the aperture."""


class HorizontalWindow(Aperture):
    """A horizontal rectangle: the rate through it goes as flux x cos(theta); muons start on it.

    Args:
        x: least and largest x [m].
        y: least and largest y [m].
        z: height [m].
    """

    x: Pair
    y: Pair
    z: float
    draws: ClassVar[int] = 3
    exact: ClassVar[bool] = True

    def __check_init__(self) -> None:
        _need_ordered("HorizontalWindow", x=self.x, y=self.y)

    def proposed_area(self, zenith: Float[np.ndarray, "bin"]) -> Float[np.ndarray, "bin"]:
        """The rectangle's area [m2] perpendicular to the direction, times cos(theta), by zenith [rad]."""
        return np.cos(zenith) * (self.x[1] - self.x[0]) * (self.y[1] - self.y[0])

    def accepted_area(self, zenith: Float[np.ndarray, "bin"]) -> Float[np.ndarray, "bin"]:
        """The proposed area [m2]: every muon passes."""
        return self.proposed_area(zenith)

    def place(self, versine: Float[Array, "event"], uniforms: Float[Array, "draw event"]) -> Start:
        """Uniform points of the rectangle and a uniform azimuth, for versines [1]."""
        across, along, turn = uniforms
        cosine, sine = _circle(turn)
        transverse = _sine(versine)
        x, y = _scale(across, self.x), _scale(along, self.y)
        return Start(x, y, jnp.full_like(x, self.z), transverse * cosine, transverse * sine, versine - 1.0)

    def accepts(self, start: Start) -> Bool[Array, "event"]:
        """True everywhere."""
        return jnp.ones(start.x.shape, bool)


class ThroughBox(Aperture):
    """Every muon crosses a box; it starts on its line where that meets the plane at ``start_z`` above the
    box.

    Rate through the top face: area x integral of Phi cos(theta) dOmega; through each vertical face: area x
    integral of Phi sin(theta) |cos(phi)| dOmega over the inward half. Given theta the face is drawn in
    proportion to pi A_top cos(theta) : A_side sin(theta), the point on it uniformly, the azimuth uniformly
    on top and with sin(phi) uniform about the inward normal on a side.

    Args:
        lower: lower corner of the box [m].
        upper: upper corner of the box [m].
        start_z: height of the plane on which the muons start, not below the box [m].
    """

    lower: Triple
    upper: Triple
    start_z: float
    draws: ClassVar[int] = 4
    exact: ClassVar[bool] = True

    def __check_init__(self) -> None:
        _need_ordered("ThroughBox", **dict(zip("xyz", zip(self.lower, self.upper, strict=True), strict=True)))
        if not self.start_z >= self.upper[2]:
            raise StageError(
                f"ThroughBox starts muons at z = {self.start_z} m, below the box's top at {self.upper[2]} m; "
                "choose start_z at or above the top."
            )

    def _faces(self) -> tuple[float, float, float]:
        """Areas [m2] of the top face, of one face of constant x and of one of constant y."""
        dx, dy, dz = (high - low for low, high in zip(self.lower, self.upper, strict=True))
        return dx * dy, dy * dz, dx * dz

    def proposed_area(self, zenith: Float[np.ndarray, "bin"]) -> Float[np.ndarray, "bin"]:
        """A_top cos(theta) + sin(theta) A_sides / pi [m2], averaged over azimuth, by zenith [rad]."""
        top, side_x, side_y = self._faces()
        return top * np.cos(zenith) + 2.0 * (side_x + side_y) * np.sin(zenith) / np.pi

    def accepted_area(self, zenith: Float[np.ndarray, "bin"]) -> Float[np.ndarray, "bin"]:
        """The proposed area [m2]: every muon passes."""
        return self.proposed_area(zenith)

    def place(self, versine: Float[Array, "event"], uniforms: Float[Array, "draw event"]) -> Start:
        """Entry points by face, moved back along the line to the starting plane, for versines [1]."""
        choice, across, along, turn = uniforms
        top, side_x, side_y = self._faces()
        cosine, sine = 1.0 - versine, _sine(versine)
        weight_top, weight_x, weight_y = np.pi * top * cosine, 2.0 * side_x * sine, 2.0 * side_y * sine
        chosen = choice * (weight_top + weight_x + weight_y)
        on_top, on_x = chosen < weight_top, chosen < weight_top + weight_x
        middle = jnp.where(on_x, weight_top + 0.5 * weight_x, weight_top + weight_x + 0.5 * weight_y)
        inward = jnp.where(chosen < middle, 1.0, -1.0)  # along +x or +y when entering through the lower face

        tangent = 2.0 * turn - 1.0
        normal = inward * jnp.sqrt(1.0 - tangent**2)
        round_x, round_y = _circle(turn)
        ux = sine * jnp.where(on_top, round_x, jnp.where(on_x, normal, tangent))
        uy = sine * jnp.where(on_top, round_y, jnp.where(on_x, tangent, normal))
        entry = 0.5 - 0.5 * inward  # 0 on the lower face, 1 on the upper
        x = _scale(jnp.where(on_x & ~on_top, entry, across), (self.lower[0], self.upper[0]))
        y = _scale(jnp.where(on_x, jnp.where(on_top, along, across), entry), (self.lower[1], self.upper[1]))
        z = _scale(jnp.where(on_top, 1.0, along), (self.lower[2], self.upper[2]))
        back = (self.start_z - z) / cosine
        return Start(x - back * ux, y - back * uy, jnp.full_like(x, self.start_z), ux, uy, -cosine)

    def accepts(self, start: Start) -> Bool[Array, "event"]:
        """True everywhere."""
        return jnp.ones(start.x.shape, bool)


class WindowAndBox(Aperture):
    """Muons that start inside a horizontal window *and* cross a box below it.

    The convention of codes that draw positions in a window and repeat until the straight line meets the
    volume. Drawn from the muons that cross the box, repeated until the start lies in the window: the same
    distribution.

    Args:
        window: where the muons start; at or above the top of the box.
        lower: lower corner of the box [m].
        upper: upper corner of the box [m].
    """

    window: HorizontalWindow
    box: ThroughBox
    draws: ClassVar[int] = 4
    exact: ClassVar[bool] = False

    def __init__(self, window: HorizontalWindow, lower: Triple, upper: Triple) -> None:
        self.window = window
        self.box = ThroughBox(lower, upper, window.z)

    def proposed_area(self, zenith: Float[np.ndarray, "bin"]) -> Float[np.ndarray, "bin"]:
        """The box's area [m2] perpendicular to the direction, averaged over azimuth, by zenith [rad]."""
        return self.box.proposed_area(zenith)

    def accepted_area(self, zenith: Float[np.ndarray, "bin"]) -> Float[np.ndarray, "bin"]:
        """Area [m2] perpendicular to the direction of the lines through window and box, averaged over
        azimuth.

        Seen along its direction, the box casts a convex shadow on the window's plane; the part inside the
        window is integrated strip by strip in x, where a strip's ends in y are those of the footprint
        shifted to and fro.
        """
        azimuth = ((np.arange(_AZIMUTHS) + 0.5) * 2.0 * np.pi / _AZIMUTHS)[:, None]
        reach = [np.tan(zenith) * (self.window.z - z) for z in (self.box.upper[2], self.box.lower[2])]
        shadows = [self._shadow(azimuth, near, far).mean() for near, far in zip(*reach, strict=True)]
        return np.cos(zenith) * np.array(shadows)

    def _shadow(self, azimuth: Float[np.ndarray, "turn 1"], near: float, far: float) -> Float[np.ndarray, "turn"]:
        """Area [m2] of the shadow within the window, by azimuth [rad], for shifts from near to far [m]."""
        (x0, y0, _), (x1, y1, _), window = self.box.lower, self.box.upper, self.window
        cosine, sine = np.cos(azimuth), np.sin(azimuth)
        left = np.maximum(x0 - np.maximum(near * cosine, far * cosine), window.x[0])
        right = np.minimum(x1 - np.minimum(near * cosine, far * cosine), window.x[1])
        x = left + (np.arange(_STRIPS) + 0.5) / _STRIPS * (right - left)
        ends = [(face - x) / cosine for face in (x0, x1)]
        first, last = np.maximum(np.minimum(*ends), near), np.minimum(np.maximum(*ends), far)
        low = np.maximum(y0 - np.maximum(first * sine, last * sine), window.y[0])
        high = np.minimum(y1 - np.minimum(first * sine, last * sine), window.y[1])
        return np.maximum(high - low, 0.0).mean(axis=1) * np.maximum(right - left, 0.0)[:, 0]

    def place(self, versine: Float[Array, "event"], uniforms: Float[Array, "draw event"]) -> Start:
        """Starts of muons that cross the box, inside the window or not, for versines [1]."""
        return self.box.place(versine, uniforms)

    def accepts(self, start: Start) -> Bool[Array, "event"]:
        """True where the muon starts inside the window."""
        inside_x = (start.x >= self.window.x[0]) & (start.x <= self.window.x[1])
        return inside_x & (start.y >= self.window.y[0]) & (start.y <= self.window.y[1])


_AZIMUTHS = 128  # directions of the shadow's average over azimuth
_STRIPS = 128  # strips of the window


def _sine(versine: Float[Array, "event"]) -> Float[Array, "event"]:
    """sin(theta) from 1 - cos(theta), without cancellation."""
    return jnp.sqrt(versine * (2.0 - versine))


def _circle(turn: Float[Array, "event"]) -> tuple[Float[Array, "event"], Float[Array, "event"]]:
    """Cosine and sine of a fraction of a turn."""
    angle = 2.0 * np.pi * turn
    return jnp.cos(angle), jnp.sin(angle)


def _scale(fraction: Float[Array, "event"], interval: Pair) -> Float[Array, "event"]:
    """Positions [m] from fractions of an interval."""
    return interval[0] + fraction * (interval[1] - interval[0])


def _need_ordered(what: str, **intervals: Pair) -> None:
    """Raises a StageError where an interval is empty or not finite."""
    for axis, (low, high) in intervals.items():
        if not (np.isfinite(low) and np.isfinite(high) and low < high):
            raise StageError(
                f"{what}: the {axis} range from {low} to {high} m is empty or not finite; "
                "give the lower bound first and a larger upper one."
            )
