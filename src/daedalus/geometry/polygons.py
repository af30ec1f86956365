"""Polygons and discs in the plane: how far outside of them points lie, and the nearest points within."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from daedalus.errors import StageError

Flat = Array | np.ndarray  # of JAX or of NumPy
REPEATED = 1e-6  # of a polygon's extent: corners nearer than this are one corner twice [1]
_PARALLEL = 1e-12  # sine of an angle that is taken for zero [1]


class Polygon(eqx.Module):
    """A simple polygon, convex or not; `polygon` makes one of checked corners."""

    vertices: Float[Flat, "vertex 2"]  # [m]; anticlockwise, the last is joined to the first

    @property
    def area(self) -> Float[Array, ""]:
        """Area [m2], by the sum of cross products; the derivative is exact."""
        corners = jnp.asarray(self.vertices) - self.vertices[0]
        return 0.5 * jnp.sum(cross(corners, jnp.roll(corners, -1, 0)))

    @property
    def extent(self) -> tuple[Float[np.ndarray, "2"], Float[np.ndarray, "2"]]:
        """The corners with the least and the greatest coordinates [m]; of concrete numbers."""
        corners = np.asarray(self.vertices)
        return corners.min(0), corners.max(0)

    def outside(self, points: Float[Array, "*shape 2"]) -> Float[Array, "*shape"]:
        """Distance of points from the boundary [m], positive outside, negative inside.

        Where the nearest point of the boundary is on an edge, the distance along that edge's normal, whose derivative
        is the normal on the edge too; where it is a corner, the distance from the corner with the sign of the crossing
        number (Shimrat 1962, algorithm 112), and derivative zero at the corner itself.
        """
        across, away, between, _ = self._nearest_edge(points)
        beyond = length(away)
        return jnp.where(between, across, jnp.where(self._contains(points), -beyond, beyond))

    def nearest(self, points: Float[Array, "*shape 2"]) -> Float[Array, "*shape 2"]:
        """The nearest points of the polygon [m]: points inside stay, others go to the boundary.

        The derivative is exact where the nearest point is unique.
        """
        foot = self._nearest_edge(points)[3]
        return jnp.where(self.outside(points)[..., None] <= 0.0, points, foot)

    def _nearest_edge(self, points: Array) -> tuple[Array, Array, Array, Array]:
        """Of the edge nearest to each point: distance from its line, way from its foot, foot on it, and the foot."""
        corners = jnp.asarray(self.vertices, points.dtype)
        edge = jnp.roll(corners, -1, 0) - corners
        relative = points[..., None, :] - corners
        share = jnp.clip(jnp.sum(relative * edge, -1) / jnp.sum(edge**2, -1), 0.0, 1.0)
        foot = corners + share[..., None] * edge
        away = relative - share[..., None] * edge
        across = cross(relative, edge) / length(edge)
        number = jnp.argmin(jnp.sum(away**2, -1), -1)[..., None]
        pick = lambda values: jnp.take_along_axis(values, number, -1)[..., 0]
        pair = lambda values: jnp.take_along_axis(values, number[..., None], -2)[..., 0, :]
        return pick(across), pair(away), pick((share > 0.0) & (share < 1.0)), pair(foot)

    def _contains(self, points: Array) -> Array:
        """Whether a ray from a point along x crosses the boundary an odd number of times."""
        corners = jnp.asarray(self.vertices, points.dtype)
        edge = jnp.roll(corners, -1, 0) - corners
        above = corners[:, 1] > points[..., None, 1]
        ahead = (cross(edge, points[..., None, :] - corners) > 0.0) == (edge[:, 1] > 0.0)
        return jnp.sum((above != jnp.roll(above, -1, -1)) & ahead, -1) % 2 == 1


class Disc(eqx.Module):
    """A disc; `disc` makes one of checked numbers."""

    centre: Float[Flat, "2"]  # [m]
    radius: float = eqx.field(static=True)  # [m]

    @property
    def area(self) -> float:
        """Area [m2]."""
        return np.pi * self.radius**2

    @property
    def extent(self) -> tuple[Float[np.ndarray, "2"], Float[np.ndarray, "2"]]:
        """The corners with the least and the greatest coordinates [m]; of concrete numbers."""
        centre = np.asarray(self.centre)
        return centre - self.radius, centre + self.radius

    def outside(self, points: Float[Array, "*shape 2"]) -> Float[Array, "*shape"]:
        """Distance of points from the circle [m], positive outside; the derivative is zero in the centre."""
        return length(points - jnp.asarray(self.centre, points.dtype)) - self.radius

    def nearest(self, points: Float[Array, "*shape 2"]) -> Float[Array, "*shape 2"]:
        """The nearest points of the disc [m]: points inside stay, others go to the circle along its radius."""
        centre = jnp.asarray(self.centre, points.dtype)
        away = points - centre
        on_circle = centre + away * (self.radius / jnp.maximum(length(away), self.radius))[..., None]
        return jnp.where(self.outside(points)[..., None] <= 0.0, points, on_circle)


def polygon(vertices: Float[np.ndarray, "vertex 2"] | list, *, ring: bool = False) -> Polygon:
    """The polygon of corners in either sense of rotation, checked.

    Args:
        vertices: x and y of each corner [m].
        ring: whether they are a ring, whose last vertex repeats the first, as files have it.

    Raises:
        StageError: no pairs of finite numbers, an open ring, fewer than three corners, repeated corners, edges that
            cross or touch, or no area; the text names the vertices or edges, numbered from 0, and the place.
    """
    corners = _pairs(vertices)
    if ring and np.any(corners[0] != corners[-1]):
        raise StageError(
            f"the ring is open: it begins at {place(corners[0])} and ends, with vertex {len(corners) - 1}, at "
            f"{place(corners[-1])}; expected the last vertex to repeat the first. Close it."
        )
    corners = corners[:-1] if ring else corners
    if len(corners) < 3:
        raise StageError(f"the polygon has {len(corners)} corners; expected three or more.")
    _check_repeated(corners)
    _check_crossings(corners)
    doubled = np.sum(cross(corners - corners[0], np.roll(corners, -1, 0) - corners[0]))
    if abs(doubled) <= REPEATED * np.max(np.ptp(corners, 0)) ** 2:
        raise StageError(
            f"the polygon from {place(corners[0])} has an area of {0.5 * abs(doubled):.3g} m2: its corners lie on one "
            "line; expected corners around an area."
        )
    return Polygon(corners if doubled > 0.0 else corners[::-1])


def disc(centre: Float[np.ndarray, "2"] | tuple[float, float] | list, radius: float) -> Disc:
    """The disc of a centre [m] and a radius [m], checked.

    Raises:
        StageError: the centre is not a pair of finite numbers, or the radius is not positive and finite.
    """
    middle = _pairs([centre])[0]
    if not 0.0 < radius < np.inf:
        raise StageError(f"the disc at {place(middle)} has a radius of {radius} m; expected a positive, finite one.")
    return Disc(middle, float(radius))


def cross(a: Float[Flat, "*a 2"], b: Float[Flat, "*b 2"]) -> Float[Flat, "*c"]:
    """The cross product of vectors in the plane, a_x b_y - a_y b_x."""
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def length(vectors: Float[Array, "*shape 2"]) -> Float[Array, "*shape"]:
    """Lengths of vectors in the plane, with derivative zero at zero."""
    square = jnp.sum(vectors**2, -1)
    return jnp.where(square > 0.0, jnp.sqrt(jnp.where(square > 0.0, square, 1.0)), 0.0)


def place(point: Float[Flat, "2"]) -> str:
    """A point as texts name it [m]: "(-3499, 2000)"."""
    return f"({point[0]:.9g}, {point[1]:.9g})"


def _pairs(numbers: object) -> np.ndarray:
    """Pairs of finite numbers."""
    try:
        pairs = np.asarray(numbers, float)
    except (TypeError, ValueError) as cause:
        raise StageError(f"the vertices are not all pairs of numbers ({cause}); expected x and y of each.") from cause
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise StageError(f"the vertices have shape {pairs.shape}; expected pairs, x and y of each.")
    wrong = np.flatnonzero(~np.isfinite(pairs).all(1))
    if wrong.size:
        raise StageError(f"vertex {wrong[0]} is {place(pairs[wrong[0]])}; expected finite numbers.")
    return pairs


def _check_repeated(corners: np.ndarray) -> None:
    """Raises StageError where two corners coincide."""
    first, second = np.triu_indices(len(corners), 1)
    near = np.hypot(*(corners[second] - corners[first]).T) <= REPEATED * np.max(np.ptp(corners, 0))
    if near.any():
        i, j = first[near][0], second[near][0]
        raise StageError(f"vertex {j} repeats vertex {i} at {place(corners[j])}; expected each corner once.")


def _check_crossings(corners: np.ndarray) -> None:
    """Raises StageError where two edges meet elsewhere than at a corner they share."""
    i, j = np.triu_indices(len(corners), 1)
    after = np.roll(corners, -1, 0)
    r, s, gap = (after - corners)[i], (after - corners)[j], corners[j] - corners[i]
    neighbours = (j == i + 1) | ((i == 0) & (j == len(corners) - 1))
    sides, turn = np.hypot(*r.T) * np.hypot(*s.T), cross(r, s)
    parallel = np.abs(turn) <= _PARALLEL * sides
    with np.errstate(divide="ignore", invalid="ignore"):
        t, u = cross(gap, s) / turn, cross(gap, r) / turn
    meet = ~parallel & ~neighbours & (t >= 0.0) & (t <= 1.0) & (u >= 0.0) & (u <= 1.0)
    one_line = parallel & (np.abs(cross(gap, r)) <= _PARALLEL * sides)
    ends = np.sum(np.stack([gap, gap + s]) * r, -1) / np.sum(r**2, -1)
    begin = np.maximum(ends.min(0), 0.0)
    meet |= one_line & (np.minimum(ends.max(0), 1.0) - begin > REPEATED)
    if meet.any():
        k = np.flatnonzero(meet)[0]
        at = corners[i[k]] + (begin if one_line[k] else t)[k] * r[k]
        named = [f"edge {e} from {place(corners[e])} to {place(after[e])}" for e in (i[k], j[k])]
        raise StageError(
            f"the polygon crosses itself: {named[0]} and {named[1]} meet at {place(at)}; expected edges that meet at "
            "their corners only. Put the corners in order around the area."
        )
