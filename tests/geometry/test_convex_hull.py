"""The area of convex hulls: against scipy's, by hand, and its derivative."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import ConvexHull

from daedalus.geometry.convex_hull import hull_area

area = jax.jit(hull_area)
slope = jax.jit(jax.grad(hull_area))


@given(st.integers(0, 10**6), st.sampled_from([4, 40]), st.booleans())
def test_areas_are_those_of_scipy(seed, count, lattice):
    random = np.random.default_rng(seed)
    points = random.normal((103.0, -47.0), 2.0, (count, 2))
    points = np.round(points) if lattice else points  # many on one line, many twice
    if np.linalg.matrix_rank(points - points[0]) == 2:
        assert float(area(jnp.asarray(points))) == pytest.approx(ConvexHull(points).volume, rel=1e-12)


def test_areas_by_hand():
    x, y = np.meshgrid(np.arange(5.0), np.arange(8.0))
    assert float(area(jnp.asarray(np.stack([x.ravel(), y.ravel()], 1)))) == pytest.approx(4 * 7, rel=1e-14)
    angle = 2 * jnp.pi * jnp.arange(300) / 300
    circle = jnp.stack([jnp.cos(angle), jnp.sin(angle)], 1)
    assert float(area(circle)) == pytest.approx(150 * np.sin(2 * np.pi / 300), rel=1e-13)
    for points in ([[1.0, 2.0]], [[1.0, 2.0], [3.0, 5.0]], [[2.0, 2.0]] * 4):
        assert float(area(jnp.array(points))) == 0.0
    assert float(area(jnp.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [5.0, 5.0]]))) == pytest.approx(0.0, abs=1e-14)


def test_derivatives_are_exact_and_zero_inside():
    points = jnp.asarray(np.random.default_rng(4).normal(0.0, 1.0, (30, 2)))
    finite = [float(area(points + h) - area(points - h)) / 2e-6 for h in 1e-6 * np.eye(60).reshape(60, 30, 2)]
    found = slope(points)
    np.testing.assert_allclose(found.ravel(), finite, rtol=1e-6, atol=1e-8)
    on_hull = np.isin(np.arange(30), ConvexHull(np.asarray(points)).vertices)
    np.testing.assert_array_equal(np.any(np.asarray(found) != 0, 1), on_hull)
    assert np.isfinite(slope(jnp.zeros((5, 2)))).all()


def test_order_place_batches_and_single_precision():
    random = np.random.default_rng(5)
    points = random.uniform(-2000, 2000, (6, 50, 2))
    together = jax.vmap(hull_area)(jnp.asarray(points))
    np.testing.assert_allclose(together, [area(jnp.asarray(each)) for each in points], rtol=1e-14)
    np.testing.assert_array_equal(together, jax.vmap(hull_area)(jnp.asarray(points[:, random.permutation(50)])))
    np.testing.assert_allclose(jax.vmap(hull_area)(jnp.asarray(points, jnp.float32)), together, rtol=1e-5)
