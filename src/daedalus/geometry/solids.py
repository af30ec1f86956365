"""Simple bodies, and how far straight rays run in them: upright cones for hills, ellipsoids for voids and lodes."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

Number = Float[Array, ""] | float
Triple = tuple[Float[Array, "event"], Float[Array, "event"], Float[Array, "event"]]
_NOTHING = 1e-30  # stands for a square that is zero or negative, so that its root has a derivative
_FLAT = 1e-9  # of a coefficient or a direction cosine that is taken for zero [1]


class Ellipsoid(eqx.Module):
    """An ellipsoid with axes along x, y and z; a sphere if its half-axes are equal.

    A grazing ray's chord starts like a root, whose derivative has no bound. With a softening s the root of h = 1 - d^2
    (d the ray's least distance, in half-axes) becomes h / sqrt(h + s^2): at most 2 / s of slope, 0.02 % too short in
    the middle at s = 0.02.
    """

    centre: tuple[Number, Number, Number]  # [m]
    half_axes: tuple[Number, Number, Number]  # [m]
    softening: float = eqx.field(static=True, default=0.02)  # s, 0 for the sharp body [1]

    def chord(self, position: Triple, direction: Triple) -> Float[Array, "event"]:
        """Length [m] of rays in the body, ahead of their starting points; the body must not hold these.

        2 sqrt(h / A), A = sum of (u / half-axis)^2: closed form. A ray that misses has length and derivative zero; for
        others the derivative is exact.

        Args:
            position: where the rays start [m].
            direction: direction cosines [1].
        """
        offset = [(p - c) / a for p, c, a in zip(position, self.centre, self.half_axes, strict=True)]
        slope = [u / a for u, a in zip(direction, self.half_axes, strict=True)]
        A = sum(u * u for u in slope)
        ahead = -sum(p * u for p, u in zip(offset, slope, strict=True)) / A
        h = 1.0 - sum((p + ahead * u) ** 2 for p, u in zip(offset, slope, strict=True))
        hit = (h > 0.0) & (ahead > 0.0)
        safe = jnp.where(hit, h, 1.0)
        return jnp.where(hit, 2.0 * safe / jnp.sqrt((safe + self.softening**2) * A), 0.0)


class Cone(eqx.Module):
    """An upright cone on flat ground that stretches to all sides: z <= base + height (1 - r / radius)."""

    centre: tuple[Number, Number]  # x and y of the axis [m]
    base: Number  # height of the ground [m]
    height: Number  # of the summit above the ground [m]
    radius: Number  # of the foot [m]
    softening: float = eqx.field(static=True, default=1e-3)  # rounds off chords shorter than this share of the foot [1]

    @property
    def summit(self) -> tuple[Number, Number, Number]:
        """The summit [m]."""
        return (*self.centre, self.base + self.height)

    def elevation(self, x: Float[Array, "*event"], y: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """Height of the surface [m] at places x, y [m]."""
        return self.base + self.height * jnp.maximum(1.0 - self._distance(x, y) / self.radius, 0.0)

    def slope(self, x: Float[Array, "*event"], y: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """Tangent of the steepest slope of the surface [1] at places x, y [m]."""
        return jnp.where(self._distance(x, y) < self.radius, self.height / self.radius, 0.0)

    def length(
        self, position: Triple, direction: Triple, far: Float[Array, "event"] | None = None
    ) -> Float[Array, "event"]:
        """Length [m] of rays in the cone, ahead of their starting points and above the ground: closed form.

        The cone is convex, so a ray is inside between two roots of a quadratic, which are found without
        cancellation. Grazing rays are softened as in `Ellipsoid`; elsewhere the derivative is exact.

        Args:
            position: where the rays start [m].
            direction: direction cosines [1].
            far: count the length up to this distance only [m].
        """
        enter, leave = self._crossing(position, direction)
        leave = leave if far is None else jnp.minimum(leave, far)
        return jnp.maximum(leave - jnp.maximum(enter, 0.0), 0.0)

    def _crossing(self, position: Triple, direction: Triple) -> tuple[Float[Array, "event"], Float[Array, "event"]]:
        """Distances [m] at which rays enter and leave; equal for those that miss."""
        (x, y, z), (ux, uy, uz), k = position, direction, self.radius / self.height
        x, y, below = x - self.centre[0], y - self.centre[1], self.base + self.height - z
        a = ux**2 + uy**2 - (k * uz) ** 2
        b = x * ux + y * uy + k**2 * below * uz
        c = x**2 + y**2 - (k * below) ** 2
        a = jnp.where(jnp.abs(a) < _FLAT, jnp.where(a < 0.0, -_FLAT, _FLAT), a)
        discriminant = b**2 - a * c
        steep = a < 0.0  # steeper than the flank: inside up to the first root going up, from the last going down
        hit = steep | (discriminant > 0.0)  # a steep ray's two roots coincide at the summit
        safe = jnp.where(discriminant > 0.0, discriminant, _NOTHING)
        q = -(b + jnp.where(b < 0.0, -1.0, 1.0) * safe / jnp.sqrt(safe + (self.softening * self.radius) ** 2))
        q = jnp.where(jnp.abs(q) < _FLAT, _FLAT, q)
        one, other = q / a, c / q
        first, last = jnp.minimum(one, other), jnp.maximum(one, other)
        up = uz > 0.0
        hit = hit & (steep | (below - 0.5 * (first + last) * uz > 0.0))  # the cone, not its mirror image above
        enter = jnp.where(steep & up, -jnp.inf, jnp.where(steep, last, first))
        leave = jnp.where(steep & ~up, jnp.inf, jnp.where(steep, first, last))
        level = jnp.where(jnp.abs(uz) < _FLAT, jnp.where(up, _FLAT, -_FLAT), uz)
        ground = (self.base - z) / level
        enter = jnp.where(up, jnp.maximum(enter, ground), enter)
        leave = jnp.where(up, leave, jnp.minimum(leave, ground))
        return jnp.where(hit, enter, 0.0), jnp.where(hit, leave, 0.0)

    def _distance(self, x: Float[Array, "*event"], y: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """Distance from the axis [m], with a derivative on it too."""
        return jnp.sqrt((x - self.centre[0]) ** 2 + (y - self.centre[1]) ** 2 + 1e-12)
