"""Named columns of numbers with units, read from CSV, Parquet or ROOT; errors name file, row and column."""

import csv
import difflib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from daedalus.errors import DesignError, StageError, reading
from daedalus.units import dimension, unit

HOUSE_UNITS = {  # of the columns a muon file may have
    "x": "m",
    "y": "m",
    "z": "m",
    "px": "GeV",
    "py": "GeV",
    "pz": "GeV",
    "p": "GeV",
    "theta": "rad",
    "phi": "rad",
    "weight": "1",
    "time": "ns",
}
LARGEST = 1e15  # number of a column in house units: squares of it are finite in single precision too
LATEST = 1e30  # time: more than the age of the universe [ns]
_HEADER = re.compile(r"^\s*(?P<name>[^\[\]]+?)\s*(?:\[(?P<unit>[^\[\]]*)\])?\s*$")
_FIRST_LINE = {".csv": 2}  # line of a file's first row, where it has lines


class Columns:
    """Columns of a file in house units, by name.

    Args:
        path: file they come from, for messages.
        table: numbers by column name, in house units.
    """

    def __init__(self, path: Path, table: dict[str, Float[np.ndarray, "row"]]) -> None:
        self.path = path
        self.table = table

    def __contains__(self, name: str) -> bool:
        """True if the file has the column."""
        return name in self.table

    def values(self, name: str) -> Float[np.ndarray, "row"]:
        """A column in house units.

        Raises:
            StageError: the file has no such column.
        """
        if name not in self.table:
            raise self.missing((name,))
        return self.table[name]

    def need(self, good: Bool[np.ndarray, "row"], name: str, expected: str) -> None:
        """Raises a StageError naming the first row at which a column is not what is expected."""
        if not good.all():
            row = int(np.argmin(good))
            raise StageError(
                f"{place(self.path, row)}, column '{name}': found {self.table[name][row]:.6g} "
                f"(in house units), expected {expected}; correct or remove the row."
            )

    def missing(self, *sets: tuple[str, ...]) -> StageError:
        """The error to raise where none of several sets of columns is complete."""
        lacking = " or ".join(", ".join(f"'{name}'" for name in names if name not in self.table) for names in sets)
        have = ", ".join(f"'{name}'" for name in self.table) or "none"
        return StageError(
            f"{self.path}: missing columns {lacking}; found {have}. A muon file needs x, y, z and either "
            "px, py, pz or theta, phi, p, each with its unit, e.g. 'x [cm]'."
        )


def read_columns(path: Path, units: dict[str, str], tree: str = "") -> Columns:
    """The columns of a file that a muon can use, in house units.

    Args:
        path: file ending in .csv, .parquet or .root.
        units: units of columns whose header has none.
        tree: name of the tree in a ROOT file; "muons", or the only one there is, by default.

    Raises:
        StageError: unknown format, unreadable file, unknown unit, no rows, or a value that is not a finite
            number.
    """
    readers: dict[str, Callable[[], dict[str, np.ndarray]]] = {
        ".csv": lambda: _read_csv(path),
        ".parquet": lambda: _read_parquet(path),
        ".root": lambda: _read_root(path, tree),
    }
    if path.suffix.lower() not in readers:
        raise StageError(f"{path}: unknown format '{path.suffix}'; expected a file ending in {', '.join(readers)}.")
    if not path.is_file():
        raise StageError(f"{path}: there is no such file; expected a file of muons. Check the path.")
    columns = Columns(path, {})
    for header, numbers in readers[path.suffix.lower()]().items():
        name, factor = _name_and_factor(path, header, units)
        if name in HOUSE_UNITS:
            if name in columns:
                raise StageError(f"{path}: column '{name}' occurs twice; keep one of them.")
            with np.errstate(over="ignore"):
                columns.table[name] = numbers * factor
            most = LARGEST if name != "time" else LATEST
            good = np.abs(columns.table[name]) <= most
            columns.need(good, name, f"a finite number of at most {most:g} in size")
    if not columns.table:
        raise columns.missing(("x", "y", "z"))
    lengths = {name: len(values) for name, values in columns.table.items()}
    if len(set(lengths.values())) > 1:
        raise StageError(
            f"{path}: found columns of different lengths ({lengths}); expected equal ones: write it again."
        )
    if not len(next(iter(columns.table.values()))):
        raise StageError(f"{path}: the file has a header but no rows; expected one muon per row.")
    return columns


def place(path: Path, row: int) -> str:
    """A row, counted from 0, in words: counted from 1, with the line where the file has lines."""
    first = _FIRST_LINE.get(path.suffix.lower())
    return f"{path}, row {row + 1}" + (f" (line {row + first})" if first else "")


def _name_and_factor(path: Path, header: str, units: dict[str, str]) -> tuple[str, float]:
    """Column name and the factor to house units from a header such as ``x [cm]``."""
    match = _HEADER.match(header)
    name = match["name"].strip().strip('"') if match else header
    text = (match["unit"] if match else None) or units.get(name) or HOUSE_UNITS.get(name)
    if name not in HOUSE_UNITS or text is None:
        return name, 1.0
    house = HOUSE_UNITS[name]
    try:
        factor, same = unit(text), dimension(text) == dimension(house)
    except (DesignError, OverflowError, ZeroDivisionError) as error:  # m999999 is a unit, too
        raise StageError(f"{path}: column '{name}' has the unit '{text}': {error}") from error
    if not same:
        raise StageError(f"{path}: column '{name}' has the unit '{text}'; expected one of the kind of '{house}'.")
    return name, factor


