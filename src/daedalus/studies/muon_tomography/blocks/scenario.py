"""The random truth: which material fills each voxel, and whether the block that is looked for is among them."""

from __future__ import annotations

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, Key

from daedalus.core import Scenarios
from daedalus.errors import ProblemError
from daedalus.geometry import Voxels
from daedalus.physics.materials import Material, material, mixture, names
from daedalus.studies.muon_tomography.scanner import FLOOR, RIM, SIDE
from daedalus.transport.volume import Volume
from daedalus.units import cm

VOXEL = 10 * cm
CELLS = round(SIDE / VOXEL)  # voxels along each side
BLOCKS = 3  # most blocks of one volume to be imaged
SIZES = (2, 4)  # least and most voxels along a block's side
CLUTTERED = 0.8  # of the height, filled with scrap at random
SCRAP = mixture("scrap", {"iron": 1.0}, 1.5)  # loose steel, a fifth of iron's density
DENSE_SCRAP = mixture("dense scrap", {"iron": 1.0}, 3.0)

IMAGED = ("air", "water", "aluminium", "iron", "lead", "uranium")  # in the order of their radiation lengths


class Contents(eqx.Module):
    """What fills the voxels of one scan."""

    kind: Int[Array, "*scenario nx ny nz"]  # number of the material
    present: Bool[Array, "*scenario"]  # whether the block that is looked for is there


def imaged_materials() -> list[Material]:
    """The materials of volumes to be imaged, longest radiation length first."""
    return [material(name) for name in IMAGED]


def cargo_materials(hidden: str) -> list[Material]:
    """Air, two densities of scrap, and the material of the hidden block."""
    return [material("air"), SCRAP, DENSE_SCRAP, material(hidden)]


def cube() -> Voxels:
    """The grid of the cubic metre above the lower panels."""
    side = jnp.linspace(0.0, SIDE, CELLS + 1)
    return Voxels(side, side, jnp.linspace(FLOOR, RIM, CELLS + 1))


def random_blocks(key: Key[Array, ""], index: Int[Array, ""], count: int) -> Contents:
    """Up to three blocks of random place, size and material in air; later ones stand in earlier ones' place."""
    number = 1 + index % BLOCKS
    kind = jnp.zeros((CELLS,) * 3, int)
    for block, own in enumerate(jax.random.split(key, BLOCKS)):
        where, which = jax.random.split(own)
        inside = _block(where, SIZES) & (block < number)
        kind = jnp.where(inside, jax.random.randint(which, (), 1, len(IMAGED)), kind)
    return Contents(kind, jnp.asarray(True))


def hidden_block(size: int, key: Key[Array, ""], index: Int[Array, ""], count: int) -> Contents:
    """Scrap up to four fifths of the height, and in every other scan a block of ``size`` voxels a side among it."""
    scrap, where, fill = jax.random.split(key, 3)
    share = jax.random.uniform(fill, (), minval=0.1, maxval=0.7)  # of voxels with scrap
    draw = jax.random.uniform(scrap, (CELLS,) * 3)
    kind = jnp.where(draw < 0.3 * share, 2, jnp.where(draw < share, 1, 0))
    kind = jnp.where(jnp.arange(CELLS) < round(CLUTTERED * CELLS), kind, 0)
    present = index % 2 == 0
    return Contents(jnp.where(_block(where, (size, size)) & present, 3, kind), present)


def hidden_blocks(size: int, count: int) -> Scenarios:
    """So many scans, half of them with a block of ``size`` voxels a side."""
    return Scenarios(partial(hidden_block, size), count)


def need_block(size: int, hidden: str) -> None:
    """Checks the block that is looked for: its sides in voxels, and its material.

    Raises:
        ProblemError: a size that does not fit, or an unknown material.
    """
    if not 1 <= size <= CELLS // 2:
        raise ProblemError(f"the block's side is {size} voxels; expected 1 to {CELLS // 2}.")
    if hidden not in names():
        raise ProblemError(f"the hidden material is {hidden!r}; expected one of {', '.join(names())}.")


def filled(contents: Contents, voxels: Voxels, materials: list[Material]) -> Volume:
    """The volume of one scan."""
    return Volume.of(voxels, contents.kind, materials)


def true_density(contents: Contents, materials: list[Material]) -> Array:
    """The inverse radiation length of every voxel [1/m]."""
    return jnp.asarray(np.array([1.0 / m.X0 for m in materials]), float)[contents.kind]


def _block(key: Key[Array, ""], sizes: tuple[int, int]) -> Bool[Array, "nx ny nz"]:
    """The voxels of a box of random size and place."""
    corner, size = jax.random.split(key)
    sides = jax.random.randint(size, (3,), sizes[0], sizes[1] + 1)
    first = jnp.floor(jax.random.uniform(corner, (3,)) * (CELLS + 1 - sides)).astype(int)
    cell = jnp.arange(CELLS)
    x, y, z = ((cell >= low) & (cell < low + side) for low, side in zip(first, sides, strict=True))
    return x[:, None, None] & y[:, None] & z
