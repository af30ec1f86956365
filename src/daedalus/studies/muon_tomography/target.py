"""The target of a scan: what stands in the volume, air or a file's, and what is put into it at random."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from daedalus.errors import ProblemError
from daedalus.geometry import Box, Voxels
from daedalus.physics.materials import Material, material
from daedalus.studies.muon_tomography.contents import Contents
from daedalus.studies.muon_tomography.options import ScanOptions
from daedalus.transport.volume import Volume
from daedalus.transport.volume_file import volume_from_file
from daedalus.units import m

_FIELDS = ("inverse_radiation_length", "minimum_ionisation", "characteristic", "screening")
_OUTSIDE = 1e-6 * m  # by which a file's volume may stick out: rounding


@dataclasses.dataclass(frozen=True, eq=False)
class Target:
    """A volume at rest, and the materials put into some of its voxels, scan by scan.

    Attributes:
        rest: what stands there always.
        inserts: materials by number of `Contents.kind`, from 1; 0 is what stands there always.
    """

    rest: Volume
    inserts: tuple[Material, ...] = ()

    @staticmethod
    def of_air(voxels: Voxels, inserts: Sequence[Material]) -> Target:
        """A volume of air."""
        return Target(Volume.of(voxels, jnp.zeros(voxels.shape, int), [material("air")]), tuple(inserts))

    @property
    def voxels(self) -> Voxels:
        """The grid."""
        return self.rest.voxels

    def volume(self, contents: Contents) -> Volume:
        """The volume of one scan."""
        side = jnp.array([0.0, 1.0])
        one = Voxels(side, side, side)
        fields: dict[str, Any] = {name: getattr(self.rest, name) for name in _FIELDS}
        for number, insert in enumerate(self.inserts, 1):
            whole = Volume.of(one, jnp.zeros((1, 1, 1), int), [insert])
            for name, field in fields.items():
                if field is not None:
                    fields[name] = jnp.where(contents.kind == number, getattr(whole, name), field)
        return Volume(self.voxels, **fields)

    def density(self, contents: Contents) -> Float[Array, "*scenario nx ny nz"]:
        """The true inverse radiation length of every voxel [1/m]."""
        return self._density(contents.kind)

    def densities(self, contents: Contents) -> tuple[Float[Array, "nx ny nz"], Float[Array, "nx ny nz"]]:
        """The inverse radiation length of every voxel [1/m] with what is looked for, and without."""
        kind, other = self._density(contents.kind), self._density(contents.other)
        return jnp.where(contents.present, kind, other), jnp.where(contents.present, other, kind)

    def _density(self, kind: Int[Array, "*scenario nx ny nz"]) -> Float[Array, "*scenario nx ny nz"]:
        found = self.rest.inverse_radiation_length
        for number, insert in enumerate(self.inserts, 1):
            found = jnp.where(kind == number, 1.0 / insert.X0, found)
        return jnp.broadcast_to(found, kind.shape)

    def untouched(self) -> Contents:
        """The contents into which nothing is put."""
        kind = jnp.zeros(self.voxels.shape, int)
        return Contents(kind, jnp.asarray(True), kind)


def target_from_file(path: str, room: Voxels, inserts: Sequence[Material], options: ScanOptions) -> Target:
    """The target in a file (`daedalus.transport.volume_file`), which must stand within a room.

    Args:
        path: of the file.
        room: what the detectors leave free.
        inserts: materials put into it at random.
        options: whose physics the file must allow.

    Raises:
        StageError: a file that cannot be read; names the field and the voxel.
        ProblemError: a volume that sticks out of the room, or that lacks what the physics needs.
    """
    rest = volume_from_file(Path(path))
    given, free = rest.voxels.box, room.box
    if bool(jnp.any(given.lower < free.lower - _OUTSIDE) | jnp.any(given.upper > free.upper + _OUTSIDE)):
        told = lambda box: " to ".join(
            str(tuple(float(f"{c:.6g}") for c in np.asarray(end))) for end in (box.lower, box.upper)
        )
        raise ProblemError(
            f"the volume in {path} reaches from {told(given)} m; expected it within {told(free)} m. Move or crop it."
        )
    if options.energy_loss and rest.minimum_ionisation is None:
        raise ProblemError(
            f"the volume in {path} has radiation lengths without densities, so that no energy loss is known; expected "
            "densities, materials, or --set energy_loss=false."
        )
    if options.scattering == "lynch_dahl" and rest.characteristic is None:
        raise ProblemError(
            f"the volume in {path} has radiation lengths only; expected materials, or --set scattering=highland."
        )
    return Target(rest, tuple(inserts))


def _told(box: Box) -> str:
    """A box in words."""
    corners = (", ".join(f"{c:.6g}" for c in np.asarray(end)) for end in (box.lower, box.upper))
    return " to ".join(f"({corner})" for corner in corners)
