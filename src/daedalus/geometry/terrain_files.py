"""Terrain from arrays and files: ESRI ASCII grids (.asc) and NumPy archives (.npz), checked on reading."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float

from daedalus.errors import StageError
from daedalus.geometry.terrain import Terrain

_HEADER = {"ncols", "nrows", "xllcorner", "yllcorner", "xllcenter", "yllcenter", "cellsize", "nodata_value"}
_UNEVEN = 1e-3  # of the spacing of nodes that is put down to rounding in the file [1]


def terrain(
    x: Float[np.ndarray, "*x"], y: Float[np.ndarray, "*y"], heights: Float[np.ndarray, "*node"], steps: int = 256
) -> Terrain:
    """The terrain of arrays.

    Args:
        x: of the columns [m], evenly spaced, growing.
        y: of the rows [m], evenly spaced, growing.
        heights: [m], row after row.
        steps: points at which a ray is compared with the surface [1].

    Raises:
        StageError: shapes that do not fit, fewer than two nodes, uneven spacing, or heights that are not finite.
    """
    x, y, heights = (np.asarray(each, float) for each in (x, y, heights))
    if x.ndim != 1 or y.ndim != 1 or min(x.size, y.size) < 2 or heights.shape != (y.size, x.size):
        raise StageError(
            f"a terrain has x of shape {x.shape}, y of shape {y.shape} and heights of shape {heights.shape}; expected "
            "at least two nodes along each and heights of shape (y, x). Transpose them if their rows run along x."
        )
    for name, axis in (("x", x), ("y", y)):
        gaps = np.diff(axis)
        if not gaps.min() > 0 or np.ptp(gaps) > _UNEVEN * gaps.mean():
            raise StageError(
                f"the terrain's {name} has spacings of {gaps.min():.6g} to {gaps.max():.6g} m; expected one positive "
                "spacing. Sort the nodes, or resample the heights on an even grid."
            )
    gone = ~np.isfinite(heights)
    if gone.any():
        row, column = np.argwhere(gone)[0]
        raise StageError(
            f"{gone.sum()} of the terrain's {heights.size} heights are missing, the first at x = {x[column]:.6g} m, "
            f"y = {y[row]:.6g} m; expected a finite height at every node. Fill the holes or cut the map."
        )
    corner, spacing = (float(x[0]), float(y[0])), (float(np.diff(x).mean()), float(np.diff(y).mean()))
    return Terrain(heights, corner, spacing, steps)


def read_terrain(path: str | Path, steps: int = 256) -> Terrain:
    """The terrain of a file: an ESRI ASCII grid (.asc) or a NumPy archive (.npz) with x, y and heights [m].

    Heights of an ASCII grid belong to the middles of its cells; rows run from north to south. Coordinates must be
    metres of a projected system (UTM, national grid), not degrees.

    Args:
        path: the file.
        steps: points at which a ray is compared with the surface [1].

    Raises:
        StageError: a file that is missing, of another kind, malformed, or holds no usable terrain.
    """
    path = Path(path)
    if not path.is_file():
        raise StageError(f"there is no file {path}; expected a terrain as .asc (ESRI ASCII grid) or .npz.")
    if path.suffix.lower() not in (".asc", ".npz"):
        raise StageError(f"{path.name} ends in {path.suffix!r}; expected a terrain as .asc (ESRI ASCII grid) or .npz.")
    try:
        return terrain(*(_ascii_grid(path) if path.suffix.lower() == ".asc" else _archive(path)), steps)
    except StageError as cause:
        raise StageError(f"{path.name}: {cause}") from cause


def _archive(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as found:
            missing = {"x", "y", "heights"} - set(found.files)
            if missing:
                held = ", ".join(found.files) or "nothing"
                raise StageError(f"it holds {held}; expected the arrays x, y and heights. Name them so in np.savez.")
            return found["x"], found["y"], found["heights"]
    except (OSError, ValueError) as cause:
        raise StageError(f"it cannot be read ({cause}); expected an archive as np.savez writes it.") from cause


def _ascii_grid(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    header, values = _header_and_values(path)
    missing = {"ncols", "nrows", "cellsize"} - set(header)
    missing |= {f"{axis}llcorner" for axis in "xy" if not {f"{axis}llcorner", f"{axis}llcenter"} & set(header)}
    if missing:
        raise StageError(f"its header lacks {', '.join(sorted(missing))}; expected those of an ESRI ASCII grid.")
    columns, rows, cell = int(header["ncols"]), int(header["nrows"]), header["cellsize"]
    if values.size != rows * columns or min(rows, columns) < 2 or not cell > 0:
        raise StageError(
            f"it holds {values.size} heights in cells of {cell:g} m; its header announces {rows} rows of {columns}; "
            "expected rows x columns heights, at least two of each, and a positive cellsize. Export the grid anew."
        )
    if np.abs([header.get("xllcorner", 1e9), header.get("yllcorner", 1e9)]).max() <= 180 and cell < 0.1:
        raise StageError(
            f"its cells are {cell:g} wide: degrees, it seems; expected metres. Project the map (UTM) before."
        )
    heights = values.reshape(rows, columns)[::-1]
    if "nodata_value" in header:
        heights = np.where(heights == header["nodata_value"], np.nan, heights)
    first = [header.get(f"{a}llcenter", header.get(f"{a}llcorner", 0.0) + 0.5 * cell) for a in "xy"]
    return first[0] + cell * np.arange(columns), first[1] + cell * np.arange(rows), heights


def _header_and_values(path: Path) -> tuple[dict[str, float], np.ndarray]:
    header: dict[str, float] = {}
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines):
        words = line.split()
        if words and words[0].lower() not in _HEADER:
            break
        try:
            header |= {words[0].lower(): float(words[1])} if words else {}
        except (IndexError, ValueError) as cause:
            raise StageError(f"line {number + 1} is {line!r}; expected a name and a number.") from cause
    else:
        number = len(lines)
    try:
        return header, np.array(" ".join(lines[number:]).split(), float)
    except ValueError as cause:
        raise StageError(f"its heights are not all numbers ({cause}); expected an ESRI ASCII grid.") from cause
