"""The shortest tree that joins points in the plane: what cables between them need at least."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from daedalus.geometry.polygons import length


def spanning_length(points: Float[Array, "point 2"]) -> Float[Array, ""]:
    """Length of the minimum spanning tree of points [m]: straight lines between points, no other joints.

    Prim's algorithm (Bell Syst. Tech. J. 36 (1957) 1389): n^2 time, n memory. The derivative goes through the tree's
    lines, exact where the tree is unique, and is zero by points that coincide.
    """
    return jnp.sum(length(points - points[spanning_tree(points)]))


def spanning_tree(points: Float[Array, "point 2"]) -> Int[Array, "point"]:
    """For each point the number of the one it is joined to on the way to the first; the first's own for the first."""
    (x, y), numbers = jax.lax.stop_gradient(points).T, jnp.arange(len(points))

    def join(_: Int[Array, ""], state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        least, joint, new = state
        square = (x - x[new]) ** 2 + (y - y[new]) ** 2
        least = jnp.where(numbers == new, -jnp.inf, least)  # joined
        nearer = square < least
        least, joint = jnp.where(nearer, square, least), jnp.where(nearer, new, joint)
        left = jnp.where(least < 0.0, jnp.inf, least)
        return least, joint, jnp.max(jnp.where(left == jnp.min(left), numbers, 0))  # argmin takes six times as long

    start = jnp.full(len(points), jnp.inf, points.dtype), jnp.zeros_like(numbers), jnp.zeros((), numbers.dtype)
    return jax.lax.fori_loop(0, len(points) - 1, join, start)[1]
