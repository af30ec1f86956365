"""Volumes: voxels filled with materials."""

from __future__ import annotations

import equinox as eqx
from jaxtyping import Array, Float

from daedalus.errors import StageError
from daedalus.geometry import Voxels


class Volume(eqx.Module):
    """Voxels and what a particle meets in them.

    Fields that a transport does not use may be None.
    """

    voxels: Voxels
    inverse_radiation_length: Float[Array, "nx ny nz"]  # 1 / X0 [1/m]
    minimum_ionisation: Float[Array, "nx ny nz"] | None = None  # energy loss of a minimum-ionising particle [GeV/m]
    screening: Float[Array, "nx ny nz 2"] | None = None  # densities of the two path integrals of Lynch and Dahl

    def __check_init__(self) -> None:
        """Checks that the fields fit the voxels.

        Raises:
            StageError: a field whose shape is not that of the grid.
        """
        for name in ("inverse_radiation_length", "minimum_ionisation"):
            field = getattr(self, name)
            if field is not None and field.shape != self.voxels.shape:
                raise StageError(f"{name} has shape {field.shape}; expected that of the voxels, {self.voxels.shape}.")
