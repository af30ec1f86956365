"""Front times: thinned Poisson counts, densities that are one in all, and information by quadrature."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from daedalus.physics.front_times import (
    expected_time_information,
    log_background_share,
    log_time_density,
    time_information,
)

LATE = np.linspace(-12.0, 12.0, 24001)
STEP = LATE[1] - LATE[0]


def quadrature(share, window):
    """The information of a time, relative to a sure one, by the trapezium rule."""
    normal = stats.norm.pdf(LATE)
    return np.sum((share * normal * LATE) ** 2 / (share * normal + (1.0 - share) / window)) * STEP


def test_the_share_is_that_of_thinned_counts():
    random, expected, background = np.random.default_rng(4), 1.7, 0.4
    own, strange = random.poisson(expected - background, 200000), random.poisson(background, 200000)
    for count in (1, 2, 3, 5):
        those = own + strange == count
        given = map(jnp.array, (float(count), expected, background))
        share = float(jnp.exp(log_background_share(*given)))
        seen = np.mean(own[those] == 0)
        assert abs(seen - share) < 4.5 * np.sqrt(share * (1.0 - share) / those.sum())


def test_the_share_is_finite_without_background_and_one_without_a_shower():
    counts, expected = jnp.array([0.0, 1.0, 50.0]), jnp.array([0.3, 0.3, 0.3])
    none = log_background_share(counts, expected, jnp.zeros(3))
    assert none[0] == 0.0
    assert np.all(np.isfinite(none))
    assert float(jnp.exp(none[1])) < 1e-28
    np.testing.assert_array_equal(log_background_share(counts, expected, expected), 0.0)


@pytest.mark.parametrize("share", [0.0, 1e-6, 0.3, 0.97, 1.0])
@pytest.mark.parametrize("window", [12.8, 1280.0])
def test_densities_are_those_of_the_mixture(share, window):
    strange = jnp.full(LATE.shape, np.log(max(1.0 - share, 1e-40)))
    mixed, ratio = log_time_density(jnp.asarray(LATE), strange, window)
    expected = share * stats.norm.pdf(LATE) + max(1.0 - share, 1e-40) / window
    np.testing.assert_allclose(np.exp(mixed), expected, rtol=1e-9)
    np.testing.assert_allclose(np.exp(ratio), stats.norm.pdf(LATE) / expected, rtol=1e-9)


def test_densities_are_finite_far_from_the_front_in_single_precision():
    late, strange = jnp.array([0.0, 40.0, 3e3], jnp.float32), jnp.array([-800.0, 0.0, -3.0], jnp.float32)
    for found in log_time_density(late, strange, 12.8):
        assert found.dtype == jnp.float32
        assert np.all(np.isfinite(found))
    slopes = jax.vmap(jax.grad(lambda *given: log_time_density(*given, 12.8)[0], (0, 1)))(late, strange)
    assert np.all(np.isfinite(slopes))


@pytest.mark.parametrize("window", [10.0, 12.8, 100.0, 1280.0])
def test_information_is_that_of_quadrature(window):
    for share in (0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99):
        assert float(time_information(jnp.array(share), window)) == pytest.approx(quadrature(share, window), abs=0.021)
    small = 1e-4
    assert float(time_information(jnp.array(small), window)) == pytest.approx(quadrature(small, window), rel=0.02)
    assert float(time_information(jnp.array(1.0), window)) == 1.0


@pytest.mark.parametrize("background", [0.0056, 0.0509, 1.0])
@pytest.mark.parametrize("times", [1.001, 1.5, 3.0, 10.0, 60.0])
def test_what_is_expected_is_the_mean_over_counts(background, times):
    expected, numbers = background * times, np.arange(1, 400)
    chances = stats.poisson.pmf(numbers, expected)
    counts = numbers[chances > 1e-8]
    shares = 1.0 - times ** -counts.astype(float)
    exact = sum(p * quadrature(f, 12.8) for p, f in zip(chances[counts - 1], shares, strict=True))
    found = float(expected_time_information(jnp.array(expected), jnp.array(background), 12.8))
    assert found == pytest.approx(exact, rel=0.08, abs=1e-3 + 0.03 * background)
    assert found <= 1.0 - np.exp(-expected)


def test_a_unit_far_away_tells_no_time():
    far = float(expected_time_information(jnp.array(0.05), jnp.array(0.05), 12.8))
    assert far == 0.0
    slope = jax.grad(expected_time_information)(jnp.array(0.05), jnp.array(0.05), 12.8)
    assert np.isfinite(slope)
