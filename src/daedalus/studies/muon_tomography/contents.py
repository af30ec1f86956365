"""What is scanned: voxels of materials, with scrap and blocks at random places."""

from __future__ import annotations

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, Key

from daedalus.errors import ProblemError
from daedalus.physics.materials import Material, material, mixture, names

SCRAP = mixture("scrap", {"iron": 1.0}, 1.5)  # loose steel, a fifth of iron's density
DENSE_SCRAP = mixture("dense scrap", {"iron": 1.0}, 3.0)
LEAST_SCRAP, MOST_SCRAP = 0.1, 0.7  # share of the voxels that hold scrap, uniform between [1]
DENSE = 0.3  # share of the scrap that is dense [1]

Shape = tuple[int, int, int]
Block = Bool[Array, "nx ny nz"]


def cargo_materials(hidden: str) -> tuple[Material, ...]:
    """Two densities of scrap, and the material of the hidden block."""
    return SCRAP, DENSE_SCRAP, material(hidden)


class Contents(eqx.Module):
    """What fills the voxels of one scan."""

    kind: Int[Array, "*scenario nx ny nz"]  # number of the material
    present: Bool[Array, "*scenario"]  # whether what is looked for is there
    other: Int[Array, "*scenario nx ny nz"]  # the same with it where it is absent, without it where it is there


@dataclasses.dataclass(frozen=True)
class HiddenBlock:
    """Scrap up to some height, and in every other scan a block among it.

    Attributes:
        shape: of the grid [voxels].
        size: of the block's sides [voxels].
        cluttered: share of the height with scrap, from below [1].
        walls: layers on all sides that stay as they are [voxels].
    """

    shape: Shape
    size: int
    cluttered: float
    walls: int = 0

    def __call__(self, key: Key[Array, ""], index: Int[Array, ""], count: int) -> Contents:
        """The contents of scenario ``index``."""
        fill, where = jax.random.split(key)
        x, y, z = (count - 2 * self.walls for count in self.shape)
        low = jnp.arange(z) < round(self.cluttered * z)
        kind = jnp.where(low, random_scrap(fill, (x, y, z)), 0)
        present, sides = index % 2 == 0, (self.size, self.size, self.size)
        hiding = jnp.where(random_block(where, (x, y, z), sides, sides), 3, kind)
        kind, hiding = jnp.pad(kind, self.walls), jnp.pad(hiding, self.walls)
        return Contents(jnp.where(present, hiding, kind), present, jnp.where(present, kind, hiding))


def random_scrap(key: Key[Array, ""], shape: Shape) -> Int[Array, "nx ny nz"]:
    """0 for air, 1 for scrap and 2 for dense scrap: each voxel by itself, how much of it at random."""
    scrap, fill = jax.random.split(key)
    share = jax.random.uniform(fill, (), minval=LEAST_SCRAP, maxval=MOST_SCRAP)
    draw = jax.random.uniform(scrap, shape)
    return jnp.where(draw < DENSE * share, 2, jnp.where(draw < share, 1, 0))


def random_block(key: Key[Array, ""], shape: Shape, least: Shape, most: Shape) -> Block:
    """The voxels of a box of random place, its sides between ``least`` and ``most`` voxels."""
    corner, size = jax.random.split(key)
    sides = jax.random.randint(size, (3,), jnp.array(least), jnp.array(most) + 1)
    first = jnp.floor(jax.random.uniform(corner, (3,)) * (jnp.array(shape) + 1 - sides)).astype(int)
    x, y, z = (
        (jnp.arange(count) >= low) & (jnp.arange(count) < low + side)
        for count, low, side in zip(shape, first, sides, strict=True)
    )
    return x[:, None, None] & y[:, None] & z


def need_block(size: int, most: int, hidden: str) -> None:
    """Checks the block that is looked for: its sides in voxels, and its material.

    Raises:
        ProblemError: a size that does not fit, or an unknown material.
    """
    if not 1 <= size <= most:
        raise ProblemError(f"the block's side is {size} voxels; expected 1 to {most}.")
    if hidden not in names():
        raise ProblemError(f"the hidden material is {hidden!r}; expected one of {', '.join(names())}.")
