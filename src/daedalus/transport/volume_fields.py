"""Named fields of a volume file with their units: what may be read of them, and the voxel map they make.

Readers of formats hand over fields as they stand in a file, after `allow` has passed the shape and type that the file's
header promises; what they mean is decided here, once for all formats.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from daedalus.errors import DesignError, StageError
from daedalus.transport.voxel_map import MOST_VOXELS, VoxelMap
from daedalus.units import dimension, unit

MOST_BYTES = 2**30  # of a file, and of its fields unpacked [bytes]
MOST_NAMES = 1000  # of materials in a file [1]
UNITS = {"x": "m", "y": "m", "z": "m", "origin": "m", "spacing": "m", "X0": "m", "density": "g/cm3"}  # house units
AXES = {"x": 1, "y": 1, "z": 1, "origin": 1, "spacing": 1, "materials": 1, "material": 3, "X0": 3, "density": 3}
_EDGES = ("x", "y", "z")
_STEPS = ("origin", "spacing")
_HEADER = re.compile(r"\s*(?P<name>[^\[\]]+?)\s*(?:\[(?P<unit>[^\[\]]*)\])?\s*")
_KINDS = {"material": "iuUS", "materials": "US"}  # numpy's letters of permitted types; "iuf" for all others


@dataclasses.dataclass(frozen=True, eq=False)
class Field:
    """A field as it stands in a file."""

    values: np.ndarray
    unit: str | None  # None: the file says none


def header(text: str) -> tuple[str, str | None]:
    """The name and the unit of a header such as ``X0 [cm]``; None where there is none."""
    match = _HEADER.fullmatch(text)
    return (match["name"], match["unit"]) if match else (text, None)


def known(path: Path, headers: list[str]) -> dict[str, str]:
    """Of the headers in a file those that a volume needs, by bare name.

    Raises:
        StageError: a name that stands there twice, with different units.
    """
    found: dict[str, str] = {}
    for text in headers:
        name = header(text)[0]
        if name in found:
            raise StageError(f"{path}: field '{name}' occurs twice, as '{found[name]}' and as '{text}'; keep one.")
        if name in AXES:
            found[name] = text
    return found


def allow(path: Path, name: str, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Checks what a file's header says of a field, before anything is read or allocated.

    Args:
        path: the file, for messages.
        name: bare name of the field.
        shape: promised.
        dtype: promised.

    Raises:
        StageError: objects, wrong types or numbers of axes, or more than is allowed.
    """
    kinds, axes = _KINDS.get(name, "iuf"), AXES[name]
    if dtype.kind == "O" or dtype.hasobject:
        raise StageError(
            f"{path}, field '{name}': found pickled objects, which may run anything; expected {_kind(name)}."
        )
    if dtype.kind not in kinds or dtype.names is not None or dtype.itemsize == 0:
        raise StageError(f"{path}, field '{name}': found the type {str(dtype)[:40]}; expected {_kind(name)}.")
    if len(shape) != axes:
        words = "axes x, y and z" if axes == 3 else "one axis"
        raise StageError(f"{path}, field '{name}': found the shape {shape}; expected {words}.")
    count, most = math.prod(shape), MOST_VOXELS if axes == 3 else MOST_NAMES if name == "materials" else MOST_VOXELS + 1
    if count > most or count * dtype.itemsize > MOST_BYTES:
        raise StageError(
            f"{path}, field '{name}': found {count} values of {dtype.itemsize} bytes; expected at most {most} and "
            f"{MOST_BYTES} bytes. Make the voxels coarser, or cut the map."
        )
    if count == 0:
        raise StageError(f"{path}, field '{name}': found no values; expected one or more.")


def allow_file(path: Path) -> None:
    """Checks that there is a file, neither empty nor too large.

    Raises:
        StageError: it is not so.
    """
    if not path.is_file():
        what = "a folder" if path.is_dir() else "no such file"
        raise StageError(f"{path}: there is {what}; expected a file with a map of voxels. Check the path.")
    try:
        size = path.stat().st_size
    except OSError as cause:
        raise StageError(f"{path}: cannot be read ({cause}).") from cause
    if size == 0:
        raise StageError(f"{path}: the file is empty; expected a map of voxels. Write it again.")
    if size > MOST_BYTES:
        raise StageError(f"{path}: found {size} bytes; expected at most {MOST_BYTES}. Make the voxels coarser.")


