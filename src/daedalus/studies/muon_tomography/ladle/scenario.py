"""The random truth: how full the ladle is; and the ladle as voxels."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from daedalus.geometry import Voxels
from daedalus.physics.materials import material
from daedalus.studies.muon_tomography.scanner import FLOOR, RIM, SIDE
from daedalus.transport.volume import Volume
from daedalus.units import cm

WALL = 10 * cm  # thickness of walls and bottom
SLAG = 10 * cm  # thickness of the slag on the liquid steel
VOXEL = 10 * cm
LABELS = np.array([60, 70, 80, 90, 100, 110, 120, 130]) * cm  # the published levels, exact
LEVEL_RANGE = (55 * cm, 135 * cm)  # of levels drawn uniformly
FILLINGS = ("steel", "hot liquid steel", "slag", "air")  # walls, melt, slag, rest


class Ladle(eqx.Module):
    """The truth of one scan."""

    level: Float[Array, "*scenario"]  # height of the surface of the liquid steel above ground [m]


def labelled_level(key: Key[Array, ""], index: Int[Array, ""], count: int) -> Ladle:
    """The ladle of scenario ``index``: the eight published levels in turn."""
    return Ladle(jnp.asarray(LABELS)[index % len(LABELS)].astype(jnp.result_type(float)))


def uniform_level(key: Key[Array, ""], index: Int[Array, ""], count: int) -> Ladle:
    """The ladle of scenario ``index`` of ``count``: a level drawn uniformly within the scenario's stratum."""
    low, high = LEVEL_RANGE
    return Ladle(low + (high - low) * (index + jax.random.uniform(key)) / count)


def ladle_volume(level: Float[Array, ""]) -> Volume:
    """The ladle filled up to a level [m], as voxels of 10 cm cut at the surfaces of steel and slag."""
    side = jnp.linspace(0.0, SIDE, round(SIDE / VOXEL) + 1)
    layers = jnp.linspace(FLOOR, RIM, round((RIM - FLOOR) / VOXEL) + 1)
    surfaces = jnp.clip(jnp.stack([level, level + SLAG]), FLOOR + WALL, RIM)
    heights = jnp.sort(jnp.concatenate([layers, surfaces]))
    middle = 0.5 * (heights[1:] + heights[:-1])
    filling = jnp.where(middle < level, 1, jnp.where(middle < level + SLAG, 2, 3))
    centre = 0.5 * (side[1:] + side[:-1])
    inside = (centre > WALL) & (centre < SIDE - WALL)
    interior = inside[:, None, None] & inside[None, :, None] & (middle > FLOOR + WALL)[None, None, :]
    kind = jnp.where(interior, filling[None, None, :], 0)
    return Volume.of(Voxels(side, side, heights), kind, [material(name) for name in FILLINGS])
