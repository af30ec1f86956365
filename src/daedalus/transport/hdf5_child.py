"""A program that reads one HDF5 file and hands on what is in it; it runs alone, in a process of its own.

The library that reads HDF5 may crash on a damaged file, which no exception tells; here it takes no more with it than
this process. Run as a script with the file's path. It says in one line of JSON what the root holds, is told in one line
which datasets are wanted, and writes them: numbers as little-endian bytes in C order, texts as one line of JSON. An
exception becomes a line {"error": text}. It imports nothing of Daedalus, so that it starts at once.
"""

import itertools
import json
import sys
from contextlib import suppress
from typing import Any, BinaryIO

import numpy as np

MOST_MEMBERS = 1000  # of the root that are described [1]
MOST_MEMORY = 2**34  # of this process [bytes]
FILTERS = ("gzip", None)  # compressions that are read


def description(h5py: Any, file: Any, name: str) -> dict[str, Any]:
    """What a member of the root is: a reason to refuse it, or its shape, type (None for texts), width and unit."""
    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        return {"refused": "a link to something elsewhere"}
    dataset = file[name]
    if not isinstance(dataset, h5py.Dataset) or dataset.shape is None:
        return {"refused": f"a {type(dataset).__name__} without values"}
    if dataset.is_virtual or dataset.external:
        return {"refused": "values in another file"}
    if dataset.compression not in FILTERS:
        return {"refused": f"the compression {dataset.compression!r}"}
    unit = dataset.attrs.get("units")
    unit = unit.decode() if isinstance(unit, bytes) else unit
    if unit is not None and not isinstance(unit, str):
        return {"refused": f"the attribute units = {str(unit)[:40]!r}, which is no text"}
    texts = h5py.check_string_dtype(dataset.dtype)
    if texts is None and (dataset.dtype.names or dataset.dtype.kind == "O" or dataset.dtype.subdtype):
        return {"refused": f"the type {str(dataset.dtype)[:40]}"}
    dtype = None if texts else dataset.dtype.newbyteorder("<").str
    return {"shape": dataset.shape, "dtype": dtype, "width": texts.length if texts else None, "unit": unit}


def hand_over(h5py: Any, dataset: Any, out: BinaryIO) -> None:
    """Writes the values of a dataset."""
    if h5py.check_string_dtype(dataset.dtype) is None:
        values = np.asarray(dataset[()])
        out.write(values.astype(values.dtype.newbyteorder("<")).tobytes())
    else:
        out.write(json.dumps(np.asarray(dataset.asstr()[()]).tolist()).encode() + b"\n")


def main(path: str) -> None:
    """Answers for one file; see the top."""
    import h5py  # pyright: ignore[reportMissingImports]

    with suppress(ImportError, ValueError, OSError):  # not every system has limits
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    out = sys.stdout.buffer
    try:
        with h5py.File(path, "r") as file:
            members = {name: description(h5py, file, name) for name in itertools.islice(file, MOST_MEMBERS)}
            out.write(json.dumps(members).encode() + b"\n")
            out.flush()
            for name in json.loads(sys.stdin.readline() or "[]"):
                hand_over(h5py, file[name], out)
    except Exception as cause:  # HDF5 promises nothing about damaged files
        out.write(json.dumps({"error": f"{type(cause).__name__}: {cause}"}).encode() + b"\n")


if __name__ == "__main__":
    main(sys.argv[1])
