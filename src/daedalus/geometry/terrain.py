"""Terrain: a digital elevation model, and how far straight rays run below its surface."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from daedalus.geometry.boxes import Box, crossing
from daedalus.geometry.solids import Triple


class Terrain(eqx.Module):
    """Heights on a regular grid, bilinear between its nodes; beyond its edges the last heights go on.

    Rays are followed inside the grid only: what lies beyond is open sky. The derivative is exact almost everywhere, by
    heights, starting points and directions.
    """

    heights: Float[Array | np.ndarray, "y x"]  # [m]; rows along y, columns along x, both growing
    corner: tuple[float, float] = eqx.field(static=True)  # x and y of the first node [m]
    spacing: tuple[float, float] = eqx.field(static=True)  # of the nodes along x and y [m]
    steps: int = eqx.field(static=True, default=256)  # points at which a ray is compared with the surface

    @property
    def extent(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """First and last node along x and along y [m]."""
        rows, columns = self.heights.shape
        (x, y), (dx, dy) = self.corner, self.spacing
        return (x, x + (columns - 1) * dx), (y, y + (rows - 1) * dy)

    @property
    def summit(self) -> tuple[float, float, float]:
        """The highest node [m]; of concrete heights."""
        heights = np.asarray(self.heights)
        row, column = np.unravel_index(int(np.argmax(heights)), heights.shape)
        (x, y), (dx, dy) = self.corner, self.spacing
        return x + int(column) * dx, y + int(row) * dy, float(heights[row, column])

    def elevation(self, x: Float[Array, "*event"], y: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """Height of the surface [m] at places x, y [m]."""
        (_, across), (_, along), corners = self._corners(x, y)
        south = corners[0] + across * (corners[1] - corners[0])
        north = corners[2] + across * (corners[3] - corners[2])
        return south + along * (north - south)

    def slope(self, x: Float[Array, "*event"], y: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """Tangent of the steepest slope of the surface [1] at places x, y [m]."""
        (_, across), (_, along), (a, b, c, d) = self._corners(x, y)
        by_x = ((b - a) + along * ((d - c) - (b - a))) / self.spacing[0]
        by_y = ((c - a) + across * ((d - b) - (c - a))) / self.spacing[1]
        return jnp.sqrt(by_x**2 + by_y**2 + 1e-24)

    def length(
        self, position: Triple, direction: Triple, far: Float[Array, "event"] | None = None
    ) -> Float[Array, "event"]:
        """Length [m] of rays below the surface, ahead of their starting points.

        The ray inside the grid's box is cut into `steps` pieces; within a piece the depth below the surface is taken as
        linear, which makes the share below the surface continuous: a piece that ends at depths g and h counts
        (max(g, 0) + max(h, 0)) / (|g| + |h|).

        Args:
            position: where the rays start [m].
            direction: direction cosines [1].
            far: count the length up to this distance only [m].
        """
        heights = jnp.asarray(self.heights)
        (x0, x1), (y0, y1) = self.extent
        low, high = jnp.min(heights), jnp.max(heights)
        lower = jnp.stack([jnp.full_like(low, x0), jnp.full_like(low, y0), low - (high - low) - 1.0])
        upper = jnp.stack([jnp.full_like(low, x1), jnp.full_like(low, y1), high])
        enter, leave = crossing(Box(lower, upper), position, direction)
        enter = jnp.maximum(enter, 0.0)
        leave = leave if far is None else jnp.minimum(leave, far)
        leave = jnp.maximum(leave, enter)
        share = jnp.linspace(0.0, 1.0, self.steps + 1, dtype=enter.dtype)[:, None]
        run = enter + share * (leave - enter)
        x, y, z = (p + run * u for p, u in zip(position, direction, strict=True))
        depth = self.elevation(x, y) - z
        below = jnp.maximum(depth, 0.0)
        size = jnp.abs(depth[1:]) + jnp.abs(depth[:-1])
        inside = (below[1:] + below[:-1]) / jnp.where(size > 0.0, size, 1.0)
        return jnp.sum(inside, 0) * (leave - enter) / self.steps

    def _corners(self, x: Array, y: Array) -> tuple[tuple[Array, Array], tuple[Array, Array], tuple[Array, ...]]:
        """Cell and share along x, the same along y, and the heights at the cell's four corners."""
        rows, columns = self.heights.shape
        column, across = _place((x - self.corner[0]) / self.spacing[0], columns)
        row, along = _place((y - self.corner[1]) / self.spacing[1], rows)
        flat, first = jnp.asarray(self.heights).ravel(), row * columns + column
        return (column, across), (row, along), tuple(flat[first + k] for k in (0, 1, columns, columns + 1))


def _place(position: Array, nodes: int) -> tuple[Array, Array]:
    """The cell of a position in units of the spacing, and the share of the cell before it; cut at the edges."""
    inside = jnp.clip(position, 0.0, nodes - 1.0)
    cell = jnp.clip(jnp.floor(inside).astype(jnp.int32), 0, nodes - 2)
    return cell, inside - cell
