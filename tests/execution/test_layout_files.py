"""Layouts as files: what stands in them, what Geant4's geometry files refer to, and what cannot be written."""

import csv
import json
from xml.etree import ElementTree

import pytest

from daedalus.errors import DesignError, RunError, StageError
from daedalus.execution.layout_files import write_layout
from daedalus.geometry import Element
from daedalus.geometry.polygons import disc, polygon
from daedalus.geometry.regions import region
from daedalus.physics.materials import material
from daedalus.units import cm, mm

LAYOUT = (
    Element(
        "upper_0", (0.5, -0.25, 1.45), (1.0, 0.8, 1 * cm), "plastic scintillator", properties={"pitch": (1 * mm, "mm")}
    ),
    Element("upper_1", (0.5, -0.25, 1.46), (1.0, 0.8, 1 * cm), "plastic scintillator", properties={"gain": (2.0, "1")}),
    Element("wall", (0.5, 0.5, 0.45), (1.0, 1.0, 10 * cm), "hot liquid steel", sensitive=False),
)


def test_json_holds_every_number_with_its_unit(tmp_path):
    write_layout(tmp_path / "layout.json", LAYOUT, {"problem": "a/b"})
    found = json.loads((tmp_path / "layout.json").read_text())
    assert (found["format"], found["version"], found["about"]) == ("daedalus layout", 1, {"problem": "a/b"})
    first, _, wall = found["elements"]
    assert first["centre"] == {"value": [0.5, -0.25, 1.45], "unit": "m"}
    assert first["density"] == {"value": 1.032, "unit": "g/cm3"}
    assert first["properties"] == {"pitch": {"value": 1.0, "unit": "mm"}}
    assert (wall["material"], wall["sensitive"]) == ("hot liquid steel", False)


def test_csv_has_units_in_its_header(tmp_path):
    write_layout(tmp_path / "layout.csv", LAYOUT)
    with (tmp_path / "layout.csv").open(newline="") as file:
        first, second, wall = csv.DictReader(file)
    assert [first[f"width_{axis} [m]"] for axis in "xyz"] == ["1.0", "0.8", "0.01"]
    assert (first["pitch [mm]"], first["gain [1]"], second["pitch [mm]"], second["gain [1]"]) == ("1.0", "", "", "2.0")
    assert (wall["z [m]"], wall["sensitive"], wall["density [g/cm3]"]) == ("0.45", "0", "7.0")
    other = Element("other", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "air", properties={"pitch": (1.0, "GeV")})
    for name in ("layout.csv", "layout.geojson"):
        with pytest.raises(DesignError, match="pitch is in 'mm' and, of element 'other', in 'GeV'"):
            write_layout(tmp_path / name, (*LAYOUT, other))


def test_geojson_has_the_ground_and_a_point_for_every_element(tmp_path):
    ground = region(polygon([(0.0, 0.0), (4.0, 0.0), (0.0, 3.0)]), [disc((1.0, 1.0), 0.25)])
    write_layout(tmp_path / "layout.GeoJSON", LAYOUT, {"problem": "a/b", "version": "3"}, ground=ground)
    found = json.loads((tmp_path / "layout.GeoJSON").read_text())
    assert list(found) == ["type", "about", "system", "features"]
    assert (found["type"], found["about"]) == ("FeatureCollection", {"problem": "a/b", "version": "3"})
    assert found["system"] == "coordinates are metres of the apparatus's own system, not degrees"
    site, forbidden, first, second, wall = found["features"]
    ring = [[0.0, 0.0], [4.0, 0.0], [0.0, 3.0], [0.0, 0.0]]
    assert site["geometry"] == {"type": "Polygon", "coordinates": [ring]}
    assert forbidden["geometry"] == {"type": "Point", "coordinates": [1.0, 1.0]}
    assert (site["properties"], forbidden["properties"]) == ({"kind": "site"}, {"kind": "forbidden", "radius": 0.25})
    assert {each["type"] for each in found["features"]} == {"Feature"}
    assert first["geometry"] == {"type": "Point", "coordinates": [0.5, -0.25, 1.45]}
    assert first["properties"] == {
        "kind": "unit",
        "name": "upper_0",
        "width_x [m]": 1.0,
        "width_y [m]": 0.8,
        "width_z [m]": 0.01,
        "material": "plastic scintillator",
        "density [g/cm3]": 1.032,
        "sensitive": 1,
        "pitch [mm]": 1.0,
    }
    assert second["properties"]["gain [1]"] == 2.0
    assert "pitch [mm]" not in second["properties"]
    assert (wall["properties"]["name"], wall["properties"]["sensitive"]) == ("wall", 0)
    assert wall["geometry"]["coordinates"] == [0.5, 0.5, 0.45]


