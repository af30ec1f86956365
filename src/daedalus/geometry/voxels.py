"""Voxels: rectilinear grids, and the walk of straight lines through them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

from daedalus.geometry.boxes import Box, crossing


class Voxels(eqx.Module):
    """A rectilinear grid: edges along each axis, in increasing order; layers may have zero thickness."""

    x: Float[Array, "x_edge"]  # [m]
    y: Float[Array, "y_edge"]  # [m]
    z: Float[Array, "z_edge"]  # [m]

    @property
    def shape(self) -> tuple[int, int, int]:
        """The number of voxels along x, y and z."""
        return len(self.x) - 1, len(self.y) - 1, len(self.z) - 1

    @property
    def box(self) -> Box:
        """The bounding box."""
        axes = (self.x, self.y, self.z)
        return Box(jnp.stack([a[0] for a in axes]), jnp.stack([a[-1] for a in axes]))


Step = Callable[[PyTree, Int[Array, "event"], Float[Array, "event"], Float[Array, "event"]], PyTree]


def walk(
    voxels: Voxels,
    position: tuple[Float[Array, "event"], ...],
    direction: tuple[Float[Array, "event"], ...],
    *,
    step: Step,
    initial: PyTree,
    length: Float[Array, "event"] | None = None,
    unroll: int = 2,
) -> PyTree:
    """Walks straight lines from voxel to voxel and folds a function over the pieces.

    The traversal is Amanatides and Woo's (Eurographics 1987), for grids with unequal edges: one table look-up per
    crossing finds the next edge along the axis that was crossed. The number of steps is the largest possible,
    nx + ny + nz - 2, for every line; pieces after the exit have length zero.

    Args:
        voxels: the grid.
        position: the lines' entry points on or in the grid [m].
        direction: direction cosines [1].
        step: ``step(value, voxel, near, far) -> value`` with the flat voxel number and the two ends of the piece,
            as path lengths from the entry point [m]. Must change nothing for near = far.
        initial: the value before the first piece.
        length: where each path ends [m]; by default at the exit from the grid.
        unroll: pieces per compiled loop turn [1].

    Returns:
        The folded value.
    """
    grids, counts = (voxels.x, voxels.y, voxels.z), voxels.shape
    edges = jnp.concatenate(grids)
    offsets = (0, counts[0] + 1, counts[0] + counts[1] + 2)
    strides = (counts[1] * counts[2], counts[2], 1)
    inverse = [1.0 / jnp.where(jnp.abs(u) < 1e-9, jnp.where(u < 0, -1e-9, 1e-9), u) for u in direction]
    end = crossing(voxels.box, position, direction)[1] if length is None else length
    cells = [_cell(grid, p, u) for grid, p, u in zip(grids, position, direction, strict=True)]
    steps = [jnp.where(u >= 0, 1, -1) for u in direction]  # zero counts as forwards, as in the inverse
    ahead = [cell + (u >= 0) + offset for cell, u, offset in zip(cells, direction, offsets, strict=True)]
    reach = [(edges[a] - p) * i for a, p, i in zip(ahead, position, inverse, strict=True)]
    voxel = sum(cell * stride for cell, stride in zip(cells, strides, strict=True))

    def turn(_: Any, carry: tuple[Any, ...]) -> tuple[Any, ...]:
        value, near, voxel, ahead, reach = carry
        far = jnp.minimum(jnp.minimum(reach[0], reach[1]), jnp.minimum(reach[2], end))
        far = jnp.where(far > near, far, near)  # not maximum: behind the exit a tie would share the derivative
        value = step(value, voxel, near, far)
        crosses_x = reach[0] <= far
        crosses_y = (reach[1] <= far) & ~crosses_x
        crosses_z = (reach[2] <= far) & ~crosses_x & ~crosses_y
        crosses = (crosses_x, crosses_y, crosses_z)
        pick = lambda triple: jnp.where(crosses_x, triple[0], jnp.where(crosses_y, triple[1], triple[2]))
        moved = pick(ahead) + pick(steps)
        new_reach = (jnp.take(edges, moved, mode="clip") - pick(position)) * pick(inverse)
        ahead = tuple(jnp.where(c, moved, a) for c, a in zip(crosses, ahead, strict=True))
        reach = tuple(jnp.where(c, new_reach, r) for c, r in zip(crosses, reach, strict=True))
        jump = jnp.where(crosses_x | crosses_y | crosses_z, pick(steps) * pick(strides), 0)
        return value, far, voxel + jump, ahead, reach

    start = (initial, jnp.zeros_like(end), voxel, tuple(ahead), tuple(reach))
    return jax.lax.fori_loop(0, sum(counts) - 2, turn, start, unroll=unroll)[0]


def _cell(grid: Float[Array, "edge"], position: Float[Array, "event"], direction: Float[Array, "event"]) -> Any:
    """The number of the cell that a line at a position is about to cross."""
    nudge = 100 * jnp.finfo(grid.dtype).eps * (grid[-1] - grid[0]) * jnp.sign(direction)  # rounding of the position
    inner = grid[1:-1]
    return (
        jnp.sum((position + nudge > inner[:, None]).astype(jnp.int32), 0)
        if len(inner)
        else jnp.zeros_like(position, int)
    )
