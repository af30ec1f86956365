"""`daedalus export` and `daedalus events`: from the words on the command line to the files."""

import json

import numpy as np
import pytest
from pyarrow import parquet

from daedalus.app.main import main

TELESCOPE, DARTS = "tracking/telescope", "dartboard/hang"


@pytest.fixture(scope="module")
def finished(elsewhere, tmp_path_factory):
    """The folder of a short run."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    sizes = ("--rounds", 2, "--events", 20, "--scoring-scenarios", 8, "--precision", "float64", "--seed", 3)
    words = ("run", DARTS, *sizes, "--set", "spread=12 cm", "--out", folder)
    assert main([str(word) for word in words]) == 0
    return folder


def elements(path):
    return json.loads(path.read_text())["elements"]


def test_a_layout_in_every_form(cli, tmp_path):
    code, _, said = cli("export", TELESCOPE, "--to", "a.json", "a.csv", "a.gdml", "--design", "even")
    assert code == 0, said
    assert "written: a.gdml, 5 elements" in said
    first = elements(tmp_path / "a.json")[0]
    assert first["centre"]["value"] == pytest.approx([0, 0, 0.08])
    assert first["size"]["value"] == pytest.approx([0.1, 0.1, 3e-4])
    assert (first["material"], first["properties"]) == ("silicon", {"pitch": {"value": 50.0, "unit": "um"}})
    assert (tmp_path / "a.csv").read_text().startswith("name,x [m],")
    assert "SensDet" in (tmp_path / "a.gdml").read_text()


def test_the_ladle_has_eight_plates(cli, tmp_path):
    code, _, said = cli(
        "export", "muon_tomography/ladle_fill_level", "--to", "a.json", "a.gdml", "--set", "efficiency=0.8"
    )
    assert code == 0, said
    found = {element["name"]: element for element in elements(tmp_path / "a.json")}
    assert set(found) == {f"{arm}_{number}" for arm in ("upper", "lower") for number in range(4)}
    plate = found["upper_3"]
    assert plate["centre"]["value"] == pytest.approx([0, 0, 1.45])
    assert plate["size"]["value"] == pytest.approx([0.75**0.5, 0.75**0.5, 0.009])  # the next one is 1 cm away
    assert plate["material"] == "plastic scintillator"
    assert {name: line["value"] for name, line in plate["properties"].items()} == pytest.approx(
        {"resolution": 0.1, "efficiency": 0.8, "price": 0.75}
    )


def features(path):
    found = json.loads(path.read_text())
    return found["about"], {
        each["properties"].get("name", each["properties"]["kind"]): each for each in found["features"]
    }


def test_an_array_and_its_site_are_exported_and_read_again(cli, tmp_path):
    array, sizes = "ground_array/swgo_multi", ("--set", "units=4", "fold=2", "start=taxi", "spacing=123.456789012")
    code, _, said = cli("export", array, "--to", "a.csv", "a.geojson", "a.gdml", *sizes)
    assert code == 0, said
    assert "written: a.geojson, 4 elements" in said
    about, found = features(tmp_path / "a.geojson")
    assert about == {"problem": array, "version": "1", "design": "start"}
    assert list(found) == ["site", *(f"unit_{number}" for number in range(4))]
    assert [-3499.0, 2000.0] in found["site"]["geometry"]["coordinates"][0]
    places = np.array([found[f"unit_{number}"]["geometry"]["coordinates"] for number in range(4)])
    np.testing.assert_allclose(places[2:, :2], -places[:2, :2], atol=1e-4)  # the copies; single precision
    np.testing.assert_allclose(places[:, 2], 1.5)
    again = ("--set", "units=4", "start=a.csv", "site=a.geojson")
    code, _, said = cli("export", array, "--to", "b.csv", "b.geojson", *again)
    assert code == 0, said
    assert (tmp_path / "b.csv").read_text() == (tmp_path / "a.csv").read_text()
    assert features(tmp_path / "b.geojson") == features(tmp_path / "a.geojson")


def test_references_at_the_least_distance_start_a_search_again(cli):
    flux, to = "ground_array/swgo_flux", ("--to", "a.csv")
    assert cli("export", flux, *to, "--set", "units=7", "--design", "packed_22.1m")[0] == 0
    code, _, said = cli("export", flux, "--to", "b.csv", "--set", "units=7", "start=a.csv")
    assert code == 0, said


def test_what_a_run_has_found(cli, finished, tmp_path):
    code, _, said = cli("export", finished, "--to", "best.json")
    assert code == 0, said
    best = json.loads((finished / "design.json").read_text())["parameters"]
    (found,) = elements(tmp_path / "best.json")
    assert found["centre"]["value"][:2] == pytest.approx([best[f"place[{n}]"]["value"] / 100 for n in range(2)])
    assert cli("export", finished, "--to", "best.geojson")[0] == 0
    about, (wall, board) = features(tmp_path / "best.geojson")[0], features(tmp_path / "best.geojson")[1].values()
    assert about["design"] == "run"
    assert wall["geometry"]["coordinates"][0][0] == [-1.0, -1.0]
    assert board["geometry"]["coordinates"] == found["centre"]["value"]
    assert board["properties"]["price [EUR]"] == 1.5
    code, _, said = cli("export", finished, "--to", "start.json", "--design", "start")
    assert code == 0, said
    assert elements(tmp_path / "start.json")[0]["centre"]["value"][0] == pytest.approx(0.6)
    assert cli("export", finished, "--to", "a.json", "--set", "wall=wood")[0] == 1


def test_the_events_are_those_that_the_run_and_evaluate_have_seen(cli, finished, tmp_path):
    code, _, said = cli("events", finished, "--to", "run.parquet")
    assert code == 0, said
    assert "written: run.parquet, 160 events" in said
    about = json.loads(parquet.read_schema("run.parquet").metadata[b"about"])
    assert (about["problem"], about["seed"], about["precision"]) == (DARTS, 3, "float64")
    assert (about["events"], about["scenarios"]) == (20, 8)
    words = ("--design", finished, "--events", 20, "--scenarios", 8, "--seed", 3, "--precision", "float64")
    code, _, said = cli("events", DARTS, "--to", "same.parquet", "--set", "spread=12 cm", *words)
    assert code == 0, said
    one, same = (parquet.read_table(f"{name}.parquet") for name in ("run", "same"))
    np.testing.assert_allclose(places(one), places(same), rtol=1e-12)
    best = json.loads((finished / "design.json").read_text())["parameters"]
    centre = np.array([best[f"place[{n}]"]["value"] / 100 for n in range(2)])
    measured = json.loads((finished / "result.json").read_text())["designs"]["optimised"]["values"]
    assert 1e4 * np.mean(np.sum((places(one) - centre) ** 2, 1)) == pytest.approx(measured["distance2"], rel=1e-6)


def places(table):
    """Where the darts of a file are [m]."""
    return np.array(table.column("darts.at").to_pylist())


def test_what_is_refused_is_explained(cli, tmp_path):
    for words, message in {
        ("export", "dartboard/reach", "--to", "a.json"): "does not say what its apparatus is made of",
        ("export", TELESCOPE, "--to", "a.step"): "unknown format '.step'",
        ("export", TELESCOPE, "--to", "a.json", "--design", "evn"): "Did you mean even?",
        ("export", "tracking/telescop", "--to", "a.json"): "no problem is called",
        ("events", TELESCOPE, "--to", "a.csv"): "expected a file ending in .parquet or .root",
        ("events", tmp_path, "--to", "a.root"): "holds no manifest.json",
    }.items():
        code, _, said = cli(*words)
        assert code == 1
        assert message in " ".join(said.split()), said
    assert cli("export", TELESCOPE)[0] == 2
    assert list(tmp_path.iterdir()) == []
