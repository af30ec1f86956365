"""Least distances: pairs by hand, what stays, order, fixed points, dense packings, and the bound of packings."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from daedalus.geometry.polygons import disc, polygon
from daedalus.geometry.regions import region
from daedalus.geometry.separation import BEYOND, most_points, nearest_distances, separated

WIDE = region(disc((0.0, 0.0), 1e4))
SQUARE = region(polygon([(0.0, 0.0), (100.0, 0.0), (100.0, 100.0), (0.0, 100.0)]), [disc((30.0, 40.0), 15.0)], 2.0)


@jax.jit
def in_square(points):
    return separated(points, 5.0, SQUARE)


def scattered(seed, count=150, side=120.0):
    return jnp.asarray(np.random.default_rng(seed).uniform(-10.0, side, (count, 2)))


@settings(max_examples=10)
@given(st.integers(0, 10**6))
def test_points_end_apart_and_in_the_region_and_then_stay(seed):
    points = in_square(scattered(seed))
    assert float(SQUARE.outside(points).max()) <= 0.0
    assert float(nearest_distances(points).min()) >= 5.0
    np.testing.assert_array_equal(in_square(points), points)


@settings(max_examples=10)
@given(st.integers(0, 10**6))
def test_the_order_of_the_points_does_not_matter(seed):
    points, order = scattered(seed), np.random.default_rng(seed).permutation(150)
    np.testing.assert_array_equal(in_square(points[order]), in_square(points)[order])


def test_a_pair_shares_its_overlap_and_others_stay():
    points = jnp.array([[3.0, 4.0], [6.0, 8.0], [500.0, 1.0], [600.0, 2.0], [60.0, 2.0]])
    moved = separated(points, 10.0, WIDE)
    half = 0.5 * (10.0 * (1.0 + BEYOND) - 5.0) * np.array([0.6, 0.8])
    np.testing.assert_allclose(moved[:2], [points[0] - half, points[1] + half], rtol=1e-12)
    np.testing.assert_array_equal(moved[2:], points[2:])


def test_fixed_points_stay_and_the_others_give_way():
    points = jnp.array([[3.0, 4.0], [6.0, 8.0], [6.0, 8.0]])
    moved = separated(points, 10.0, WIDE, fixed=jnp.array([True, False, False]))
    np.testing.assert_array_equal(moved[0], points[0])
    assert float(nearest_distances(moved).min()) >= 10.0


def test_points_in_one_place_part():
    moved = separated(jnp.zeros((40, 2)), 10.0, WIDE)
    assert float(nearest_distances(moved).min()) >= 10.0
    assert float(jnp.abs(moved).max()) < 60.0


def test_a_dense_ball_expands():
    random = np.random.default_rng(7)
    start = jnp.asarray(random.uniform(-1, 1, (300, 2)) * 40.0)  # 74 of 300 fit in this square
    moved = jax.jit(lambda points: separated(points, 10.0, WIDE))(start)
    assert float(nearest_distances(moved).min()) >= 10.0 * (1.0 - 1e-3)


def test_batches_derivatives_and_single_precision():
    both = jnp.stack([scattered(1), scattered(2)])
    np.testing.assert_array_equal(jax.vmap(in_square)(both), [in_square(each) for each in both])
    single = in_square(both[0].astype(jnp.float32))
    assert single.dtype == jnp.float32
    assert float(nearest_distances(single).min()) >= 5.0
    points = jnp.array([[3.0, 4.0], [6.0, 8.0], [7.0, 1.0], [50.0, 60.0]])
    moved = jax.jit(lambda points: jnp.sum(jnp.sin(separated(points, 10.0, WIDE, sweeps=5))))
    finite = [float(moved(points + h) - moved(points - h)) / 2e-6 for h in 1e-6 * np.eye(8).reshape(8, 4, 2)]
    slopes = [float(jax.jvp(moved, (points,), (way,))[1]) for way in jnp.eye(8).reshape(8, 4, 2)]
    np.testing.assert_allclose(slopes, finite, rtol=1e-6, atol=1e-8)


def test_nearest_distances():
    points = np.asarray(scattered(3, 300))
    found = jax.jit(nearest_distances)(jnp.asarray(points))
    np.testing.assert_allclose(found, cKDTree(points).query(points, 2)[0][:, 1], rtol=1e-14)
    assert float(nearest_distances(jnp.zeros((1, 2)))[0]) == np.inf
    total = jax.jit(lambda points: jnp.sum(nearest_distances(points) ** 2))
    few = jnp.asarray(points[:10])
    finite = [float(total(few + h) - total(few - h)) / 2e-5 for h in 1e-5 * np.eye(20).reshape(20, 10, 2)]
    np.testing.assert_allclose(jax.grad(total)(few).ravel(), finite, rtol=1e-7)
    assert np.isfinite(jax.grad(lambda points: jnp.sum(nearest_distances(points)))(jnp.zeros((3, 2)))).all()


def test_no_packing_exceeds_the_bound_which_is_tight_for_wide_regions():
    square = region(polygon([(0.0, 0.0), (100.0, 0.0), (100.0, 100.0), (0.0, 100.0)]))
    for separation in (1.0, 7.0, 100.0, 150.0):
        row = np.arange(0.0, 100.0 + 1e-9, separation)
        lines = np.arange(0.0, 100.0 + 1e-9, separation * np.sqrt(0.75))
        hexagonal = sum(np.sum(row + 0.5 * separation * (k % 2) <= 100.0) for k in range(len(lines)))
        assert hexagonal <= most_points(square, separation)
    assert most_points(square, 1.0) == pytest.approx(1e4 / np.sqrt(0.75), rel=0.04)
    crossed = region(square.boundary, [disc((50.0, 50.0), 40.0)])
    assert most_points(crossed, 1.0) == pytest.approx((1e4 - np.pi * 40.0**2) / np.sqrt(0.75), rel=0.1)
    assert most_points(region(disc((0.0, 0.0), 50.0)), 1.0) == pytest.approx(np.pi * 2500 / np.sqrt(0.75), rel=0.05)
