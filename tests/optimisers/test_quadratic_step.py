"""The way down a quadratic model: exact where convex, in ball and box, never worse than steepest descent."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from daedalus.optimisers.quadratic_step import quadratic_step

SIZE = 5
solve = jax.jit(lambda h, g, lower, upper, radius: quadratic_step(lambda v: h @ v, g, lower, upper, radius))
seeds = st.integers(0, 10_000)


def drawn(seed, *, convex):
    rng = np.random.default_rng(seed)
    root, slope = rng.normal(size=(SIZE, SIZE)), rng.normal(size=SIZE)
    return root @ root.T if convex else root + root.T, slope


def height(matrix, slope, step):
    return slope @ step + 0.5 * step @ matrix @ step


@given(seeds)
def test_without_bounds_it_is_newtons_step(seed):
    matrix, slope = drawn(seed, convex=True)
    matrix = matrix + 0.1 * np.eye(SIZE)
    far = np.full(SIZE, 1e6)
    assert np.allclose(solve(matrix, slope, -far, far, 1e6), -np.linalg.solve(matrix, slope), rtol=1e-3, atol=1e-3)


@given(seeds)
def test_within_bounds_it_is_the_lowest_point(seed):
    matrix, slope = drawn(seed, convex=True)
    matrix, lower, upper = matrix + 0.1 * np.eye(SIZE), np.full(SIZE, -0.1), np.full(SIZE, 0.3)
    best = minimize(
        lambda s: height(matrix, slope, s), np.zeros(SIZE), jac=lambda s: slope + matrix @ s, bounds=[(-0.1, 0.3)] * 5
    )
    found = np.asarray(solve(matrix, slope, lower, upper, 10.0))
    assert height(matrix, slope, found) <= 0.98 * best.fun
    assert ((found >= lower) & (found <= upper)).all()


@given(seeds, st.floats(0.01, 10.0))
def test_ball_and_bounds_are_kept_and_steepest_descent_is_beaten(seed, radius):
    matrix, slope = drawn(seed, convex=False)
    lower, upper = np.full(SIZE, -1.0), np.array([0.0, 0.1, 1.0, 1.0, 1.0])
    found = np.asarray(solve(matrix, slope, lower, upper, radius))
    assert np.linalg.norm(found) <= radius * (1 + 1e-9)
    assert ((found >= lower) & (found <= upper)).all()
    free = np.where((upper == 0) & (slope < 0), 0.0, slope)
    way = np.clip(-np.outer(0.5 ** np.arange(8) * radius / np.linalg.norm(free), free), lower, upper)
    assert height(matrix, slope, found) <= min(height(matrix, slope, step) for step in way) + 1e-12


def test_a_line_is_followed_to_the_ball():
    slope, far = jnp.array([3.0, 0.0, 4.0, 0.0, 0.0]), jnp.full(SIZE, 1e3)
    found = solve(jnp.zeros((SIZE, SIZE)), slope, -far, far, 2.0)
    assert np.allclose(found, [-1.2, 0, -1.6, 0, 0])


def test_a_negative_curvature_is_followed_to_the_ball():
    matrix, slope, far = jnp.diag(jnp.array([1.0, 1, 1, 1, -1])), jnp.full(SIZE, 1e-3), jnp.full(SIZE, 1e3)
    assert float(jnp.linalg.norm(solve(matrix, slope, -far, far, 2.0))) == pytest.approx(2.0)


def test_no_slope_is_no_step():
    assert not np.any(solve(jnp.eye(SIZE), jnp.zeros(SIZE), -jnp.ones(SIZE), jnp.ones(SIZE), 1.0))
