"""Learned leaves as files: arrays by name as NumPy's .npz, which holds numbers only and executes nothing."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import numpy as np

from daedalus.core.leaves import Leaves
from daedalus.errors import RunError
from daedalus.execution.files import replacing


def write_leaves(path: Path, leaves: Leaves) -> str:
    """Makes or replaces a file of leaves, and returns its SHA-256."""
    with replacing(path) as part:
        np.savez(part, allow_pickle=False, **{name: np.asarray(leaf) for name, leaf in leaves.items()})
    return _digest(path)


def read_leaves(path: Path, digest: str | None = None) -> dict[str, np.ndarray]:
    """The leaves in a file.

    Args:
        path: the file.
        digest: its SHA-256, where that is known.

    Raises:
        RunError: the file is missing, another one, or holds no leaves.
    """
    if not path.is_file():
        raise RunError(f"there is no file {path}, which holds what the design has learned. Keep it beside the design.")
    if digest is not None and _digest(path) != digest:
        raise RunError(
            f"{path} is not the file that was written with the design (its SHA-256 differs), so that it holds what "
            "another one has learned. Put back the one that belongs to the design."
        )
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (ValueError, OSError, zipfile.BadZipFile) as cause:
        raise RunError(
            f"{path} holds no learned leaves: {cause}. Expected arrays as numpy.savez writes them."
        ) from cause


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
