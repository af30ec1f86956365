"""Layouts as files: the elements of an apparatus for other programs, as JSON, CSV, GDML or GeoJSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from daedalus.errors import DesignError, RunError
from daedalus.execution.files import json_text, write_text
from daedalus.execution.gdml import gdml_text
from daedalus.geometry import Element, check_names
from daedalus.geometry.region_files import region_features, unit_feature
from daedalus.geometry.regions import Region
from daedalus.physics.materials import material
from daedalus.units import dimension, unit

LAYOUT = "daedalus layout"  # what a JSON file is
LAYOUT_VERSION = 1  # of its form
SYSTEM = "coordinates are metres of the apparatus's own system, not degrees"  # what a GeoJSON file says of itself
_AXES = ("x", "y", "z")
_PLACES = tuple(f"{axis} [m]" for axis in _AXES)  # columns of a table


def write_layout(
    path: Path | str,
    elements: Sequence[Element],
    about: Mapping[str, Any] | None = None,
    *,
    ground: Region | None = None,
) -> None:
    """Makes or replaces a file with a layout, in the form that its ending says: .json, .csv, .gdml or .geojson.

    Args:
        path: the file; its folder exists.
        elements: what the apparatus is made of.
        about: where the layout comes from, for files that can hold it: problem, version, design.
        ground: where elements may stand, for files that can hold it.

    Raises:
        DesignError: no element, two of one name, or what the form cannot hold (overlaps in GDML).
        StageError: a material that is not in the table.
        RunError: an unknown ending, or a file that cannot be written.
    """
    place = Path(path)
    check_format(place)
    check_names(elements)
    text = FORMATS[place.suffix.lower()](elements, about or {}, ground)
    try:
        write_text(place, text)
    except OSError as cause:
        raise RunError(f"{place} cannot be written: {cause}. Choose another place.") from cause


def check_format(path: Path) -> None:
    """Checks that a file's ending says how to write it.

    Raises:
        RunError: it is unknown.
    """
    if path.suffix.lower() not in FORMATS:
        raise RunError(f"{path}: unknown format '{path.suffix}'; expected a file ending in {', '.join(FORMATS)}.")


def layout_json(elements: Sequence[Element], about: Mapping[str, Any]) -> str:
    """A layout as JSON: every number with its unit."""
    rows = [_row(element) for element in elements]
    return json_text({"format": LAYOUT, "version": LAYOUT_VERSION, "about": dict(about), "elements": rows}) + "\n"


def layout_csv(elements: Sequence[Element]) -> str:
    """A layout as CSV, one element per line, units in the header; a cell is empty where there is no such property.

    Raises:
        DesignError: one property in units of two kinds.
    """
    rows = _cells(elements)
    out = io.StringIO(newline="")
    lines = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    lines.writeheader()
    lines.writerows(rows)
    return out.getvalue()


def layout_geojson(elements: Sequence[Element], about: Mapping[str, Any], ground: Region | None = None) -> str:
    """A layout as GeoJSON (RFC 7946) in metres, for maps: the ground, then a Point of the kind "unit" per element.

    Properties have their units behind their names. `daedalus.geometry.region_files.read_region` reads the ground.

    Raises:
        DesignError: one property in units of two kinds.
    """
    features = region_features(ground) if ground is not None else []
    for cells in _cells(elements):
        place = [cells.pop(axis) for axis in _PLACES]
        features.append(unit_feature(place, **{name: value for name, value in cells.items() if value is not None}))
    whole = {"type": "FeatureCollection", "about": dict(about), "system": SYSTEM, "features": features}
    return json_text(whole) + "\n"


def shown(number: float, text: str) -> float:
    """A number in house units in a unit, without digits of rounding."""
    return rounded(number / unit(text))


def rounded(number: float) -> float:
    """A number to nine digits, more than single precision has."""
    return float(f"{number:.9g}")


def _cells(elements: Sequence[Element]) -> list[dict[str, Any]]:
    """What a table says of each element by column, units in brackets; None where there is no such property."""
    units: dict[str, str] = {}
    for element in elements:
        for name, (_, text) in element.properties.items():
            if dimension(units.setdefault(name, text)) != dimension(text):
                raise DesignError(
                    f"{name} is in {units[name]!r} and, of element {element.name!r}, in {text!r}; expected one kind."
                )
    return [
        {
            "name": e.name,
            **dict(zip(_PLACES, map(rounded, e.centre), strict=True)),
            **{f"width_{axis} [m]": rounded(side) for axis, side in zip(_AXES, e.size, strict=True)},
            "material": e.material,
            "density [g/cm3]": material(e.material).density,
            "sensitive": int(e.sensitive),
            **{f"{n} [{u}]": shown(e.properties[n][0], u) if n in e.properties else None for n, u in units.items()},
        }
        for e in elements
    ]


def _row(element: Element) -> dict[str, Any]:
    """An element for JSON."""
    triple = lambda numbers: {"value": [rounded(number) for number in numbers], "unit": "m"}
    return {
        "name": element.name,
        "centre": triple(element.centre),
        "size": triple(element.size),
        "material": element.material,
        "density": {"value": material(element.material).density, "unit": "g/cm3"},
        "sensitive": element.sensitive,
        "properties": {n: {"value": shown(v, text), "unit": text} for n, (v, text) in element.properties.items()},
    }


def _gdml(elements: Sequence[Element], about: Mapping[str, Any]) -> str:
    return gdml_text(elements, title=", ".join(f"{name} {value}" for name, value in about.items()))


FORMATS: dict[str, Callable[[Sequence[Element], Mapping[str, Any], Region | None], str]] = {
    ".json": lambda elements, about, _: layout_json(elements, about),
    ".csv": lambda elements, _, __: layout_csv(elements),
    ".gdml": lambda elements, about, _: _gdml(elements, about),
    ".geojson": layout_geojson,
}
