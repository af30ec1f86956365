"""Axis-aligned boxes, and where straight lines cross them."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float


class Box(eqx.Module):
    """An axis-aligned box between two corners."""

    lower: Float[Array, "3"]  # [m]
    upper: Float[Array, "3"]  # [m]


def crossing(
    box: Box, position: tuple[Float[Array, "event"], ...], direction: tuple[Float[Array, "event"], ...]
) -> tuple[Float[Array, "event"], Float[Array, "event"]]:
    """The line parameters [m] at which straight lines enter and leave a box (slab method, Kay and Kajiya 1986).

    Args:
        box: the box.
        position: x, y, z of a point on each line [m].
        direction: direction cosines of each line [1]; with unit vectors the parameter is a length.

    Returns:
        Entry and exit; a line that misses has exit <= entry, which is returned as exit = entry.
    """
    enter, leave = jnp.full_like(position[0], -jnp.inf), jnp.full_like(position[0], jnp.inf)
    for axis, (start, slope) in enumerate(zip(position, direction, strict=True)):
        safe = jnp.where(jnp.abs(slope) < 1e-9, jnp.where(slope < 0, -1e-9, 1e-9), slope)
        near, far = (box.lower[axis] - start) / safe, (box.upper[axis] - start) / safe
        enter = jnp.maximum(enter, jnp.minimum(near, far))
        leave = jnp.minimum(leave, jnp.maximum(near, far))
    return enter, jnp.maximum(enter, leave)
