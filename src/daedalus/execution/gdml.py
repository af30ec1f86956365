"""Layouts as GDML, the geometry files that Geant4 reads (Chytracek et al., IEEE Trans. Nucl. Sci. 53 (2006) 2892)."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element as Tag
from xml.etree.ElementTree import SubElement

from daedalus.errors import DesignError
from daedalus.geometry import Element, overlaps
from daedalus.physics.materials import Material, element, material
from daedalus.units import mm, unit

WORLD = "world"  # the box of air in which everything stands
SURROUNDINGS = "air"  # what it is filled with
MARGIN = 0.5  # of the world beyond the outermost element, at least [m]
THINNEST_GAS = 0.05  # least density of what is not a gas [g/cm3]
_SCHEMA = "http://service-spi.web.cern.ch/service-spi/app/releases/GDML/schema/gdml.xsd"
_SHOWN = 3  # overlaps that are named in a message


def gdml_text(elements: Sequence[Element], *, title: str = "") -> str:
    """A layout as GDML: materials with their composition, a box for each element, all placed in a world of air.

    Sensitive elements carry the auxiliary tag SensDet with their own name, and every element its properties as
    auxiliary tags with units. Positions are those of the design, lengths in millimetres.

    Args:
        elements: what the apparatus is made of, with names of their own.
        title: where the layout comes from.

    Raises:
        DesignError: elements that overlap: a particle would not know where it is.
        StageError: a material that is not in the table.
    """
    _check_overlaps(elements)
    used = {name: material(name) for name in (SURROUNDINGS, *(e.material for e in elements))}
    root = Tag("gdml", {"xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance"})
    root.set("xsi:noNamespaceSchemaLocation", _SCHEMA)
    if title:
        root.append(ElementTree.Comment(f" {title.replace('--', '-')} "))
    define, materials, solids, structure = (
        SubElement(root, tag) for tag in ("define", "materials", "solids", "structure")
    )
    _add_materials(materials, list(used.values()))
    for e in elements:
        _set_lengths(SubElement(define, "position", name=f"{e.name}_position", unit="mm"), e.centre)
        _add_box(solids, e.name, e.size)
        volume = _add_volume(structure, e.name, e.material)
        if e.sensitive:
            SubElement(volume, "auxiliary", auxtype="SensDet", auxvalue=e.name)
        for name, (number, text) in e.properties.items():
            tag = SubElement(volume, "auxiliary", auxtype=name, auxvalue=f"{number / unit(text):.9g}")
            if text != "1":
                tag.set("auxunit", text)
    reach = [2 * (max(max(abs(e.lower[i]), abs(e.upper[i])) for e in elements) + MARGIN) for i in range(3)]
    _add_box(solids, WORLD, (reach[0], reach[1], reach[2]))
    world = _add_volume(structure, WORLD, SURROUNDINGS)
    for e in elements:
        placed = SubElement(world, "physvol", name=f"{e.name}_placed")
        SubElement(placed, "volumeref", ref=f"{e.name}_volume")
        SubElement(placed, "positionref", ref=f"{e.name}_position")
    setup = SubElement(root, "setup", name="Default", version="1.0")
    SubElement(setup, "world", ref=f"{WORLD}_volume")
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _check_overlaps(elements: Sequence[Element]) -> None:
    """Checks that no two elements share space, and that none has the world's name."""
    if any(e.name == WORLD for e in elements):
        raise DesignError(f"an element is called {WORLD!r}, as the box around them all; expected another name.")
    found = overlaps(elements)
    if found:
        named = "; ".join(f"{a.name} and {b.name} by {depth / mm:.4g} mm" for a, b, depth in found[:_SHOWN])
        more = f" and {len(found) - _SHOWN} pairs more" if len(found) > _SHOWN else ""
        raise DesignError(
            f"elements overlap: {named}{more}; expected boxes that share no space, for no particle could be in both: "
            "move them apart, or make them thinner. JSON and CSV hold them as they are."
        )


def _add_materials(section: Tag, used: list[Material]) -> None:
    """Adds the elements and the materials."""
    for symbol in dict.fromkeys(symbol for matter in used for symbol, _ in matter.composition):
        number, mass = element(symbol)
        tag = SubElement(section, "element", name=f"element_{symbol}", formula=symbol, Z=f"{number:g}")
        SubElement(tag, "atom", value=repr(mass), unit="g/mole")
    for matter in used:
        state = "gas" if matter.density < THINNEST_GAS else "solid"
        tag = SubElement(section, "material", name=_material_name(matter.name), state=state)
        SubElement(tag, "D", value=repr(matter.density), unit="g/cm3")
        total = sum(share for _, share in matter.composition)  # Geant4 wants one, exactly
        for symbol, share in matter.composition:
            SubElement(tag, "fraction", n=f"{share / total:.12g}", ref=f"element_{symbol}")


def _material_name(name: str) -> str:
    return name.replace(" ", "_")


def _set_lengths(tag: Tag, lengths: tuple[float, float, float]) -> None:
    """Gives a tag the attributes x, y and z [mm]."""
    for axis, length in zip("xyz", lengths, strict=True):
        tag.set(axis, f"{length / mm:.9g}")


def _add_box(section: Tag, name: str, size: tuple[float, float, float]) -> None:
    _set_lengths(SubElement(section, "box", name=f"{name}_solid", lunit="mm"), size)


def _add_volume(section: Tag, name: str, matter: str) -> Tag:
    volume = SubElement(section, "volume", name=f"{name}_volume")
    SubElement(volume, "materialref", ref=_material_name(matter))
    SubElement(volume, "solidref", ref=f"{name}_solid")
    return volume
