"""Poisson counts by inversion: SciPy's quantiles, exact below a mean of 12, and what the expansion above it misses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from daedalus.events.poisson import EXACT_BELOW, poisson_quantile

SHARES = 2**16
SMALL = (0.0, 1e-6, 1e-3, 0.0234, 0.5, 3.0, 8.0, 11.999)
LARGE = (12.0, 13.0, 15.0, 20.0, 50.0, 100.0, 1e3, 1e4, 1e5)
FINEST = {True: 33, False: 24}  # the least share of `daedalus.events.uniforms` is 2 to the minus this power
quantile = jax.jit(poisson_quantile)


def drawn(double, mean, shares):
    """Counts in one precision, and SciPy's for the same shares and mean, as float64."""
    with jax.enable_x64(double):
        given = jnp.asarray(shares, jnp.result_type(float))
        mean = jnp.full(given.shape, mean, given.dtype)
        found = quantile(given, mean)
        assert found.dtype == given.dtype
        theirs = stats.poisson.ppf(np.asarray(given, float), np.asarray(mean, float))
        return np.asarray(found, float), np.where(np.asarray(mean) > 0, theirs, 0.0)


def shares(double):
    """Shares as the streams of random numbers have them, the ends of the interval among them."""
    bits = FINEST[double] - 1
    whole = np.random.default_rng(4).integers(0, 2**bits, SHARES)
    whole[:4] = 0, 1, 2**bits - 2, 2**bits - 1
    return (whole + 0.5) * 2.0**-bits


@pytest.mark.parametrize("mean", SMALL)
def test_counts_of_small_means_are_scipys_to_the_last_one(mean):
    found, theirs = drawn(True, mean, shares(True))
    np.testing.assert_array_equal(found, theirs)


@pytest.mark.parametrize("mean", SMALL)
def test_in_single_precision_only_the_farthest_tail_differs(mean):
    given = shares(False)
    found, theirs = drawn(False, mean, given)
    apart = found != theirs
    assert np.max(np.abs(found - theirs)) <= 3
    assert np.all(given[apart] > 1 - 1e-6)  # where the sum of 48 terms has no digits left


@pytest.mark.parametrize("double", [True, False])
@pytest.mark.parametrize("mean", LARGE)
def test_counts_of_large_means_miss_few_steps_by_one(mean, double):
    found, theirs = drawn(double, mean, shares(double))
    assert np.max(np.abs(found - theirs)) <= (1 if mean > 13 else 2)
    # the terms that the expansion leaves out, and the rounding of the sum in units of a count
    rounding = float(np.finfo(np.float64 if double else np.float32).eps) * mean
    assert np.mean(found != theirs) < 0.02 * mean**-1.5 + rounding + 5 / SHARES


@pytest.mark.parametrize("mean", [15.0, 20.0, 30.0])
def test_what_the_expansion_misses_has_no_bias(mean):
    """Its last term moves counts by 1 / (50 mean) on average; all that is left out is a tenth of that."""
    found, theirs = drawn(True, mean, np.random.default_rng(1).uniform(size=2**20))
    assert np.mean(found - theirs) == pytest.approx(0.0, abs=2e-3 / mean)


@pytest.mark.parametrize("double", [True, False])
def test_counts_are_never_negative_nor_absurd_at_the_ends(double):
    end = 2.0 ** -FINEST[double]
    for mean in (0.0, 1e-3, 3.0, 5.0, 11.9, 12.0, 12.5, 20.0, 1e3):
        found, _ = drawn(double, mean, np.array([end, 1 - end]))
        assert 0 <= found[0] <= found[1] <= mean + 8 * np.sqrt(mean) + 16


@pytest.mark.parametrize("mean", [0.0234, 3.0, 11.999, 12.0, 12.5, 40.0, 2000.0])
def test_mean_and_variance_are_the_mean(mean):
    even = (np.arange(SHARES) + 0.5) / SHARES  # the integral over the share by the midpoint rule
    found, _ = drawn(True, mean, even)
    steps = 20 * np.sqrt(mean + 1) / SHARES  # counts that occur, each with half an interval at its edge
    assert np.mean(found) == pytest.approx(mean, abs=steps + 1e-4)
    assert np.var(found) == pytest.approx(mean, rel=2e-3)


def test_a_count_never_falls_as_the_mean_grows():
    means = np.concatenate([np.linspace(0.0, EXACT_BELOW, 300, endpoint=False), np.geomspace(EXACT_BELOW, 1e5, 700)])
    given = jnp.asarray((np.arange(512) + 0.5) / 512)
    counts = np.asarray(jax.vmap(lambda mean: quantile(given, jnp.full_like(given, mean)))(jnp.asarray(means)))
    assert np.diff(counts, axis=0).min() >= 0
    assert np.diff(counts, axis=1).min() >= 0  # nor with the share


def test_where_the_expansion_takes_over_few_counts_fall_by_one():
    below, _ = drawn(True, EXACT_BELOW - 1e-9, shares(True)[4:])
    above, _ = drawn(True, EXACT_BELOW, shares(True)[4:])
    assert np.min(above - below) >= -1
    assert np.mean(above != below) < 1e-3


def test_there_is_no_derivative():
    slope = jax.grad(lambda mean: jnp.sum(poisson_quantile(jnp.asarray([0.2, 0.9]), mean)))
    for mean in (0.0, 3.0, 30.0):
        np.testing.assert_array_equal(slope(jnp.full(2, mean)), 0.0)
