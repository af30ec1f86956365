"""Layouts as files: the elements of an apparatus for other programs, as JSON, CSV or GDML."""

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
from daedalus.physics.materials import material
from daedalus.units import dimension, unit

LAYOUT = "daedalus layout"  # what a JSON file is
LAYOUT_VERSION = 1  # of its form
_AXES = ("x", "y", "z")


def write_layout(path: Path | str, elements: Sequence[Element], about: Mapping[str, Any] | None = None) -> None:
    """Makes or replaces a file with a layout, in the form that its ending says: .json, .csv or .gdml.

    Args:
        path: the file; its folder exists.
        elements: what the apparatus is made of.
        about: where the layout comes from, for files that can hold it: problem, version, design.

    Raises:
        DesignError: no element, two of one name, or what the form cannot hold (overlaps in GDML).
        StageError: a material that is not in the table.
        RunError: an unknown ending, or a file that cannot be written.
    """
    place = Path(path)
    check_format(place)
    check_names(elements)
    text = FORMATS[place.suffix.lower()](elements, about or {})
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


def layout_csv(elements: Sequence[Element], about: Mapping[str, Any]) -> str:
    """A layout as CSV, one element per line, units in the header; a cell is empty where there is no such property.

    Raises:
        DesignError: one property in units of two kinds.
    """
    units: dict[str, str] = {}
    for element in elements:
        for name, (_, text) in element.properties.items():
            if dimension(units.setdefault(name, text)) != dimension(text):
                raise DesignError(
                    f"{name} is in {units[name]!r} and, of element {element.name!r}, in {text!r}; expected one kind."
                )
    places = [f"{axis} [m]" for axis in _AXES] + [f"width_{axis} [m]" for axis in _AXES]
    header = ["name", *places, "material", "density [g/cm3]", "sensitive"]
    out = io.StringIO(newline="")
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow([*header, *(f"{name} [{text}]" for name, text in units.items())])
    for e in elements:
        known = e.properties
        values = [shown(known[n][0], text) if n in known else "" for n, text in units.items()]
        density = material(e.material).density
        lines.writerow([e.name, *map(rounded, (*e.centre, *e.size)), e.material, density, int(e.sensitive), *values])
    return out.getvalue()


def shown(number: float, text: str) -> float:
    """A number in house units in a unit, without digits of rounding."""
    return rounded(number / unit(text))


def rounded(number: float) -> float:
    """A number to nine digits, more than single precision has."""
    return float(f"{number:.9g}")


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


FORMATS: dict[str, Callable[[Sequence[Element], Mapping[str, Any]], str]] = {
    ".json": layout_json,
    ".csv": layout_csv,
    ".gdml": _gdml,
}
