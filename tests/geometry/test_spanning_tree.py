"""The shortest tree between points: against scipy's, by hand, and its derivative."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import pdist, squareform

from daedalus.geometry.spanning_tree import spanning_length, spanning_tree

cable = jax.jit(spanning_length)


@given(st.integers(0, 10**6), st.sampled_from([2, 30]))
def test_lengths_are_those_of_scipy(seed, count):
    points = np.random.default_rng(seed).normal(0.0, 300.0, (count, 2))
    expected = minimum_spanning_tree(squareform(pdist(points))).sum()
    assert float(cable(jnp.asarray(points))) == pytest.approx(expected, rel=1e-12)


def test_lengths_by_hand():
    x, y = np.meshgrid(np.arange(5.0), np.arange(8.0))
    lattice = jnp.asarray(np.stack([x.ravel(), y.ravel()], 1))
    assert float(cable(lattice)) == pytest.approx(39.0, rel=1e-14)
    assert float(cable(jnp.array([[3.0, 4.0]]))) == 0.0
    assert float(cable(jnp.concatenate([lattice, lattice]))) == pytest.approx(39.0, rel=1e-14)
    joined = spanning_tree(jnp.array([[0.0, 0.0], [10.0, 0.0], [3.0, 0.0], [7.0, 1.0]]))
    np.testing.assert_array_equal(joined, [0, 3, 0, 2])


def test_derivatives_are_exact_and_finite_where_points_coincide():
    points = jnp.asarray(np.random.default_rng(3).uniform(-100, 100, (20, 2)))
    finite = [float(cable(points + h) - cable(points - h)) / 2e-5 for h in 1e-5 * np.eye(40).reshape(40, 20, 2)]
    np.testing.assert_allclose(jax.grad(spanning_length)(points).ravel(), finite, rtol=1e-7, atol=1e-8)
    twice = points.at[1].set(points[0])
    slope = jax.grad(spanning_length)(twice)
    assert np.isfinite(slope).all()
    np.testing.assert_allclose(slope.sum(0), 0.0, atol=1e-13)  # moved together they keep their length


def test_order_batches_and_single_precision():
    random = np.random.default_rng(5)
    points = jnp.asarray(random.uniform(-2000, 2000, (3, 40, 2)))
    together = jax.vmap(spanning_length)(points)
    np.testing.assert_allclose(together, jax.vmap(spanning_length)(points[:, random.permutation(40)]), rtol=1e-14)
    np.testing.assert_allclose(jax.vmap(spanning_length)(points.astype(jnp.float32)), together, rtol=1e-6)
