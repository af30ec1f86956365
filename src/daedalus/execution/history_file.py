"""Histories as Parquet files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet

from daedalus.core import History
from daedalus.errors import RunError
from daedalus.execution.files import replacing


def write_history(path: Path, history: History) -> None:
    """Makes or replaces the Parquet file of a history; columns keep their names, order and types."""
    columns = {
        name: pa.array(values.tolist() if values.dtype.kind == "U" else values)
        for name, values in history.columns.items()
    }
    with replacing(path) as part:
        parquet.write_table(pa.table(columns), part)


def read_history_file(path: Path) -> History:
    """The history in a Parquet file.

    Raises:
        RunError: the file is missing, is no Parquet file, or lacks the columns of a history.
    """
    try:
        table = parquet.read_table(path)
    except FileNotFoundError as cause:
        raise RunError(f"there is no history {path}: the run ended before its first chunk of rounds.") from cause
    except (OSError, pa.ArrowException) as cause:
        raise RunError(f"{path} cannot be read as a Parquet file: {cause}.") from cause
    missing = {"row", "round", "start", "status", "loss"} - set(table.column_names)
    if missing:
        raise RunError(f"{path} has no column {', '.join(sorted(missing))}; it is not the history of a run.")
    return History({name: _array(column) for name, column in zip(table.column_names, table.columns, strict=True)})


def _array(column: pa.ChunkedArray) -> np.ndarray:
    return np.array(column.to_pylist(), str) if pa.types.is_string(column.type) else column.to_numpy()
