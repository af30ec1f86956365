"""Layouts as files: the same after writing and reading, and malformed files refused with the line named."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daedalus.errors import DesignError, StageError
from daedalus.geometry.region_files import read_region
from daedalus.studies.ground_array.layout_files import read_layout, write_layout_csv, write_layout_geojson
from daedalus.studies.ground_array.site import pampa_la_bola

number = st.floats(allow_nan=False, allow_infinity=False)
layouts = st.lists(st.tuples(number, number), min_size=1, max_size=20, unique_by=lambda p: (p[0] + 0.0, p[1] + 0.0))


@given(layouts)
def test_csv_files_hold_layouts_to_the_last_bit(tmp_path_factory, pairs):
    path = tmp_path_factory.mktemp("layouts") / "layout.csv"
    write_layout_csv(path, np.array(pairs))
    np.testing.assert_array_equal(read_layout(path), np.array(pairs))


def test_single_precision_is_written_as_short_as_it_is(tmp_path):
    positions = np.array([[0.1, 2.5], [-3499.7, 1e-5]], np.float32)
    write_layout_csv(tmp_path / "layout.csv", positions)
    assert (tmp_path / "layout.csv").read_text() == "x,y\n0.1,2.5\n-3499.7,1e-05\n"
    np.testing.assert_array_equal(read_layout(tmp_path / "layout.csv").astype(np.float32), positions)


def test_geojson_files_hold_layout_and_site(tmp_path):
    positions, site = np.random.default_rng(1).normal(0, 500, (30, 2)), pampa_la_bola()
    write_layout_geojson(tmp_path / "layout.geojson", positions, site)
    features = json.loads((tmp_path / "layout.geojson").read_text())["features"]
    units = [f for f in features if f["properties"]["kind"] == "unit"]
    assert [f["properties"]["index"] for f in units] == list(range(30))
    np.testing.assert_array_equal([f["geometry"]["coordinates"] for f in units], positions)
    again = read_region(tmp_path / "layout.geojson")
    np.testing.assert_array_equal(again.boundary.vertices, site.region.boundary.vertices)
    write_layout_geojson(tmp_path / "alone.geojson", positions)
    assert len(json.loads((tmp_path / "alone.geojson").read_text())["features"]) == 30


@pytest.mark.parametrize(
    "text",
    [
        "x,y\n1,2\n3,4.5\n",
        "name,x [m],y [m],z [m]\nunit_0,1,2,0\nunit_1,3,4.5,0\n",
        "\ufeffY , X\r\n2,1\r\n\r\n4.5,3\r\n",
        'y,comment,x\n2,"a, b",1\n4.5,"two\nlines",3\n',
    ],
)
def test_other_columns_orders_and_line_ends_do_not_matter(tmp_path, text):
    (tmp_path / "layout.csv").write_text(text, encoding="utf-8", newline="")
    np.testing.assert_array_equal(read_layout(tmp_path / "layout.csv"), [[1.0, 2.0], [3.0, 4.5]])


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "line 1: columns none; expected one column x"),
        ("x,z\n1,2\n", "line 1: columns x, z; expected"),
        ("x,y,x\n1,2,3\n", "line 1: columns x, y, x; expected one column x"),
        (
            "x [km],y [km]\n1,2\n",
            r"line 1: columns x \[km\], y \[km\]; expected .* in metres",
        ),
        ("1,2\n3,4\n", "line 1: columns 1, 2; expected .* Name them in the first line"),
        ("x,y\n", "holds no unit"),
        ("x,y\n1,2\n3,four\n", "line 3: x is 3, y is four; expected finite numbers"),
        ("x,y\n1,2\n\n3\n", "line 4: x is 3, y is nothing"),
        ("x,y\nnan,2\n", "line 2: x is nan"),
        ("x,y\n1,inf\n", "line 2: x is 1, y is inf"),
        ("x,y\n1,2\n3,4\n1.0,2\n", r"line 4: a unit at \(1, 2\) m, where that of line 2 stands"),
    ],
)
def test_malformed_layouts_are_refused_with_the_line(tmp_path, text, match):
    (tmp_path / "layout.csv").write_text(text)
    with pytest.raises(DesignError, match=match) as caught:
        read_layout(tmp_path / "layout.csv")
    assert "layout.csv" in str(caught.value)


def test_missing_and_binary_files_are_refused(tmp_path):
    with pytest.raises(DesignError, match="there is no file"):
        read_layout(tmp_path / "none.csv")
    (tmp_path / "layout.csv").write_bytes(b"x,y\n\x80\xff,3\n")
    with pytest.raises(StageError, match="not a readable CSV file"):
        read_layout(tmp_path / "layout.csv")
