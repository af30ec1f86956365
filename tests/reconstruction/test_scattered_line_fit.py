"""The fit with scattering: textbook formulae, limits, best of all linear estimates, pulls, derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.reconstruction.scattered_line_fit import hit_covariance, line_estimate

Z = jnp.array([0.3, 0.1, 0.62, 0.45])  # in no order
SIGMA = jnp.array([2e-5, 1e-5, 4e-5, 3e-5])
KICK = jnp.array([3e-8, 1e-8, 2e-8, 5e-8])
NONE = jnp.zeros(4)


@pytest.mark.parametrize("spaces", [2, 4, 9])
def test_equal_spacing_without_scattering_is_the_textbooks(spaces):
    # N + 1 planes, length L, centre zc: var t = 12 N s^2 / ((N + 1) (N + 2) L^2), and at a distance d from zc
    # var x = s^2 / (N + 1) [1 + 12 N / (N + 2) (d / L)^2] (Gluckstern, NIM 24 (1963) 381, field off)
    length, first, error = 0.8, 0.2, 1.7e-5
    z = jnp.linspace(first, first + length, spaces + 1)
    found = line_estimate(z, jnp.full(spaces + 1, error), jnp.zeros(spaces + 1), 0.0).covariance
    distance = first + length / 2
    slope = 12 * spaces * error**2 / ((spaces + 1) * (spaces + 2) * length**2)
    place = error**2 / (spaces + 1) * (1 + 12 * spaces / (spaces + 2) * (distance / length) ** 2)
    assert float(found[1, 1]) == pytest.approx(slope, rel=1e-10)
    assert float(found[0, 0]) == pytest.approx(place, rel=1e-10)
    assert float(found[0, 1]) == pytest.approx(-distance * slope, rel=1e-10)


def test_two_planes_extrapolate_and_scatter():
    # two planes leave no freedom: x0 = (z2 x1 - z1 x2) / d, and the kick of the first moves x2 by d
    z, sigma, kick = jnp.array([0.1, 0.5]), jnp.array([1e-5, 3e-5]), jnp.array([4e-8, 1.0])
    variance = line_estimate(z, sigma, kick).covariance[0, 0]
    law = ((0.5 * 1e-5) ** 2 + (0.1 * 3e-5) ** 2) / 0.4**2 + 4e-8 * 0.1**2
    assert float(variance) == pytest.approx(law, rel=1e-10)


def test_perfect_resolution_leaves_the_kick_of_the_first_plane():
    covariance = line_estimate(Z, 1e-4 * SIGMA, KICK).covariance
    assert float(covariance[0, 0]) == pytest.approx(1e-8 * 0.1**2, rel=1e-4)
    assert float(covariance[1, 1]) == pytest.approx(1e-8, rel=1e-4)


def test_strong_scattering_leaves_the_first_two_planes():
    # with huge kicks behind the second plane the rest says nothing
    strong = KICK.at[0].set(1.0).at[3].set(1.0)  # planes at 0.3 and 0.45; the second of all is at 0.3
    pair = line_estimate(Z[:2], SIGMA[:2], KICK[:2]).covariance
    np.testing.assert_allclose(line_estimate(Z, SIGMA, strong).covariance, pair, rtol=1e-4)


def test_the_estimate_is_unbiased_and_no_linear_estimate_is_better():
    estimate = line_estimate(Z, SIGMA, KICK, 0.05)
    A = np.stack([np.ones(4), Z - 0.05], 1)
    np.testing.assert_allclose(estimate.weights @ A, np.eye(2), atol=1e-10)
    V = np.asarray(hit_covariance(Z, SIGMA, KICK))
    W = np.asarray(estimate.weights)
    np.testing.assert_allclose(W @ V @ W.T, estimate.covariance, rtol=1e-9)
    rest = np.linalg.svd(A.T)[2][2:]  # hits that no line explains: adding them to the weights keeps it unbiased
    for direction in rest:
        for size in (-0.05, 0.05):
            other = W[0] + size * direction
            assert other @ V @ other > W[0] @ V @ W[0]


def test_covariance_is_that_of_simulated_kicks():
    rng = np.random.default_rng(3)
    events = 40000
    kicks = rng.normal(size=(events, 4)) * np.sqrt(KICK)
    hits = kicks @ np.maximum(Z[:, None] - Z, 0.0).T + rng.normal(size=(events, 4)) * np.asarray(SIGMA)
    estimate = line_estimate(Z, SIGMA, KICK)
    errors = np.asarray(estimate.weights) @ hits.T
    law = np.sqrt(np.diag(estimate.covariance))
    np.testing.assert_allclose(np.std(errors, 1) / law, 1.0, atol=4.0 / np.sqrt(2 * events))
    correlation = float(estimate.covariance[0, 1]) / law.prod()
    assert np.corrcoef(errors)[0, 1] == pytest.approx(correlation, abs=4.0 / np.sqrt(events))


def test_order_of_planes_and_place_of_the_origin_do_not_matter():
    order = jnp.array([2, 0, 3, 1])
    expected = line_estimate(Z, SIGMA, KICK).covariance
    np.testing.assert_allclose(line_estimate(Z[order], SIGMA[order], KICK[order]).covariance, expected, rtol=1e-9)
    np.testing.assert_allclose(line_estimate(Z + 7.0, SIGMA, KICK, 7.0).covariance, expected, rtol=1e-9)


def test_float32_agrees_with_float64():
    short = [jnp.asarray(a, jnp.float32) for a in (Z, SIGMA, KICK)]
    found = line_estimate(*short)
    assert found.covariance.dtype == jnp.float32
    np.testing.assert_allclose(found.covariance, line_estimate(Z, SIGMA, KICK).covariance, rtol=2e-4)


def test_planes_at_one_place_are_not_solvable_but_finite():
    covariance = lambda z: line_estimate(z, SIGMA, KICK).covariance[0, 0]
    same = jnp.full(4, 0.3)
    assert not bool(line_estimate(same, SIGMA, KICK).solvable)
    assert bool(line_estimate(Z, SIGMA, KICK).solvable)
    assert np.all(np.isfinite(jax.grad(covariance)(same)))


def test_derivatives_equal_finite_differences():
    fields = jnp.stack([Z, SIGMA / 1e-5, KICK / 1e-8])
    deviation = lambda f: 1e6 * jnp.sqrt(line_estimate(f[0], 1e-5 * f[1], 1e-8 * f[2]).covariance[0, 0])
    gradient, value = jax.jit(jax.grad(deviation))(fields), jax.jit(deviation)
    largest = float(jnp.max(jnp.abs(gradient)))
    for place in np.ndindex(3, 4):
        step = 1e-5 * float(fields[place])
        expected = float(value(fields.at[place].add(step)) - value(fields.at[place].add(-step))) / (2 * step)
        assert float(gradient[place]) == pytest.approx(expected, rel=1e-6, abs=1e-8 * largest)
