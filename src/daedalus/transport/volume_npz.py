"""Voxel maps in NumPy's .npz files: named arrays in a zip archive, read without trust in either."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from daedalus.errors import StageError, reading
from daedalus.transport.volume_fields import MOST_BYTES, Field, allow, header, known
from daedalus.transport.voxel_map import VoxelMap

_MOST_HEADER = 10_000  # of an array's description [bytes]
_SUFFIX = ".npy"


def read_npz(path: Path) -> dict[str, Field]:
    """The fields of an .npz file; nothing is unpacked before its size is known to be allowed.

    Raises:
        StageError: no such archive, arrays of objects, or arrays that are too large or shorter than they claim.
    """
    with reading(path, ".npz"), zipfile.ZipFile(path) as archive:
        members = {m.filename.removesuffix(_SUFFIX): m for m in archive.infolist() if m.filename.endswith(_SUFFIX)}
        chosen = known(path, list(members))
        total = sum(members[text].file_size for text in chosen.values())
        if total > MOST_BYTES:
            raise StageError(f"{path}: found {total} bytes unpacked; expected at most {MOST_BYTES}. Cut the map.")
        return {
            name: Field(_array(path, name, archive, members[text]), header(text)[1]) for name, text in chosen.items()
        }


def write_npz(path: Path, voxels: VoxelMap) -> None:
    """Writes a map as an .npz file, compressed, edges in metres."""
    arrays: dict[str, np.ndarray] = {f"{axis} [m]": getattr(voxels, axis) for axis in "xyz"}
    if voxels.kind is not None:
        arrays |= {"material": voxels.kind, "materials": np.array(voxels.materials)}
    if voxels.X0 is not None:
        arrays["X0 [m]"] = voxels.X0
    if voxels.density is not None:
        arrays["density [g/cm3]"] = voxels.density
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)  # pyright: ignore[reportArgumentType]


def _array(path: Path, name: str, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    """One array; its header decides whether the rest is read."""
    with archive.open(member) as file:
        version = npy.read_magic(file)
        if version == (1, 0):
            shape, columns_first, dtype = npy.read_array_header_1_0(file, _MOST_HEADER)
        elif version == (2, 0):
            shape, columns_first, dtype = npy.read_array_header_2_0(file, _MOST_HEADER)
        else:
            raise StageError(
                f"{path}, field '{name}': found version {version} of the array format; expected 1.0 or 2.0."
            )
        allow(path, name, shape, dtype)
        size = math.prod(shape) * dtype.itemsize
        content = file.read(size)
        if len(content) != size or file.read(1):
            raise StageError(
                f"{path}, field '{name}': found {len(content)} bytes or more, expected {size} for the shape {shape}; "
                "the file is damaged: write it again."
            )
    values = np.frombuffer(content, dtype).reshape(shape, order="F" if columns_first else "C")
    return values.astype(dtype.newbyteorder("="))
