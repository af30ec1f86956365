"""Voxel maps in VTK's ImageData files (.vti), with the standard library only: fields of cells, edges evenly spaced.

What the format means is written down in "VTK File Formats" (VTK User's Guide, 11th edition, 2010, section 19.3).
"""

from __future__ import annotations

import base64
import math
import zlib
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np

from daedalus.errors import StageError, reading
from daedalus.transport.volume_fields import Field, allow, header, hint, known
from daedalus.transport.voxel_map import VoxelMap
from daedalus.transport.vtk_arrays import COMPRESSOR, TEXT, Arrays
from daedalus.transport.vtk_document import document

UNIT_OF_LENGTH = "length_unit"  # a text among the field data: of Origin and Spacing
_EVENNESS = 1e-6  # by how much of a step evenly spaced edges may be off [1]
_BLOCK = 2**15  # bytes that are compressed together, as VTK does


def read_vti(path: Path) -> dict[str, Field]:
    """The fields of an ImageData file.

    Raises:
        StageError: no such file, several pieces, a turned grid, a format or compression that is not read, or arrays
            that are too large or do not fit the grid.
    """
    with reading(path, "VTK ImageData (.vti)"):
        root, appended = document(path)
        arrays = Arrays(path, root, appended)
        image = root.find("ImageData")
        pieces = [] if image is None else image.findall("Piece")
        if image is None or len(pieces) != 1:
            raise StageError(f"{path}: found {len(pieces)} pieces of ImageData; expected one: merge them.")
        extent = _row(path, image, "WholeExtent", "", 6)
        if _row(path, pieces[0], "Extent", "", 6) != extent:
            raise StageError(f"{path}: found a piece of another extent than the whole; expected one piece: merge them.")
        shape = tuple(int(high - low) for low, high in zip(extent[::2], extent[1::2], strict=True))
        if min(shape) < 1:
            raise StageError(f"{path}: found WholeExtent {extent}; expected a step or more along each axis.")
        fields = _texts(path, arrays, root, image)
        unit = str(fields.pop(UNIT_OF_LENGTH).values[0]) if UNIT_OF_LENGTH in fields else None
        spacing = np.array(_row(path, image, "Spacing", "1 1 1", 3))
        origin = np.array(_row(path, image, "Origin", "0 0 0", 3)) + spacing * np.array(extent[::2])
        fields |= {"origin": Field(origin, unit), "spacing": Field(spacing, unit)}
        return fields | _cells(path, arrays, pieces[0], (shape[0], shape[1], shape[2]))


def write_vti(path: Path, voxels: VoxelMap) -> None:
    """Writes a map as an ImageData file, in base64 compressed with zlib, lengths in metres.

    Raises:
        StageError: the edges are not evenly spaced.
    """
    starts, steps = zip(*(_even(path, axis, getattr(voxels, axis)) for axis in "xyz"), strict=True)
    extent = " ".join(f"0 {count}" for count in voxels.shape)
    root = Element("VTKFile", type="ImageData", version="1.0", byte_order="LittleEndian", header_type="UInt64")
    root.set("compressor", COMPRESSOR)
    image = ElementTree.SubElement(root, "ImageData", WholeExtent=extent)
    image.set("Origin", " ".join(map(repr, starts)))
    image.set("Spacing", " ".join(map(repr, steps)))
    about = ElementTree.SubElement(image, "FieldData")
    _add_texts(about, UNIT_OF_LENGTH, ("m",))
    if voxels.materials:
        _add_texts(about, "materials", voxels.materials)
    cells = ElementTree.SubElement(ElementTree.SubElement(image, "Piece", Extent=extent), "CellData")
    if voxels.kind is not None:
        _add_numbers(cells, "material", voxels.kind.astype("<i4"), "Int32")
    if voxels.X0 is not None:
        _add_numbers(cells, "X0 [m]", voxels.X0.astype("<f8"), "Float64")
    if voxels.density is not None:
        _add_numbers(cells, "density [g/cm3]", voxels.density.astype("<f8"), "Float64")
    ElementTree.indent(root)
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _row(path: Path, element: Element, name: str, default: str, count: int) -> list[float]:
    """The numbers of an attribute."""
    text = element.get(name, default)
    try:
        values = [float(word) for word in text.split()]
    except ValueError:
        values = []
    if len(values) != count or not all(math.isfinite(v) and abs(v) < 2**53 for v in values):
        raise StageError(f"{path}: found {name}={text[:60]!r}; expected {count} finite numbers.")
    return values


