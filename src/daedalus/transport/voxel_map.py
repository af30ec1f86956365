"""Voxel maps: what stands in every voxel, as plain numbers and names of materials, before a transport uses it."""

from __future__ import annotations

import dataclasses
from functools import cache

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from daedalus.errors import StageError
from daedalus.geometry import Voxels
from daedalus.physics.energy_loss import minimum_loss
from daedalus.physics.materials import material
from daedalus.transport.volume import Volume
from daedalus.units import cm

MOST_VOXELS = 50_000_000  # of a map, 368 along each axis [1]
FARTHEST = 1e6  # of an edge from the origin: beyond it a unit is wrong [m]
SHORTEST_X0 = 1e-6  # a thousandth of that of any known matter: below it a unit is wrong [m]
DENSEST = 1e3  # forty times that of osmium: above it a unit is wrong [g/cm3]
_ANCHORS = ("uranium", "lead", "copper", "iron", "silicon", "water", "polystyrene")


@dataclasses.dataclass(frozen=True, eq=False)
class VoxelMap:
    """Materials or radiation lengths on a rectilinear grid; exactly one of ``kind`` and ``X0`` is given.

    With materials, a density takes the place of the table's, and all that matter does grows in proportion to it. With
    radiation lengths, a density makes an energy loss known, see `volume`.
    """

    x: Float[np.ndarray, "x_edge"]  # edges, increasing [m]
    y: Float[np.ndarray, "y_edge"]  # edges, increasing [m]
    z: Float[np.ndarray, "z_edge"]  # edges, increasing [m]
    kind: Int[np.ndarray, "nx ny nz"] | None = None  # index into materials [1]
    materials: tuple[str, ...] = ()  # names of `daedalus.physics.materials`
    X0: Float[np.ndarray, "nx ny nz"] | None = None  # radiation length [m]
    density: Float[np.ndarray, "nx ny nz"] | None = None  # [g/cm3]

    def __post_init__(self) -> None:
        """Checks everything, so that a map can be used without a further thought.

        Raises:
            StageError: a wrong shape, edges that do not increase, an unknown material, an index without a material, or
                a number out of range; names field and voxel.
        """
        for axis in "xyz":
            object.__setattr__(self, axis, np.asarray(getattr(self, axis), float))
            _check_edges(axis, getattr(self, axis))
        if (self.kind is None) == (self.X0 is None):
            found = "neither" if self.kind is None else "both"
            raise StageError(f"found {found} of the fields 'material' and 'X0'; expected one of them: give one.")
        for name in ("X0", "density"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, np.asarray(getattr(self, name), float))
        for name, values in (("material", self.kind), ("X0", self.X0), ("density", self.density)):
            if values is not None and values.shape != self.shape:
                raise StageError(
                    f"field '{name}': found the shape {values.shape}, expected {self.shape}, one less than the edges "
                    "along x, y and z; check the order of its axes."
                )
        if self.kind is not None:
            self._check_materials(self.kind)
        if self.X0 is not None:
            good = np.isfinite(self.X0) & (self.X0 >= SHORTEST_X0)
            expected = f"a finite number of at least {SHORTEST_X0:g} m (for vacuum a large one, e.g. 1e6 m)"
            _need(good, self.X0, "X0", "m", expected)
        if self.density is not None:
            good = np.isfinite(self.density) & (self.density > 0.0) & (self.density <= DENSEST)
            _need(good, self.density, "density", "g/cm3", f"a positive number of at most {DENSEST:g} g/cm3")

    def _check_materials(self, kind: Int[np.ndarray, "nx ny nz"]) -> None:
        """Checks that every index has a material and every material is known."""
        for number, name in enumerate(self.materials):
            try:
                material(name)
            except StageError as cause:
                raise StageError(f"field 'materials', entry {number}: {cause}") from cause
        expected = f"an index from 0 to {len(self.materials) - 1}, one of the {len(self.materials)} materials"
        _need((kind >= 0) & (kind < len(self.materials)), kind, "material", "", expected)

    @property
    def shape(self) -> tuple[int, int, int]:
        """The number of voxels along x, y and z [1]."""
        return len(self.x) - 1, len(self.y) - 1, len(self.z) - 1

    def volume(self) -> Volume:
        """The volume for a transport.

        Of radiation lengths alone only scattering by Highland's law is known. With a density the energy loss of a
        minimum-ionising particle is that of a material of the table with this radiation length in g/cm2, interpolated
        between seven from uranium to polystyrene: right to 12 % for all materials of the table but beryllium, for which
        it is a fifth too large.
        """
        voxels = Voxels(*(_array(edges) for edges in (self.x, self.y, self.z)))
        if self.X0 is not None:
            loss = None if self.density is None else _array(_loss(self.X0, self.density))
            return Volume(voxels, _array(1.0 / self.X0), loss)
        table = [material(name) for name in self.materials]
        assert self.kind is not None  # checked when it was made
        full = Volume.of(voxels, jnp.asarray(self.kind.astype(np.int32)), table)
        if self.density is None:
            return full
        ratio = _array(self.density / np.array([m.density for m in table])[self.kind])
        names = ("inverse_radiation_length", "minimum_ionisation", "characteristic", "screening")
        return Volume(voxels, *(getattr(full, name) * ratio for name in names))

    @staticmethod
    def of(volume: Volume) -> VoxelMap:
        """The map of radiation lengths of a volume: what it is made of cannot be read back."""
        voxels = volume.voxels
        x, y, z = (np.asarray(axis, float) for axis in (voxels.x, voxels.y, voxels.z))
        return VoxelMap(x, y, z, X0=1.0 / np.asarray(volume.inverse_radiation_length, float))


