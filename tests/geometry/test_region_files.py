"""Regions as GeoJSON: the same after writing and reading, and malformed files refused with the place named."""

import json

import numpy as np
import pytest

from daedalus.errors import DaedalusError, StageError
from daedalus.geometry.polygons import disc, polygon
from daedalus.geometry.region_files import read_region, region_features, unit_feature
from daedalus.geometry.regions import region

TRIANGLE = [[-3499.0, 2000.0], [1800.0, -3508.0], [1800.0, 2000.0], [-3499.0, 2000.0]]


def feature(kind, geometry, coordinates, **properties):
    return {
        "type": "Feature",
        "properties": {"kind": kind, **properties},
        "geometry": {"type": geometry, "coordinates": coordinates},
    }


SITE = feature("site", "Polygon", [TRIANGLE])


def written(path, *features):
    path.write_text(json.dumps({"type": "FeatureCollection", "features": list(features)}))
    return path


def test_files_hold_regions_to_the_last_bit(tmp_path):
    corners = [(0.1, 0.2), (1e3 / 3, 0.0), (100.0, np.pi * 100)]
    road = polygon([(0.0, 50.0), (300.0, 60.0), (300.0, 70.0)])
    first = region(polygon(corners), [disc((1e2 / 7, 3.0), np.sqrt(2)), road], margin=1.0)
    again = read_region(written(tmp_path / "site.geojson", *region_features(first)), margin=1.0)
    np.testing.assert_array_equal(again.boundary.vertices, first.boundary.vertices)
    np.testing.assert_array_equal(again.forbidden[0].centre, first.forbidden[0].centre)
    assert again.forbidden[0].radius == np.sqrt(2)
    np.testing.assert_array_equal(again.forbidden[1].vertices, road.vertices)
    np.testing.assert_array_equal(again.corners, first.corners)


def test_units_and_heights_are_passed_over(tmp_path):
    high = feature("site", "Polygon", [[[*place, 4800.0] for place in TRIANGLE]])
    unit = unit_feature((1.5, 2.5, 3.5), name="unit_0")
    assert unit == feature("unit", "Point", [1.5, 2.5, 3.5], name="unit_0")
    found = read_region(written(tmp_path / "site.json", high, unit))
    assert found.boundary.area == pytest.approx(0.5 * 5299 * 5508)


BOW_TIE = [[0, 0], [100, 100], [100, 0], [0, 100], [0, 0]]
HOLE = [[0, 0], [0, 100], [100, 0], [0, 0]]


@pytest.mark.parametrize(
    ("features", "match"),
    [
        ([], "0 features of the kind 'site'"),
        ([SITE, SITE], "2 features of the kind 'site'"),
        ([feature("site", "Polygon", [TRIANGLE[:3]])], r"feature 0 \(site\): the ring is open: .* vertex 2, at \(1800"),
        ([feature("site", "Polygon", [BOW_TIE])], r"feature 0 \(site\): .* edge 0 .* and edge 2 .* meet at \(50, 50\)"),
        ([feature("site", "Polygon", [TRIANGLE, HOLE])], "of 2 rings; expected a Polygon of one. Give holes"),
        ([feature("site", "MultiPolygon", [[TRIANGLE]])], "a MultiPolygon of 1 rings"),
        ([feature("site", "Point", [0, 0], radius=5)], "a Point of"),
        ([SITE, feature("forbidden", "Point", [0, 0])], r"feature 1 \(forbidden\): it is a Point of radius None"),
        ([SITE, feature("forbidden", "Point", [0, 0], radius=True)], "radius True"),
        ([SITE, feature("forbidden", "Point", [0, 0], radius=-3)], "radius of -3 m"),
        ([SITE, feature("forbidden", "Point", [0], radius=3)], "expected a list of positions"),
        ([SITE, feature("forbidden", "Point", "here", radius=3)], "expected a list of positions"),
        ([SITE, feature("lake", "Polygon", [TRIANGLE])], "feature 1 is of the kind 'lake'"),
        ([{"type": "Feature", "properties": None, "geometry": None}], "feature 0 is of the kind None"),
        ([{"type": "Feature", "properties": {"kind": "site"}, "geometry": None}], "None of no rings"),
        ([feature("site", "Polygon", [[[0, 0], [1, None], [1, 1], [0, 0]]])], r"vertex 1 is \(1, nan\)"),
        ([feature("site", "Polygon", [[[0, 0], [1, "a"], [1, 1], [0, 0]]])], "pairs of numbers"),
        ([feature("site", "Polygon", [[[0, 0], [1, float("inf")], [1, 1], [0, 0]]])], "vertex 1"),
        ([feature("site", "Polygon", [[[-67.7, -23], [-67.6, -23], [-67.6, -22.9], [-67.7, -23]]])], "degrees"),
        (["here"], "no list of features"),
    ],
)
def test_malformed_regions_are_refused_with_the_place(tmp_path, features, match):
    with pytest.raises(StageError, match=match) as caught:
        read_region(written(tmp_path / "site.geojson", *features))
    assert "site.geojson" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ('{"type": "FeatureCollection",\n "features": [}', "line 2, column 15"),
        ('{"type": "Feature"}', "holds a Feature"),
        ("[1, 2]", "holds a list"),
        ('{"type": "FeatureCollection"}', "no list of features"),
        ("\xff\xfe", "expected JSON"),
    ],
)
def test_other_files_are_refused(tmp_path, text, match):
    (tmp_path / "site.geojson").write_text(text)
    with pytest.raises(StageError, match=match):
        read_region(tmp_path / "site.geojson")


def test_missing_and_binary_files_are_refused(tmp_path):
    with pytest.raises(StageError, match="there is no file"):
        read_region(tmp_path / "none.geojson")
    (tmp_path / "site.geojson").write_bytes(b"\x80\x81\xff")
    with pytest.raises(DaedalusError, match="not a readable GeoJSON file"):
        read_region(tmp_path / "site.geojson")
    with pytest.raises(StageError, match="no place is left"):
        read_region(written(tmp_path / "site.geojson", SITE), margin=2000.0)
