"""The site: the published triangle, what is admissible there, and what is refused with the place named."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daedalus.errors import DesignError, ProblemError, StageError
from daedalus.geometry.rotations import replicated
from daedalus.studies.ground_array.layouts import hexagonal, layout
from daedalus.studies.ground_array.site import SEPARATION, pampa_la_bola, read_site

SITE = pampa_la_bola()
admit = jax.jit(lambda positions: SITE.admit(positions))


def test_the_published_triangle_and_separation():
    assert pytest.approx(22.1) == SEPARATION
    assert float(SITE.region.boundary.area) == pytest.approx(0.5 * 5299 * 5508)
    slope, least = (2000 + 3508) / (-3499 - 1800), -1.0394 * 1000 - 1637
    assert slope == pytest.approx(-1.0394, abs=1e-4)
    places = jnp.array([[0.0, 0.0], [1000.0, least], [1900.0, 0.0], [0.0, 2300.0]])
    away = SITE.outside(places)
    np.testing.assert_allclose(away, [-1637 / np.hypot(1, 1.0394), 0.0, 100.0, 300.0], atol=0.5)


@given(st.integers(0, 10**6), st.floats(20.0, 250.0))
def test_admitted_layouts_are_admissible_and_stay(seed, spacing):
    start = jnp.asarray(layout("random_ball", 128, spacing, key=jax.random.key(seed)))
    positions = admit(start)
    assert float(SITE.outside(positions).max()) <= 0.0
    assert float(SITE.crowding(positions).max()) <= 0.0
    np.testing.assert_array_equal(admit(positions), positions)
    SITE.check(positions)


@given(st.integers(0, 10**6))
def test_the_order_of_the_units_does_not_matter(seed):
    start = jnp.asarray(layout("random_ball", 128, 300.0, key=jax.random.key(seed)))
    order = np.random.default_rng(seed).permutation(128)
    np.testing.assert_array_equal(admit(start[order]), admit(start)[order])


def test_symmetric_layouts_stay_symmetric():
    sector = jnp.asarray(hexagonal(10, 18.0)) + jnp.array([60.0, 45.0])
    moved = replicated(jax.jit(lambda sector: SITE.admit(sector, fold=6))(sector), 6)
    SITE.check(moved)
    astray = jnp.array([[1500.0, 1500.0], [0.0, 1900.0], [0.0, 0.0], [3.0, 1.0]])  # their images are far outside
    moved = jax.jit(lambda sector: SITE.admit(sector, fold=3, centre=(200.0, 400.0)))(astray)
    SITE.check(replicated(moved, 3, (200.0, 400.0)))


def test_fixed_units_stay():
    positions = jnp.array([[0.0, 0.0], [10.0, 0.0], [5000.0, 0.0]])
    moved = SITE.admit(positions, fixed=jnp.array([True, False, False]))
    np.testing.assert_array_equal(moved[0], positions[0])
    SITE.check(moved)


def test_units_outside_and_too_near_are_refused_with_their_places():
    with pytest.raises(DesignError, match=r"outside the site .* unit 1 at \(1900, 100\) by 100 m; expected none"):
        SITE.check(np.array([[0.0, 0.0], [1900.0, 100.0]]))
    with pytest.raises(DesignError, match=r"nearer .* than 22.1 m: unit 0 at \(0, 0\) by 2.1 m; unit 2 .* by 2.1 m"):
        SITE.check(np.array([[0.0, 0.0], [100.0, 0.0], [20.0, 0.0]]))
    with pytest.raises(DesignError, match="and 17 more"):
        SITE.check(np.stack([np.full(20, 9e3), np.arange(20.0) * 30], 1))


def test_too_many_units_are_refused_with_the_numbers():
    SITE.check_room(6000)
    wide = pampa_la_bola(separation=60.0)
    with pytest.raises(ProblemError, match=r"6000 units 60 m apart .* 14.59 km2 .* at most 4\d\d\d"):
        wide.check_room(6000)
    wide.check_room(4000)


def test_sites_of_files(tmp_path):
    ring = [[0.0, 0.0], [500.0, 0.0], [500.0, 400.0], [0.0, 400.0], [0.0, 0.0]]
    site = {
        "type": "Feature",
        "properties": {"kind": "site"},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    path = tmp_path / "site.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [site]}))
    found = read_site(path, separation=30.0, margin=11.0)
    np.testing.assert_allclose(found.outside(jnp.array([[20.0, 200.0], [5.0, 200.0]])), [-9.0, 6.0])
    assert found.separation == 30.0
    ring.pop()
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [site]}))
    with pytest.raises(StageError, match=r"site.geojson: feature 0 \(site\): the ring is open"):
        read_site(path)


@pytest.mark.slow
def test_six_thousand_units_are_admitted():
    start = jnp.asarray(layout("random_ball", 6000, 28.0, key=jax.random.key(1)))
    positions = admit(start)
    assert float(SITE.outside(positions).max()) <= 0.0
    assert float(SITE.crowding(positions).max()) <= 0.0
