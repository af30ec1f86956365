"""Volumes from files: what stands in every voxel, from NumPy (.npz), HDF5 (.h5, .hdf5) or VTK ImageData (.vti).

A file holds named fields, each with its unit in brackets behind its name, as in ``X0 [cm]``:

============  ==================  ===========================================================================
field         shape               meaning
============  ==================  ===========================================================================
``x``         nx + 1              edges of the voxels along x, increasing; with unit of length
``y``, ``z``  ny + 1, nz + 1      the same along y and z
``origin``    3                   instead of x, y, z: their first edges; with unit of length
``spacing``   3                   and the width of all voxels along each; with unit of length
``material``  nx, ny, nz          what a voxel holds: whole numbers, positions in ``materials`` from 0, or names
``materials`` number of them      names of `daedalus.physics.materials`, see `daedalus.physics.materials.names`
``X0``        nx, ny, nz          instead of material: radiation length, with unit of length
``density``   nx, ny, nz          may be left out; with unit of density
============  ==================  ===========================================================================

Axes are in the order x, y, z. Numbers are of any integer or floating type. Other fields are not read.

- **.npz**: arrays by these names, for instance ``numpy.savez("map.npz", **{"X0 [cm]": X0, "x [m]": x, ...})``. Pickled
  objects are refused.
- **.h5, .hdf5**: datasets of the root by these names; the unit may instead be the attribute ``units``, which wins.
  Needs h5py, of the extra ``io``.
- **.vti**: ``material``, ``X0`` and ``density`` are cell data (VTK lets x run fastest; that is looked after);
  WholeExtent, Origin and Spacing give the edges. The field data hold the texts ``materials`` and ``length_unit``, the
  unit of Origin and Spacing. One piece, no Direction; ascii, base64 or appended, uncompressed or compressed with zlib.

A file is not trusted. Its size and what its headers promise are checked before anything is unpacked: 50 million voxels
and 1 GiB at most. Whatever is wrong is told with the place: file, field, voxel.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from daedalus.errors import StageError
from daedalus.transport.volume import Volume
from daedalus.transport.volume_fields import Reader, Writer, allow_file, voxel_map
from daedalus.transport.volume_hdf5 import read_hdf5, write_hdf5
from daedalus.transport.volume_npz import read_npz, write_npz
from daedalus.transport.volume_vti import read_vti, write_vti
from daedalus.transport.voxel_map import VoxelMap

FORMATS: dict[str, tuple[Reader, Writer]] = {
    ".npz": (read_npz, write_npz),
    ".h5": (read_hdf5, write_hdf5),
    ".hdf5": (read_hdf5, write_hdf5),
    ".vti": (read_vti, write_vti),
}


def volume_from_file(
    path: Path | str, *, units: Mapping[str, str] | None = None, materials: Sequence[str] = ()
) -> Volume:
    """The volume in a file, ready for a transport.

    Of radiation lengths without a density no energy loss is known, and of radiation lengths altogether no scattering
    law but Highland's; see `daedalus.transport.voxel_map.VoxelMap.volume`. The derivative with respect to the numbers
    of the file is that of the volume's fields.

    Args:
        path: file ending in .npz, .h5, .hdf5 or .vti.
        units: units of fields for which the file says none, by name, e.g. {"X0": "cm"}; "length" stands for all edges.
        materials: names that whole numbers stand for, where the file has none.

    Raises:
        StageError: the file is not what this module's first page says; names file, field and voxel.
    """
    return voxel_map_from_file(path, units=units, materials=materials).volume()


def voxel_map_from_file(
    path: Path | str, *, units: Mapping[str, str] | None = None, materials: Sequence[str] = ()
) -> VoxelMap:
    """What a file says of every voxel, as numbers and names; see `volume_from_file`.

    Raises:
        StageError: the file is not what this module's first page says; names file, field and voxel.
    """
    place = Path(path)
    read, _ = _format(place)
    allow_file(place)
    return voxel_map(place, read(place), units or {}, tuple(materials))


def volume_to_file(path: Path | str, voxels: VoxelMap | Volume) -> None:
    """Makes or replaces a file with a map; of a volume its radiation lengths are written.

    Args:
        path: file ending in .npz, .h5, .hdf5 or .vti; its folder exists.
        voxels: what to write; a .vti file needs evenly spaced edges.

    Raises:
        StageError: an unknown format, a map that it cannot hold, or a file that cannot be written.
    """
    place = Path(path)
    _, write = _format(place)
    part = place.with_name(f".{place.stem}.{os.getpid()}.part{place.suffix}")
    try:
        write(part, VoxelMap.of(voxels) if isinstance(voxels, Volume) else voxels)
        os.replace(part, place)
    except OSError as cause:
        raise StageError(f"{place} cannot be written: {cause}. Choose another place.") from cause
    finally:
        part.unlink(missing_ok=True)


def _format(path: Path) -> tuple[Reader, Writer]:
    """How files of that ending are read and written."""
    if path.suffix.lower() not in FORMATS:
        raise StageError(f"{path}: unknown format '{path.suffix}'; expected a file ending in {', '.join(FORMATS)}.")
    return FORMATS[path.suffix.lower()]
