"""The random truth of a cubic metre: blocks to be imaged."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Key

from daedalus.geometry import Voxels
from daedalus.physics.materials import Material, material
from daedalus.studies.muon_tomography.contents import Contents, random_block
from daedalus.studies.muon_tomography.scanner import FLOOR, RIM, SIDE
from daedalus.units import cm

VOXEL = 10 * cm
CELLS = round(SIDE / VOXEL)  # voxels along each side
SHAPE = (CELLS, CELLS, CELLS)
BLOCKS = 3  # most blocks of one volume to be imaged
LEAST, MOST = (2, 2, 2), (4, 4, 4)  # voxels along their sides

IMAGED = ("air", "water", "aluminium", "iron", "lead", "uranium")  # in the order of their radiation lengths


def imaged_materials() -> tuple[Material, ...]:
    """The materials of blocks to be imaged, longest radiation length first; the first is air."""
    return tuple(material(name) for name in IMAGED)


def cube() -> Voxels:
    """The grid of the cubic metre above the lower panels."""
    side = jnp.linspace(0.0, SIDE, CELLS + 1)
    return Voxels(side, side, jnp.linspace(FLOOR, RIM, CELLS + 1))


def random_blocks(key: Key[Array, ""], index: Int[Array, ""], count: int) -> Contents:
    """Up to three blocks of random place, size and material in air; later ones stand in earlier ones' place."""
    number = 1 + index % BLOCKS
    kind = jnp.zeros(SHAPE, int)
    for block, own in enumerate(jax.random.split(key, BLOCKS)):
        where, which = jax.random.split(own)
        inside = random_block(where, SHAPE, LEAST, MOST) & (block < number)
        kind = jnp.where(inside, jax.random.randint(which, (), 1, len(IMAGED)), kind)
    return Contents(kind, jnp.asarray(True), jnp.zeros_like(kind))
