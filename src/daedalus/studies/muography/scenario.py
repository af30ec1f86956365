"""The random truth: a void somewhere in the hill, and the strike of a boundary between two kinds of rock."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from daedalus.geometry.solids import Cone
from daedalus.geometry.terrain import Terrain

DEPTHS = (0.25, 0.6)  # of a void's centre: share of the height of the surface above it, over the lowest ground


class Interior(eqx.Module):
    """The truth of one hill: a void, used by the goal "void", and a boundary, used by the goal "density"."""

    x: Float[Array, "*scenario"]  # centre of the void [m]
    y: Float[Array, "*scenario"]  # [m]
    z: Float[Array, "*scenario"]  # [m]
    radius: Float[Array, "*scenario"]  # of the void [m]
    strike: Float[Array, "*scenario"]  # of the upright boundary through the hill's axis, from east [rad]


def random_interior(
    key: Key[Array, ""],
    share: Float[Array, ""],
    surface: Cone | Terrain,
    *,
    suspected: tuple[float, float, float],
    radii: tuple[float, float],
    floor: float,
) -> Interior:
    """A void uniform in a disc where one is suspected and in a range of depths, its radius by its share of the range.

    Args:
        key: decides the place and the strike.
        share: 0 for the smallest void, 1 for the largest [1].
        surface: the hill.
        suspected: middle of the disc east and north of the hill's axis, and its radius [m].
        radii: of the smallest and the largest void [m].
        floor: height of the lowest ground [m].
    """
    away, turn, depth, strike = jax.random.uniform(key, (4,))
    (axis_x, axis_y, _), (east, north, spread) = surface.summit, suspected
    x = axis_x + east + spread * jnp.sqrt(away) * jnp.cos(2 * jnp.pi * turn)
    y = axis_y + north + spread * jnp.sqrt(away) * jnp.sin(2 * jnp.pi * turn)
    part = DEPTHS[0] + (DEPTHS[1] - DEPTHS[0]) * depth
    return Interior(
        x=x,
        y=y,
        z=floor + part * (surface.elevation(x, y) - floor),
        radius=radii[0] + (radii[1] - radii[0]) * share,
        strike=jnp.pi * strike,
    )


def stratum(key: Key[Array, ""], index: Int[Array, ""], count: int) -> Float[Array, ""]:
    """A number in (0, 1) from the stratum of scenario ``index`` of ``count``."""
    return (index + jax.random.uniform(jax.random.fold_in(key, 1))) / count