def test_geojson_without_ground_has_elements_only(tmp_path):
    write_layout(tmp_path / "layout.geojson", LAYOUT)
    found = json.loads((tmp_path / "layout.geojson").read_text())
    assert [feature["properties"]["name"] for feature in found["features"]] == ["upper_0", "upper_1", "wall"]
    assert found["about"] == {}


@pytest.fixture
def gdml(tmp_path):
    """The layout as a GDML file."""
    write_layout(tmp_path / "layout.gdml", LAYOUT, {"problem": "a/b"})
    return tmp_path / "layout.gdml"


def test_gdml_defines_before_it_refers(gdml):
    root = ElementTree.parse(gdml).getroot()
    assert [section.tag for section in root] == ["define", "materials", "solids", "structure", "setup"]
    known = set()
    for tag in root.iter():
        reference = tag.get("ref")
        assert reference is None or reference in known, reference
        if tag.tag == "volume":
            assert {"materialref", "solidref"} <= {part.tag for part in tag}
        name = tag.get("name")
        assert name is None or name not in known, f"{name} twice"
        known.add(name)
    assert root.find("setup/world").get("ref") == "world_volume"


def test_gdml_holds_shapes_places_and_matter(gdml):
    root = ElementTree.parse(gdml).getroot()
    boxes = {box.get("name"): [float(box.get(axis)) for axis in "xyz"] for box in root.iter("box")}
    places = {place.get("name"): [float(place.get(axis)) for axis in "xyz"] for place in root.iter("position")}
    for element in LAYOUT:
        assert boxes[f"{element.name}_solid"] == pytest.approx([side / mm for side in element.size])
        assert places[f"{element.name}_position"] == pytest.approx([at / mm for at in element.centre])
        reach = [2 * (abs(at) / mm + side / mm / 2) for at, side in zip(element.centre, element.size)]
        assert all(room > needed for room, needed in zip(boxes["world_solid"], reach))
    found = {tag.get("name"): tag for tag in root.iter("material")}
    assert set(found) == {"air", "plastic_scintillator", "hot_liquid_steel"}
    for name, tag in found.items():
        matter = material(name.replace("_", " "))
        assert float(tag.find("D").get("value")) == matter.density
        shares = {part.get("ref").removeprefix("element_"): float(part.get("n")) for part in tag.iter("fraction")}
        assert shares == pytest.approx(dict(matter.composition), rel=2e-6)
        assert sum(shares.values()) == pytest.approx(1.0, abs=1e-11)
    tags = lambda name: {
        tag.get("auxtype"): (tag.get("auxvalue"), tag.get("auxunit"))
        for tag in root.find(f"structure/volume[@name='{name}_volume']").iter("auxiliary")
    }
    assert tags("upper_0") == {"SensDet": ("upper_0", None), "pitch": ("1", "mm")}
    assert tags("wall") == {}


def test_another_program_reads_the_gdml(gdml):
    pyg4ometry = pytest.importorskip("pyg4ometry", reason="pyg4ometry is not installed: pip install pyg4ometry")
    world = pyg4ometry.gdml.Reader(str(gdml)).getRegistry().getWorldVolume()
    found = {placed.name.removesuffix("_placed"): placed for placed in world.daughterVolumes}
    assert set(found) == {element.name for element in LAYOUT}
    for element in LAYOUT:
        placed = found[element.name]
        volume = placed.logicalVolume
        assert placed.position.eval() == pytest.approx([at / mm for at in element.centre])
        sides = [float(getattr(volume.solid, side).eval()) for side in ("pX", "pY", "pZ")]
        assert sides == pytest.approx([side / mm for side in element.size])
        assert volume.material.density == material(element.material).density


def test_what_cannot_be_written(tmp_path):
    first, second, wall = LAYOUT
    deeper = Element("deeper", (0.5, -0.25, 1.454), first.size, "silicon")
    with pytest.raises(DesignError, match="overlap: upper_0 and deeper by 6 mm; upper_1 and deeper by 4 mm; expected"):
        write_layout(tmp_path / "layout.gdml", (first, second, deeper))
    write_layout(tmp_path / "layout.json", (first, second, deeper))
    with pytest.raises(StageError, match=r"Unknown material 'led'.*did you mean lead"):
        write_layout(tmp_path / "layout.gdml", [Element("a", first.centre, first.size, "led")])
    with pytest.raises(DesignError, match="an element is called 'world'"):
        write_layout(tmp_path / "layout.gdml", [Element("world", first.centre, first.size, "lead")])
    with pytest.raises(DesignError, match="two elements are called 'wall'"):
        write_layout(tmp_path / "layout.csv", (wall, wall))
    with pytest.raises(
        RunError, match=r"unknown format '.step'; expected a file ending in .json, .csv, .gdml, .geojson\."
    ):
        write_layout(tmp_path / "layout.step", LAYOUT)
    with pytest.raises(RunError, match="cannot be written"):
        write_layout(tmp_path / "absent" / "layout.json", LAYOUT)
    assert [path.name for path in tmp_path.iterdir()] == ["layout.json"]