def _read_csv(path: Path) -> dict[str, np.ndarray]:
    """Columns by header; a malformed cell is found again row by row, so that it can be named."""
    from pyarrow import ArrowException, float64
    from pyarrow import csv as arrow_csv

    with reading(path, "CSV"), path.open(newline="", encoding="utf-8-sig") as lines:
        header = next(csv.reader(lines), [])
    if not header:
        raise StageError(f"{path}: the file is empty; expected a header and one muon per row.")
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise StageError(f"{path}: column '{twice}' occurs twice; keep one of them.")
    options = arrow_csv.ConvertOptions(column_types=dict.fromkeys(header, float64()), strings_can_be_null=False)
    with reading(path, "CSV"):
        try:
            table = arrow_csv.read_csv(path, convert_options=options)
            return {name: table.column(i).to_numpy() for i, name in enumerate(header)}
        except (ArrowException, IndexError) as error:  # IndexError: other columns than the header's first line says
            raise _csv_fault(path, header, str(error)) from error


def _csv_fault(path: Path, header: list[str], reason: str) -> StageError:
    """The error that names the first cell of a CSV file that is no number, or row of wrong length."""
    with path.open(newline="", encoding="utf-8-sig") as lines:
        rows = csv.reader(lines)
        next(rows)
        for number, row in enumerate(rows):
            if row and len(row) != len(header):
                return StageError(f"{place(path, number)}: found {len(row)} values, expected {len(header)}.")
            for name, cell in zip(header, row, strict=False):
                if not _is_number(cell):
                    return StageError(
                        f"{place(path, number)}, column '{name}': found '{cell}', expected a number; correct the cell."
                    )
    return StageError(f"{path}: not a readable CSV file ({reason}); expected a header and one muon per row.")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _read_parquet(path: Path) -> dict[str, np.ndarray]:
    """Columns by header; only those are read that a muon can use."""
    from pyarrow import ArrowException, float64, parquet

    numbers: dict[str, np.ndarray] = {}
    with reading(path, "Parquet"), parquet.ParquetFile(path) as file:
        names = file.schema_arrow.names
        chosen = [name for name in names if _name_and_factor(path, name, {})[0] in HOUSE_UNITS]
        if len(set(chosen)) < len(chosen):
            twice = next(name for name in chosen if chosen.count(name) > 1)
            raise StageError(f"{path}: column '{twice}' occurs twice; keep one of them.")
        table = file.read(columns=chosen)
        for name in table.column_names:
            try:
                numbers[name] = table.column(name).cast(float64()).to_numpy()  # null becomes nan, and is named as such
            except ArrowException as error:
                raise StageError(f"{path}, column '{name}': {error}; expected numbers.") from error
    return numbers


def _read_root(path: Path, tree: str) -> dict[str, np.ndarray]:
    """Branches by name."""
    try:
        import uproot  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise StageError(
            f"{path}: reading ROOT files needs the package uproot; install it with "
            "pip install 'daedalus-design[io]', or convert the file to Parquet."
        ) from error
    opened: Any = uproot.open  # what it returns depends on the path, says its annotation
    with reading(path, "ROOT"), opened(path) as found:
        trees = sorted({key.split(";")[0] for key, kind in found.classnames(cycle=True).items() if kind in _TREES})
        chosen = tree or ("muons" if "muons" in trees or len(trees) != 1 else trees[0])
        if chosen not in trees:
            near = difflib.get_close_matches(chosen, trees, n=1) or trees
            raise StageError(f"{path}: no tree '{chosen}'; found {', '.join(near) or 'none'}. Name it with tree=...")
        _check_pages(path, found[chosen])
        useful = lambda name: _name_and_factor(path, name, {})[0] in HOUSE_UNITS
        branches = found[chosen].arrays(filter_name=useful, library="np")
        return {name: _flat(path, name, values) for name, values in branches.items()}


def _check_pages(path: Path, tuples: Any) -> None:
    """Checks that no page of an RNTuple promises more numbers than its bytes can hold: room would be made for them."""
    for cluster in getattr(tuples, "page_link_list", ()):
        for column in cluster:
            for page in column.pages:
                if page.num_elements > 8 * _COMPRESSION * page.locator.num_bytes:
                    raise StageError(
                        f"{path}: found a page of {page.num_elements} numbers in {page.locator.num_bytes} bytes; "
                        "the file is damaged: write it again."
                    )


def _flat(path: Path, name: str, values: np.ndarray) -> np.ndarray:
    """A branch with one number per event."""
    if values.ndim != 1 or values.dtype.kind not in "iufb":
        raise StageError(f"{path}, column '{name}': found {values.dtype} of shape {values.shape}; expected numbers.")
    return values.astype(float)


_COMPRESSION = 2000  # more than any page is compressed by: zlib reaches 1032 [1]
_TREES = ("TTree", "ROOT::RNTuple")
