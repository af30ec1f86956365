"""Layouts as files: what `daedalus export` writes is read again, and malformed files are refused with the line."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daedalus.errors import DesignError, StageError
from daedalus.execution import write_layout
from daedalus.geometry import Element
from daedalus.geometry.polygons import disc, polygon
from daedalus.geometry.regions import region
from daedalus.studies.ground_array.layout_files import read_layout
from daedalus.studies.ground_array.site import read_site

number = st.floats(allow_nan=False, allow_infinity=False)
layouts = st.lists(st.tuples(number, number), min_size=1, max_size=20, unique_by=lambda p: (p[0] + 0.0, p[1] + 0.0))


@given(layouts)
def test_layouts_are_read_to_the_last_bit(tmp_path_factory, pairs):
    path = tmp_path_factory.mktemp("layouts") / "layout.csv"
    path.write_text("x,y\n" + "".join(f"{x!r},{y!r}\n" for x, y in pairs))
    np.testing.assert_array_equal(read_layout(path), np.array(pairs))


def test_what_export_writes_is_read_to_nine_digits(tmp_path):
    positions = np.random.default_rng(1).normal(0, 500, (30, 2))
    units = [Element(f"unit_{k}", (x, y, 1.5), (15.0, 15.0, 3.0), "water") for k, (x, y) in enumerate(positions)]
    write_layout(tmp_path / "layout.csv", units)
    found = read_layout(tmp_path / "layout.csv")
    np.testing.assert_allclose(found, positions, rtol=6e-9)
    assert not np.array_equal(found, positions)


def test_the_site_of_an_exported_map_is_read_to_the_last_bit_and_its_units_are_passed_over(tmp_path):
    hole, ring = disc((40.0, 30.1), 20.0), [(-70.0, -60.3), (70.0, -60.0), (70.0, 60.0), (-70.0, 60.0)]
    ground = region(polygon(ring), [hole])
    unit = Element("unit_0", (0.1, 0.2, 1.5), (15.0, 15.0, 3.0), "water")
    write_layout(tmp_path / "map.geojson", [unit], ground=ground)
    found = read_site(tmp_path / "map.geojson").region
    np.testing.assert_array_equal(found.boundary.vertices, ground.boundary.vertices)
    (same,) = found.forbidden
    assert (same.centre.tolist(), same.radius) == ([40.0, 30.1], 20.0)
    write_layout(tmp_path / "bare.geojson", [unit])
    with pytest.raises(StageError, match=r"bare.geojson: 0 features of the kind 'site'; expected one"):
        read_site(tmp_path / "bare.geojson")


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