def _texts(path: Path, arrays: Arrays, root: Element, image: Element) -> dict[str, Field]:
    """Names of materials and the unit of length, which stand among the field data."""
    turned = image.get("Direction", "1 0 0 0 1 0 0 0 1").split()
    if [float(word) for word in turned] != [1, 0, 0, 0, 1, 0, 0, 0, 1]:
        raise StageError(
            f"{path}: found the Direction {' '.join(turned)[:60]}; expected a grid along x, y and z: turn it."
        )
    found = {}
    for section in (*root.findall("FieldData"), *image.findall("FieldData")):
        for element in section:
            name = element.get("Name", "")
            if name in ("materials", UNIT_OF_LENGTH):
                found[name] = Field(arrays.texts(element, name), None)
                allow(path, "materials", found[name].values.shape, found[name].values.dtype)
    return found


def _cells(path: Path, arrays: Arrays, piece: Element, shape: tuple[int, int, int]) -> dict[str, Field]:
    """The fields that every voxel has a value of; x runs fastest in the file."""
    section = piece.find("CellData")
    elements = {element.get("Name", ""): element for element in (() if section is None else section)}
    chosen = {name: text for name, text in known(path, list(elements)).items() if name in ("material", "X0", "density")}
    if not set(chosen) & {"material", "X0"}:
        points = piece.find("PointData")
        more = "" if points is None or not len(points) else "; fields of points do not say what voxels hold"
        raise StageError(
            f"{path}: missing the cell data 'material' or 'X0 [m]'; {hint('material', list(elements))}{more}. Add it."
        )
    fields = {}
    for name, text in chosen.items():
        element = elements[text]
        allow(path, name, shape, np.dtype("U1") if element.get("type") == TEXT else arrays.dtype(element, name))
        if element.get("type") == TEXT:
            values = arrays.texts(element, name)
            if len(values) != math.prod(shape):
                raise StageError(f"{path}, field '{name}': found {len(values)} texts, expected {math.prod(shape)}.")
        else:
            values = arrays.numbers(element, name, math.prod(shape))
        fields[name] = Field(values.reshape(shape[::-1]).T, header(text)[1])
    return fields


def _even(path: Path, axis: str, edges: np.ndarray) -> tuple[float, float]:
    """The first edge and the step [m] of evenly spaced edges."""
    count = len(edges) - 1
    step = float(edges[-1] - edges[0]) / count
    off = np.abs(edges - (edges[0] + step * np.arange(count + 1)))
    if off.max() > _EVENNESS * step:
        raise StageError(
            f"{path}, field '{axis}', edge {int(np.argmax(off))}: found edges that are not evenly spaced, which .vti "
            "files cannot hold; expected even ones: take .npz or .h5."
        )
    return float(edges[0]), step


def _add_numbers(section: Element, name: str, values: np.ndarray, kind: str) -> None:
    """Adds an array of numbers, x fastest."""
    array = ElementTree.SubElement(section, "DataArray", type=kind, Name=name, format="binary")
    array.text = _packed(values.T.tobytes())  # C order of the transpose


def _add_texts(section: Element, name: str, texts: tuple[str, ...]) -> None:
    """Adds an array of texts."""
    array = ElementTree.SubElement(section, "Array", type=TEXT, Name=name, NumberOfTuples=str(len(texts)))
    array.set("format", "binary")
    array.text = _packed(b"".join(text.encode("utf-8") + b"\0" for text in texts))


def _packed(content: bytes) -> str:
    """Bytes in blocks, compressed, in base64, behind a header of their sizes."""
    blocks = [zlib.compress(content[start : start + _BLOCK]) for start in range(0, len(content), _BLOCK)]
    sizes = np.array([len(blocks), _BLOCK, len(content) % _BLOCK, *map(len, blocks)], "<u8")
    return (base64.b64encode(sizes.tobytes()) + base64.b64encode(b"".join(blocks))).decode("ascii")
