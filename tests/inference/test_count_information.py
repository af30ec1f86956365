"""Information of counts: the Hessian of Asimov data, profiling, degenerate bins and parameters."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.inference.count_information import (
    count_information,
    log_generalised_variance,
    prior_information,
    profiled_information,
    profiled_uncertainty,
)

WIDTHS = np.array([np.inf, 0.4, np.inf])


def expected_counts(theta):
    """Counts that are not linear in three parameters."""
    bins = jnp.arange(1.0, 7.0)
    return theta[0] * jnp.exp(-bins / 2) + 40.0 * jnp.exp(theta[1] * bins / 5) / bins + theta[2] ** 2 * bins


AT = jnp.array([30.0, 0.2, 2.0])
SLOPES = jax.jacfwd(expected_counts)(AT).T
INFORMATION = count_information(expected_counts(AT), SLOPES)


def test_it_is_the_hessian_of_the_asimov_likelihood():
    asimov = expected_counts(AT)
    constraint = lambda theta: 0.5 * (theta[1] - AT[1]) ** 2 / 0.4**2
    negative = lambda theta: jnp.sum(expected_counts(theta) - asimov * jnp.log(expected_counts(theta)))
    hessian = jax.hessian(lambda theta: negative(theta) + constraint(theta))(AT)
    np.testing.assert_allclose(INFORMATION + prior_information(WIDTHS), hessian, rtol=1e-10)


@pytest.mark.parametrize("interest", [0, 1, 2])
def test_profiling_is_the_inverse_matrix(interest):
    whole = INFORMATION + prior_information(WIDTHS)
    variance = np.linalg.inv(whole)[interest, interest]
    assert float(profiled_information(whole, interest)) == pytest.approx(1 / variance, rel=1e-9)
    assert float(profiled_uncertainty(whole, interest)) == pytest.approx(np.sqrt(variance), rel=1e-9)
    alone = whole[interest, interest][None, None]
    assert float(profiled_uncertainty(alone)) == pytest.approx(float(alone[0, 0]) ** -0.5, rel=1e-12)


def test_it_is_the_spread_of_fits():
    whole = np.asarray(INFORMATION)
    asimov, slopes = np.asarray(expected_counts(AT)), np.asarray(SLOPES)
    data = np.random.default_rng(3).poisson(asimov * 1e4, (4000, 6)) / 1e4  # many events: fits are linear
    fitted = np.linalg.solve(whole, slopes @ ((data - asimov) / asimov).T)[0]
    spread = np.std(fitted) * 1e2
    assert spread == pytest.approx(float(profiled_uncertainty(INFORMATION)), rel=4 / np.sqrt(2 * 4000))


def test_its_derivatives_are_finite_differences():
    def sigma(counts, slopes):
        return profiled_uncertainty(count_information(counts, slopes) + prior_information(WIDTHS))

    at = expected_counts(AT), SLOPES
    found = jax.jit(jax.grad(sigma, (0, 1)))(*at)
    for number, place in ((0, (2,)), (0, (5,)), (1, (0, 1)), (1, (1, 3)), (1, (2, 0))):
        step = jnp.zeros_like(at[number]).at[place].set(1e-5)
        moved = lambda sign, n=number, s=step: sigma(*[a + sign * s if i == n else a for i, a in enumerate(at)])
        assert float(found[number][place]) == pytest.approx(float(moved(1) - moved(-1)) / 2e-5, rel=1e-6)


def test_empty_bins_tell_nothing():
    more = jnp.concatenate([expected_counts(AT), jnp.zeros(2)])
    wider = jnp.concatenate([SLOPES, jnp.zeros((3, 2))], 1)
    np.testing.assert_allclose(count_information(more, wider), INFORMATION, rtol=1e-12)
    gradient = jax.grad(lambda n, s: profiled_uncertainty(count_information(n, s)), (0, 1))(more, wider)
    assert all(np.isfinite(each).all() for each in gradient)
    nearly = count_information(jnp.array([1e-12]), jnp.array([[1e-12]]))  # 1 of 1e-12 events: counts as one of 1e-6
    assert float(nearly[0, 0]) == pytest.approx(1e-18)


def test_a_nuisance_without_effect_takes_nothing_away():
    idle = jnp.concatenate([SLOPES[:2], jnp.zeros((1, 6))])
    information = count_information(expected_counts(AT), idle)
    without = count_information(expected_counts(AT), SLOPES[:2])
    assert float(profiled_uncertainty(information)) == pytest.approx(float(profiled_uncertainty(without)), rel=1e-9)


def test_what_cannot_be_told_apart_is_very_uncertain_and_finite():
    twins = jnp.stack([SLOPES[0], SLOPES[0] * 3.0])
    uncertainty = lambda slopes: profiled_uncertainty(count_information(expected_counts(AT), slopes))
    value, slope = jax.value_and_grad(uncertainty)(twins)
    alone = float(uncertainty(twins[:1]))
    assert np.isfinite(float(value))
    assert float(value) > 1e6 * alone
    assert np.isfinite(slope).all()
    assert float(uncertainty(0.0 * twins)) == np.inf
    assert np.isfinite(jax.grad(uncertainty)(0.0 * twins)).all()


def test_single_precision_is_enough_for_unlike_units():
    scale = jnp.array([1e-3, 1e4, 1.0])
    large = count_information(expected_counts(AT), scale[:, None] * SLOPES)
    small = count_information(*(a.astype(jnp.float32) for a in (expected_counts(AT), scale[:, None] * SLOPES)))
    assert small.dtype == jnp.float32
    expected = float(profiled_uncertainty(large))
    assert float(profiled_uncertainty(small)) == pytest.approx(expected, rel=1e-3)
    assert expected == pytest.approx(1e3 * float(profiled_uncertainty(INFORMATION)), rel=1e-6)


def test_generalised_variance_is_the_determinant():
    expected = -np.linalg.slogdet(INFORMATION)[1]
    value, slope = jax.value_and_grad(log_generalised_variance)(INFORMATION)
    assert float(value) == pytest.approx(expected, rel=1e-10)
    np.testing.assert_allclose(slope, -np.linalg.inv(INFORMATION).T, rtol=1e-8)
    assert float(log_generalised_variance(jnp.diag(jnp.array([1.0, 0.0])))) == np.inf
