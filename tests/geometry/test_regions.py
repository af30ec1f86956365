"""Regions: the nearest admissible places against a fine map, margins, derivatives, and what leaves nothing."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.errors import StageError
from daedalus.geometry.polygons import disc, polygon
from daedalus.geometry.regions import region

NOTCHED = polygon([(0.0, 0.0), (10.0, 0.0), (10.0, 8.0), (6.0, 8.0), (5.0, 3.0), (4.0, 8.0), (0.0, 8.0)])
ROAD = polygon([(-1.0, 1.0), (11.0, 2.0), (11.0, 2.6), (-1.0, 1.6)])
BOULDERS = [disc((2.0, 5.0), 1.2), disc((3.5, 5.0), 1.0), disc((10.0, 5.5), 2.0)]  # two overlap, one sticks out
CASES = {
    "forbidden ground": lambda: region(NOTCHED, [*BOULDERS, ROAD]),
    "forbidden ground with a margin": lambda: region(NOTCHED, [*BOULDERS, ROAD], margin=0.3),
    "round site": lambda: region(disc((5.0, 4.0), 5.0), [ROAD, disc((5.0, 4.0), 1.0)], margin=0.2),
}
POINTS = np.concatenate([np.random.default_rng(1).uniform(-4, 14, (300, 2)), [[2.0, 5.0], [10.0, 0.0], [5.0, 4.0]]])


@cache
def case(name):
    return CASES[name]()


@cache
def compiled(name):
    space = case(name)
    return jax.jit(lambda points: space.outside(points)), jax.jit(lambda points: space.nearest(points))


@pytest.mark.parametrize("name", CASES)
def test_places_are_the_nearest_ones(name):
    violation, moved_in = compiled(name)
    outside, nearest = np.asarray(violation(POINTS)), np.asarray(moved_in(POINTS))
    x, y = np.meshgrid(np.linspace(-0.5, 10.5, 551), np.linspace(-1.5, 9.5, 551))
    fine = jnp.asarray(np.stack([x, y], -1))
    free = np.asarray(fine)[np.asarray(violation(fine)) <= 0.0]
    expected = np.sqrt([np.min(np.sum((free - point) ** 2, 1)) for point in POINTS])
    moved = np.hypot(*(nearest - POINTS).T)
    np.testing.assert_array_equal(nearest[outside <= 0], POINTS[outside <= 0])
    assert np.all(violation(nearest) <= 0.0)
    assert np.all(moved[outside > 0] <= expected[outside > 0] + 20 * case(name).clear)  # as near as the map's nearest
    assert np.all(moved >= np.maximum(outside, 0.0))


def test_a_margin_is_kept():
    space = case("forbidden ground with a margin")
    places = compiled("forbidden ground with a margin")[1](POINTS)
    assert float(NOTCHED.outside(places).max()) <= -0.3
    for shape in space.forbidden:
        assert float(shape.outside(places).min()) >= 0.3
    assert float(np.abs(compiled("forbidden ground with a margin")[0](places)).min()) < 1e-4  # some end at the bound


def test_derivatives_are_those_of_projections():
    space = case("forbidden ground")
    nearest = compiled("forbidden ground")[1]
    jacobian = jax.jit(jax.vmap(jax.jacobian(lambda point: space.nearest(point))))(POINTS)
    finite = np.stack([(nearest(POINTS + h) - nearest(POINTS - h)) / 2e-6 for h in 1e-6 * np.eye(2)], -1)
    off_centres = slice(0, 300)
    np.testing.assert_allclose(jacobian[off_centres], finite[off_centres], atol=1e-6)
    assert np.isfinite(jacobian).all()


def test_single_precision_and_any_shape():
    outside, moved_in = compiled("forbidden ground with a margin")
    points = np.asarray(POINTS[:300], np.float32).reshape(3, 100, 2)
    nearest = moved_in(points)
    assert nearest.dtype == jnp.float32
    assert float(outside(nearest).max()) <= 0.0
    np.testing.assert_array_equal(moved_in(nearest), nearest)
    inside = np.asarray(outside(points)) <= 0.0
    np.testing.assert_array_equal(nearest[inside], points[inside])


@pytest.mark.parametrize(
    ("boundary", "forbidden", "margin", "match"),
    [
        (NOTCHED, [], 3.0, "3 m within the boundary"),
        (NOTCHED, [disc((5.0, 4.0), 9.0)], 0.0, "off 1 forbidden"),
        (disc((0.0, 0.0), 2.0), [], 2.5, "no place is left"),
        (disc((0.0, 0.0), 2.0), [disc((0.5, 0.0), 3.0)], 0.0, "no place is left"),
        (NOTCHED, [], -1.0, "margin is -1.0"),
        (NOTCHED, [], np.nan, "margin is nan"),
    ],
)
def test_regions_without_a_place_are_refused(boundary, forbidden, margin, match):
    with pytest.raises(StageError, match=match):
        region(boundary, forbidden, margin)
