"""Voxel maps in HDF5 files: named datasets whose attribute ``units`` says their unit."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from daedalus.errors import StageError, reading
from daedalus.transport.volume_fields import MOST_BYTES, Field, allow, header, known
from daedalus.transport.voxel_map import VoxelMap

PATIENCE_WITH_LIST = 60.0  # until it is said what the file holds [s]
PATIENCE = 600.0  # with the values [s]
_MOST_TEXTS = 1_000_000  # of a field [1]
_MOST_LINE = 2**26  # of a line of JSON [bytes]


def read_hdf5(path: Path) -> dict[str, Field]:
    """The fields of an HDF5 file: datasets of its root, read by a process of its own (see `hdf5_child`).

    Raises:
        StageError: h5py is not installed, the file is damaged, or a dataset lies elsewhere or is too large.
    """
    if importlib.util.find_spec("h5py") is None:
        raise _missing(path)
    with reading(path, "HDF5"), _child(path) as process:
        ask, answer = process.stdin, process.stdout
        assert ask is not None  # both are pipes
        assert answer is not None
        with _at_most(PATIENCE_WITH_LIST, process):
            members = _line(path, answer)
        chosen = known(path, list(members))
        for name, text in chosen.items():
            _check(path, name, members[text])
        units = {name: members[text]["unit"] or header(text)[1] for name, text in chosen.items()}
        with _at_most(PATIENCE, process):
            ask.write(json.dumps(list(chosen.values())).encode() + b"\n")
            ask.flush()
            values = {name: _values(path, name, members[text], answer) for name, text in chosen.items()}
        return {name: Field(found, units[name]) for name, found in values.items()}


def write_hdf5(path: Path, voxels: VoxelMap) -> None:
    """Writes a map as an HDF5 file, compressed, edges in metres.

    Raises:
        StageError: h5py is not installed.
    """
    try:
        import h5py  # pyright: ignore[reportMissingImports]
    except ImportError as cause:
        raise _missing(path) from cause
    with h5py.File(path, "w") as file:

        def add(name: str, values: Any, unit: str, **how: Any) -> None:
            file.create_dataset(name, data=values, **how).attrs["units"] = unit

        for axis in "xyz":
            add(axis, getattr(voxels, axis), "m")
        if voxels.kind is not None:
            file.create_dataset("material", data=voxels.kind, compression="gzip")
            file.create_dataset("materials", data=list(voxels.materials))
        if voxels.X0 is not None:
            add("X0", voxels.X0, "m", compression="gzip")
        if voxels.density is not None:
            add("density", voxels.density, "g/cm3", compression="gzip")


def _missing(path: Path) -> StageError:
    return StageError(
        f"{path}: HDF5 files need the package h5py; install it with pip install 'daedalus-design[io]', or take .npz."
    )


@contextmanager
def _child(path: Path) -> Iterator[subprocess.Popen[Any]]:
    """The process that reads the file."""
    program = Path(__file__).with_name("hdf5_child.py")
    alone = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # threads would reserve memory
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([sys.executable, "-P", program, path.absolute()], env=alone, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def _at_most(seconds: float, process: subprocess.Popen[Any]) -> Iterator[None]:
    """A block that ends because the process is ended, if it takes longer: a damaged file may keep it for ever."""
    clock = threading.Timer(seconds, process.kill)
    clock.daemon = True
    clock.start()
    try:
        yield
    finally:
        clock.cancel()


def _line(path: Path, answer: IO[bytes]) -> Any:
    """A line that the process has written."""
    line = answer.readline(_MOST_LINE)
    if not line.endswith(b"\n"):
        raise StageError(
            f"{path}: the HDF5 library crashed on the file, or came to no end; it is damaged: write it again."
        )
    content = json.loads(line)
    if isinstance(content, dict) and isinstance(content.get("error"), str):
        raise StageError(f"{path}: not a readable HDF5 file ({content['error'][:200]}); write it again.")
    return content


def _check(path: Path, name: str, member: dict[str, Any]) -> None:
    """Checks what is said of a dataset before it is read."""
    place = f"{path}, field '{name}'"
    if "refused" in member:
        raise StageError(
            f"{place}: found {member['refused']}; expected a dataset of numbers or texts in this file, uncompressed or "
            "with gzip: write it so."
        )
    shape, texts = tuple(member["shape"]), member["dtype"] is None
    allow(path, name, shape, np.dtype(f"S{member['width'] or 1}" if texts else member["dtype"]))
    if texts and math.prod(shape) > _MOST_TEXTS:
        raise StageError(
            f"{place}: found {math.prod(shape)} texts, expected at most {_MOST_TEXTS}; "
            "write whole numbers, and their names once in 'materials'."
        )


def _values(path: Path, name: str, member: dict[str, Any], answer: IO[bytes]) -> np.ndarray:
    """The values of a dataset, as the process hands them over."""
    shape = tuple(member["shape"])
    if member["dtype"] is None:
        return np.asarray(_line(path, answer), np.str_).reshape(shape)
    dtype = np.dtype(member["dtype"])
    size = math.prod(shape) * dtype.itemsize
    assert size <= MOST_BYTES  # checked before
    content = answer.read(size)
    if len(content) != size:
        reason = content[-200:].decode("utf-8", "replace").strip().splitlines()[-1:] or ["the library crashed"]
        raise StageError(f"{path}, field '{name}': not readable ({reason[0]}); the file is damaged: write it again.")
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="))
