"""Starts: where several searches of one run begin."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from daedalus.core import Point
from daedalus.errors import OptimiserError


def starting_points(start: Point, count: int, *, key: Key[Array, ""], spread: float | None = None) -> Point:
    """Points to start from, axis start first: the given one exactly, then others around it or anywhere.

    Args:
        start: the given design's point.
        count: number of starts [1].
        key: decides the others.
        spread: standard deviation of the others around the given one [share of each range], cut at the
            bounds; None draws them uniformly from the cube. Learned leaves are the same in all starts.

    Raises:
        OptimiserError: fewer than one start, a spread that is not positive, or several starts without parameters.
    """
    if count < 1 or (spread is not None and not spread > 0):
        raise OptimiserError(
            f"{count} starts with spread {spread}; expected one or more, and a positive spread or None."
        )
    if count > 1 and start.cube.size == 0:
        raise OptimiserError(
            f"{count} starts of a design without free parameters; expected one, for learned leaves are the same in "
            "all. Search several times, from designs with other leaves."
        )
    shape, dtype = (count - 1, *start.cube.shape), start.cube.dtype
    if spread is None:
        others = jax.random.uniform(key, shape, dtype)
    else:
        others = jnp.clip(start.cube + spread * jax.random.normal(key, shape, dtype), 0, 1)
    return Point(jnp.concatenate([start.cube[None], others]), repeated(start, count).learned)


def repeated(point: Point, count: int) -> Point:
    """A point, ``count`` times along a new first axis."""
    return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (count, *jnp.shape(leaf))), point)