def _array(values: Float[np.ndarray, "..."]) -> jnp.ndarray:
    return jnp.asarray(values, jnp.result_type(float))


def _check_edges(axis: str, edges: np.ndarray) -> None:
    """Checks the edges along one axis."""
    if edges.ndim != 1 or len(edges) < 2:
        raise StageError(f"field '{axis}': found the shape {edges.shape}, expected a row of two edges or more.")
    bad = ~(np.abs(edges) <= FARTHEST)  # also what is not a number
    if bad.any():
        place = int(np.argmax(bad))
        raise StageError(
            f"field '{axis}', edge {place}: found {edges[place]:.6g} m, expected a finite number of at most "
            f"{FARTHEST:g} m in size; check value and unit."
        )
    falls = np.diff(edges) <= 0.0
    if falls.any():
        place = int(np.argmax(falls))
        raise StageError(
            f"field '{axis}', edges {place} and {place + 1}: found {edges[place]:.9g} m and then "
            f"{edges[place + 1]:.9g} m, expected edges that increase; sort them, and the field with them."
        )


def _need(good: Bool[np.ndarray, "nx ny nz"], values: np.ndarray, name: str, unit: str, expected: str) -> None:
    """Raises a StageError naming the first voxel whose value is not what is expected."""
    if not good.all():
        voxel = tuple(int(i) for i in np.unravel_index(int(np.argmin(good)), good.shape))
        found = f"{values[voxel]:.6g} {unit}".strip()
        raise StageError(f"field '{name}', voxel {voxel}: found {found}, expected {expected}; correct the value.")


@cache
def _anchors() -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Radiation lengths [g/cm2], increasing, and minimum losses [GeV cm2/g per m] of some materials."""
    table = [material(name) for name in _ANCHORS]
    return tuple(m.X0_mass for m in table), tuple(minimum_loss(m) / m.density for m in table)


def _loss(X0: Float[np.ndarray, "nx ny nz"], density: Float[np.ndarray, "nx ny nz"]) -> Float[np.ndarray, "nx ny nz"]:
    """The mean energy loss of a minimum-ionising particle [GeV/m], see `VoxelMap.volume`."""
    lengths, losses = _anchors()
    return density * np.interp(X0 / cm * density, lengths, losses)
