"""Regions: where something may stand, within a boundary and out of what is forbidden, and the nearest such places."""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from daedalus.errors import StageError
from daedalus.geometry.polygons import Disc, Polygon, cross, length

Shape = Polygon | Disc
CLEAR = 2e-6  # of a region's extent: how far within it moved points end, 20 times the rounding of single precision [1]
_BLOCK = 64  # points that are moved at a time


class Region(eqx.Module):
    """The points of a boundary that are in no forbidden shape, all at a margin; `region` makes one.

    What bounds it is made of pieces of straight lines and of circles. The point of the region nearest to one outside is
    its foot on a line, its radial projection on a circle, or a corner where two pieces meet: the nearest of these that
    are in the region. So the answer is exact, whatever overlaps.
    """

    boundary: Shape
    forbidden: tuple[Shape, ...]
    starts: Float[Array | np.ndarray, "line 2"]  # of the lines [m]
    ends: Float[Array | np.ndarray, "line 2"]  # of the lines [m]
    centres: Float[Array | np.ndarray, "circle 2"]  # [m]
    radii: Float[Array | np.ndarray, "circle"]  # [m]
    corners: Float[Array | np.ndarray, "corner 2"]  # where pieces meet, those in the region [m]
    margin: float = eqx.field(static=True)  # least distance from the boundary and from what is forbidden [m]
    clear: float = eqx.field(static=True)  # moved points end twice as far inside [m]

    def outside(self, points: Float[Array, "*shape 2"]) -> Float[Array, "*shape"]:
        """By how much points violate the bound they violate most [m]; negative where they may stand.

        A lower bound of the distance to the region. The derivative is that of the worst bound, see `Polygon.outside`.
        """
        bounds = [self.boundary.outside(points), *(-shape.outside(points) for shape in self.forbidden)]
        return jnp.max(jnp.stack(bounds), 0) + self.margin

    def nearest(self, points: Float[Array, "*shape 2"]) -> Float[Array, "*shape 2"]:
        """The nearest points of the region [m]: points in it stay as they are, to the last bit.

        The derivative is exact where the nearest point is unique: a projection on the line or circle, zero at corners.
        """
        flat = points.reshape(-1, 2)
        outside = self.outside(flat)
        order = jnp.argsort(-outside)  # so that most groups need nothing
        blocks = -(-len(flat) // _BLOCK)
        grouped = lambda values: jnp.resize(values[order], (blocks, _BLOCK, *values.shape[1:]))

        def moved(group: tuple[Array, Array]) -> Array:
            return jax.lax.cond(jnp.any(group[1] > 0.0), jax.vmap(self._nearest), lambda same: same, group[0])

        found = jax.lax.map(moved, (grouped(flat), grouped(outside))).reshape(-1, 2)[: len(flat)]
        return jnp.zeros_like(flat).at[order].set(found).reshape(points.shape)

    def _nearest(self, point: Float[Array, "2"]) -> Float[Array, "2"]:
        starts, ends, centres, radii, corners = (
            jnp.asarray(each, point.dtype) for each in (self.starts, self.ends, self.centres, self.radii, self.corners)
        )
        line, away = ends - starts, point - centres
        share = jnp.clip(jnp.sum((point - starts) * line, -1) / jnp.sum(line**2, -1), 0.0, 1.0)
        feet = starts + share[:, None] * line
        away = jnp.where(length(away)[:, None] > 0.0, away, jnp.asarray([1.0, 0.0], point.dtype))
        feet = jnp.concatenate([feet, centres + away * (radii / length(away))[:, None]])
        candidates = jnp.concatenate([feet, corners])
        allowed = jnp.concatenate([self.outside(feet) <= -self.clear, jnp.ones(len(corners), bool)])
        square = jnp.where(allowed, jnp.sum((candidates - point) ** 2, -1), jnp.inf)
        return jnp.where(self.outside(point) <= 0.0, point, candidates[jnp.argmin(square)])


def region(boundary: Shape, forbidden: Sequence[Shape] = (), margin: float = 0.0) -> Region:
    """The region within a boundary and out of forbidden shapes.

    Args:
        boundary: what to stay in.
        forbidden: what to stay out of; they may overlap each other and the boundary.
        margin: least distance from the boundary and from what is forbidden [m].

    Raises:
        StageError: a margin that is negative or not finite, or nothing is left.
    """
    if not 0.0 <= margin < np.inf:
        raise StageError(f"the margin is {margin} m; expected a finite number, zero or more.")
    clear = CLEAR * max(float(np.abs(shape.extent).max()) for shape in (boundary, *forbidden))
    lines, circles = [], []
    for shape, side in [(boundary, -1.0), *((shape, 1.0) for shape in forbidden)]:
        if isinstance(shape, Disc):
            circles.append([*shape.centre, shape.radius + side * (margin + 2.0 * clear)])
        else:
            straight, round_ = _shifted(np.asarray(shape.vertices), side, margin + 2.0 * clear)
            lines.extend(straight)
            circles.extend(round_)
    starts, ends = np.moveaxis(np.asarray(lines, float).reshape(-1, 2, 2), 1, 0)
    rounds = np.asarray(circles, float).reshape(-1, 3)
    meetings = _meetings(starts, ends, rounds[:, :2], rounds[:, 2])
    parts = starts, ends, rounds[:, :2], rounds[:, 2]
    with jax.ensure_compile_time_eval():
        whole = Region(boundary, tuple(forbidden), *parts, meetings, margin, clear)
        inside = np.asarray(jax.jit(lambda points: whole.outside(points))(meetings)) <= -clear
        found = Region(boundary, tuple(forbidden), *parts, meetings[inside], margin, clear)
        outside = float(jax.jit(lambda point: found.outside(found._nearest(point)))(boundary.extent[0]))
    if rounds[:, 2].min(initial=1.0) <= 0.0 or outside > 0.0:
        raise StageError(
            f"no place is left {margin:g} m within the boundary and off {len(forbidden)} forbidden shapes; expected "
            "some. Choose a smaller margin, or forbid less."
        )
    return found


def _shifted(corners: np.ndarray, side: float, by: float) -> tuple[np.ndarray, np.ndarray]:
    """The edges of a polygon shifted outward (side 1) or inward (-1), and circles about corners that open a gap."""
    edge = np.roll(corners, -1, 0) - corners
    outward = np.stack([edge[:, 1], -edge[:, 0]], 1) / np.hypot(*edge.T)[:, None]
    start = corners + side * by * outward
    gap = side * cross(np.roll(edge, 1, 0), edge) > 0.0
    return np.stack([start, start + edge], 1), np.column_stack([corners, np.full(len(corners), by)])[gap]


def _meetings(starts: np.ndarray, ends: np.ndarray, centres: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Where straight lines (without ends) and circles meet each other [m]."""
    along = (ends - starts) / np.hypot(*(ends - starts).T)[:, None]
    i, j = np.triu_indices(len(starts), 1)
    k, c = (each.ravel() for each in np.indices((len(starts), len(centres))))
    a, b = np.triu_indices(len(centres), 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = cross(starts[j] - starts[i], along[j]) / cross(along[i], along[j])
        lines = starts[i] + t[:, None] * along[i]
        foot = starts[k] + np.sum((centres[c] - starts[k]) * along[k], 1)[:, None] * along[k]
        half = np.sqrt(radii[c] ** 2 - np.sum((foot - centres[c]) ** 2, 1))[:, None] * along[k]
        axis = centres[b] - centres[a]
        d2 = np.sum(axis**2, 1)
        middle = 0.5 * (1.0 + (radii[a] ** 2 - radii[b] ** 2) / d2)
        rise = np.sqrt(radii[a] ** 2 / d2 - middle**2)[:, None] * np.stack([-axis[:, 1], axis[:, 0]], 1)
        chord = centres[a] + middle[:, None] * axis
    found = np.concatenate([lines, foot + half, foot - half, chord + rise, chord - rise])
    return found[np.isfinite(found).all(1)]
