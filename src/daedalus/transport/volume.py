"""Volumes: voxels filled with materials."""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from daedalus.errors import StageError
from daedalus.geometry import Voxels
from daedalus.physics.energy_loss import minimum_loss
from daedalus.physics.materials import Material


class Volume(eqx.Module):
    """Voxels and what a particle meets in them; `Volume.of` fills them with materials.

    Fields that a transport does not use may be None.
    """

    voxels: Voxels
    inverse_radiation_length: Float[Array, "nx ny nz"]  # 1 / X0 [1/m]
    minimum_ionisation: Float[Array, "nx ny nz"] | None = None  # energy loss of a minimum-ionising particle [GeV/m]
    characteristic: Float[Array, "nx ny nz"] | None = None  # density of Lynch and Dahl's first path integral
    screening: Float[Array, "nx ny nz"] | None = None  # density of their second one

    def __check_init__(self) -> None:
        """Checks that the fields fit the voxels.

        Raises:
            StageError: a field whose shape is not that of the grid.
        """
        for name in ("inverse_radiation_length", "minimum_ionisation", "characteristic", "screening"):
            field = getattr(self, name)
            if field is not None and field.shape != self.voxels.shape:
                raise StageError(f"{name} has shape {field.shape}; expected that of the voxels, {self.voxels.shape}.")

    @staticmethod
    def of(voxels: Voxels, kind: Int[Array, "nx ny nz"], materials: Sequence[Material]) -> "Volume":
        """The volume whose voxels hold ``materials[kind]``."""
        tables = (
            [1.0 / m.X0 for m in materials],
            [minimum_loss(m) for m in materials],
            [m.characteristic_density for m in materials],
            [m.screening_density for m in materials],
        )
        return Volume(voxels, *(jnp.asarray(table)[kind] for table in tables))
