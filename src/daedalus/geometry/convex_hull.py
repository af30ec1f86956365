"""The area of the convex hull of points in the plane."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from daedalus.geometry.polygons import cross


def hull_area(points: Float[Array, "point 2"]) -> Float[Array, ""]:
    """Area of the convex hull of points [m2]; zero for fewer than three.

    Monotone chains (Andrew, Inf. Process. Lett. 9 (1979) 216): points in order of x, the hull's lower side from left to
    right and its upper one back, n log n in all. The derivative is exact where it exists: by the corners of the hull,
    zero by all other points.
    """
    middle = jax.lax.stop_gradient(jnp.mean(points, 0))
    order = jnp.lexsort((points[:, 1], points[:, 0]))
    return _swept(points[order] - middle) + _swept(points[order[::-1]] - middle)


def _swept(points: Float[Array, "point 2"]) -> Float[Array, ""]:
    """Area between the origin and the side of the hull that turns left from the first to the last of sorted points."""
    corners, count = _left_turns(jax.lax.stop_gradient(points))
    chain = points[corners]
    joined = jnp.arange(len(points) - 1) < count - 1
    return 0.5 * jnp.sum(jnp.where(joined, cross(chain[:-1], chain[1:]), 0.0))


def _left_turns(points: Float[Array, "point 2"]) -> tuple[Int[Array, "point"], Int[Array, ""]]:
    """Numbers of the points of a chain that turns left everywhere, and how many they are; the rest is left-overs.

    A stack: its top is taken off as long as the way over it to the next point does not turn left.
    """
    total = len(points)

    def step(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        stack, count, new = state
        last, before = stack[count - 1], stack[count - 2]
        turn = cross(points[last] - points[before], points[new] - points[last])
        off = (count >= 2) & (turn <= 0.0)
        return stack.at[count].set(new), jnp.where(off, count - 1, count + 1), jnp.where(off, new, new + 1)

    start = jnp.zeros(total + 1, int), jnp.zeros((), int), jnp.zeros((), int)
    stack, count, _ = jax.lax.while_loop(lambda state: state[2] < total, step, start)
    return stack[:total], count