def voxel_map(
    path: Path, fields: Mapping[str, Field], units: Mapping[str, str], materials: tuple[str, ...]
) -> VoxelMap:
    """The map that the fields of a file make.

    Args:
        path: the file, for messages.
        fields: by bare name, as `allow` has passed them.
        units: of fields for which the file says none, by bare name; "length" stands for edges, origin and spacing.
        materials: names by index, where the file has none.

    Raises:
        StageError: a field that is missing, surplus, without unit or of a wrong one, or any value out of range.
    """
    house = {name: _in_house_units(path, name, field, units) for name, field in fields.items()}
    which = [name for name in ("material", "X0") if name in house]
    if len(which) != 1:
        raise StageError(f"{path}: {_one_of(fields, which)}")
    names, kind = materials, None
    if "material" in house:
        if "materials" in house:
            names = tuple(str(name).strip("\0 ") for name in _texts(path, "materials", house["materials"]))
        names, index = _indexed(path, house["material"], names)
        kind = index.astype(np.int64)  # what is too large for it becomes negative, and is refused
    shape = house[which[0]].shape
    if "density" in house and house["density"].shape != shape:
        raise StageError(f"{path}, field 'density': found the shape {house['density'].shape}, expected {shape}.")
    edges = _edges(path, house, shape)
    try:
        return VoxelMap(*edges, kind=kind, materials=names, X0=house.get("X0"), density=house.get("density"))
    except StageError as cause:
        raise StageError(f"{path}, {cause}") from cause


def _kind(name: str) -> str:
    """What a field should hold, in words."""
    return {"material": "whole numbers or names", "materials": "names"}.get(name, "numbers")


def _one_of(fields: Mapping[str, Field], which: list[str]) -> str:
    """What to say where a file has neither materials nor radiation lengths, or both."""
    if which:
        return "found the fields 'material' and 'X0'; expected one of them: remove the other."
    have = ", ".join(f"'{name}'" for name in fields) or "none"
    return f"missing the field 'material' or 'X0' (with its unit, e.g. 'X0 [cm]'); found {have}. Add it."


def _in_house_units(path: Path, name: str, field: Field, units: Mapping[str, str]) -> np.ndarray:
    """The values of a field, in house units where it has a dimension."""
    if name not in UNITS:
        return field.values
    text = field.unit or units.get(name) or (units.get("length") if name in (*_EDGES, *_STEPS) else None)
    expected = f"one of the kind of '{UNITS[name]}'"
    if not text:
        raise StageError(
            f"{path}, field '{name}': found no unit, expected {expected}; name it '{name} [{UNITS[name]}]', or give "
            f"units={{'{name}': '{UNITS[name]}'}}."
        )
    try:
        factor, same = unit(text), dimension(text) == dimension(UNITS[name])
    except (DesignError, OverflowError, ZeroDivisionError) as cause:
        raise StageError(
            f"{path}, field '{name}': found the unit {text[:40]!r}, expected {expected}: {cause}"
        ) from cause
    if not same:
        raise StageError(f"{path}, field '{name}': found the unit '{text}', expected {expected}; correct it.")
    with np.errstate(over="ignore"):  # what becomes infinite is refused, with its place
        return np.asarray(field.values, float) * factor


def _edges(path: Path, house: Mapping[str, np.ndarray], shape: tuple[int, ...]) -> list[np.ndarray]:
    """The edges along x, y and z [m]."""
    given = [name for name in (*_EDGES, *_STEPS) if name in house]
    if given == list(_EDGES):
        return [house[axis] for axis in _EDGES]
    if given != list(_STEPS):
        raise StageError(
            f"{path}: found {', '.join(map(repr, given)) or 'no field'} for the edges; expected either 'x', 'y' and "
            "'z' or 'origin' and 'spacing'. Give these, each with its unit."
        )
    for name in _STEPS:
        values = house[name]
        if values.shape != (3,) or not np.isfinite(values).all():
            raise StageError(f"{path}, field '{name}': found {str(values)[:80]} m; expected three finite numbers.")
    if not (house["spacing"] > 0).all():
        raise StageError(f"{path}, field 'spacing': found {house['spacing']} m; expected three positive numbers.")
    with np.errstate(over="ignore"):
        steps = zip(house["origin"], house["spacing"], shape, strict=True)
        return [start + step * np.arange(count + 1) for start, step, count in steps]


def _indexed(path: Path, values: np.ndarray, names: tuple[str, ...]) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of materials and the index of each voxel's among them; a field of names makes both."""
    if values.dtype.kind in "US":
        found, index = np.unique(_texts(path, "material", values), return_inverse=True)
        if len(found) > MOST_NAMES:
            raise StageError(f"{path}, field 'material': found {len(found)} names; expected at most {MOST_NAMES}.")
        return tuple(str(name) for name in found), index.reshape(values.shape)
    if not names:
        raise StageError(
            f"{path}: missing the field 'materials', the names that the whole numbers of 'material' stand for; "
            "add it, or give materials=(...)."
        )
    return names, values


def _texts(path: Path, name: str, values: np.ndarray) -> np.ndarray:
    """Texts as such; bytes are read as UTF-8."""
    if values.dtype.kind == "U":
        return values
    try:
        return np.char.decode(values, "utf-8")
    except UnicodeDecodeError as cause:
        raise StageError(
            f"{path}, field '{name}': found bytes that are no UTF-8 text ({cause}); expected names."
        ) from cause


def hint(name: str, among: list[str]) -> str:
    """What a file has in place of a name, near matches first."""
    near = difflib.get_close_matches(name, among, n=3) or among[:8]
    return f"found {', '.join(map(repr, near)) or 'none'}"


Reader = Callable[[Path], dict[str, Field]]
Writer = Callable[[Path, VoxelMap], None]
