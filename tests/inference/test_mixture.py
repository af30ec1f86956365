"""Mixtures: the extended likelihood against its closed forms, fits, and information."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.gradients.bounded_minimum import Outcome
from daedalus.inference.mixture import (
    best_fit,
    extended_log_likelihood,
    intensity_information,
    log_intensity,
    log_intensity_sum,
)

GENERATOR = np.random.default_rng(8)
LINE = jnp.concatenate([jnp.asarray(GENERATOR.normal(0.0, 0.2, 80)), jnp.asarray(GENERATOR.uniform(-1.0, 1.0, 300))])


def log_densities(x, mean=0.0):
    """A Gaussian peak on a flat background between -1 and 1."""
    peak = -0.5 * ((x - mean) / 0.2) ** 2 - np.log(0.2 * np.sqrt(2 * np.pi))
    return jnp.stack([peak, jnp.full_like(x, np.log(0.5))])


def likelihood(parameters, x):
    return extended_log_likelihood(parameters[:2], log_densities(x, parameters[2]))


def test_it_is_the_poisson_likelihood_of_the_yields_and_of_the_shape():
    yields = jnp.array([70.0, 310.0])
    shape = jnp.log(yields @ jnp.exp(log_densities(LINE)) / jnp.sum(yields))
    total = float(jnp.sum(yields))
    expected = len(LINE) * np.log(total) - total + float(jnp.sum(shape))
    assert float(extended_log_likelihood(yields, log_densities(LINE))) == pytest.approx(expected, rel=1e-12)


def test_events_add_up_and_weights_count():
    yields, each = jnp.array([70.0, 310.0]), log_densities(LINE)
    weight = jnp.asarray(GENERATOR.uniform(0.5, 2.0, len(LINE))).at[3].set(0.0)
    whole = log_intensity_sum(yields, each.at[:, 3].set(jnp.nan), weight)
    parts = [log_intensity_sum(yields, each[:, rows], weight[rows]) for rows in (slice(0, 99), slice(99, None))]
    assert float(whole) == pytest.approx(float(sum(parts)), rel=1e-12)
    twice = extended_log_likelihood(yields, jnp.concatenate([each, each], 1))
    assert float(twice) == pytest.approx(
        float(extended_log_likelihood(yields, each, jnp.full(len(LINE), 2.0))), rel=1e-12
    )


def test_far_tails_and_negative_yields():
    far = jnp.array([[-2000.0, 0.0], [-1000.0, 0.0]])
    np.testing.assert_allclose(log_intensity(jnp.array([5.0, 2.0]), far), [-1000 + np.log(2), np.log(7)], rtol=1e-12)
    np.testing.assert_allclose(log_intensity(jnp.array([-1.0, 2.0]), far)[1], 0.0, atol=1e-12)
    assert float(log_intensity(jnp.array([-3.0, 2.0]), far)[1]) == -np.inf
    assert float(log_intensity(jnp.array([3.0, 2.0]), jnp.full((2, 1), -jnp.inf))[0]) == -np.inf


def test_fits_scatter_as_the_information_says():
    truth = jnp.array([80.0, 300.0, 0.05])
    place, weight = (jnp.asarray(a) for a in np.polynomial.legendre.leggauss(200))
    intensity = lambda theta, x: theta[:2] @ jnp.exp(log_densities(x[0], theta[2]))
    covariance = np.linalg.inv(intensity_information(intensity, truth, place[None], weight))

    @jax.jit
    def fitted(key):
        one, two, three = jax.random.split(key, 3)
        count = jax.random.poisson(one, truth[:2])  # events that are not there have weight zero
        peak, flat = truth[2] + 0.2 * jax.random.normal(two, (150,)), jax.random.uniform(three, (450,), minval=-1)
        x = jnp.concatenate([peak, flat])
        own = jnp.concatenate([jnp.arange(150) < count[0], jnp.arange(450) < count[1]]).astype(float)
        of = lambda theta, data: extended_log_likelihood(theta[:2], log_densities(data[0], theta[2]), data[1])
        return best_fit(of, truth, (x, own))

    found = jax.vmap(fitted)(jax.random.split(jax.random.key(2), 400))
    assert bool(jnp.all(found.outcome == Outcome.CONVERGED))
    fits = np.asarray(found.value)
    errors = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(np.std(fits, 0), errors, rtol=4 / np.sqrt(2 * 400) + 0.03)  # 3 %: finite samples
    assert np.all(np.abs(np.mean(fits, 0) - np.asarray(truth)) < 4.5 * errors / np.sqrt(400))


def test_information_is_the_expected_hessian():
    truth = jnp.array([80.0, 300.0, 0.05])
    place, weight = (jnp.asarray(a) for a in np.polynomial.legendre.leggauss(300))
    intensity = lambda theta, x: theta[:2] @ jnp.exp(log_densities(x[0], theta[2]))
    now = jax.lax.stop_gradient(intensity(truth, place[None]))

    def asimov(theta):
        rate = intensity(theta, place[None])
        return jnp.sum(weight * (rate - now * jnp.log(rate)))

    found = intensity_information(intensity, truth, place[None], weight)
    np.testing.assert_allclose(found, jax.hessian(asimov)(truth), rtol=1e-9, atol=1e-9)


def test_a_fit_moves_with_its_events_as_its_derivative_says():
    start = jnp.array([80.0, 300.0, 0.0])
    move = lambda step: best_fit(likelihood, start, LINE + step * jnp.cos(9 * LINE))
    derivative = jax.jacfwd(lambda step: move(step).value)(0.0)
    difference = (np.asarray(move(1e-5).value) - np.asarray(move(-1e-5).value)) / 2e-5
    np.testing.assert_allclose(derivative, difference, rtol=1e-5, atol=1e-6)


def test_a_yield_stays_at_its_bound():
    flat = jnp.concatenate([jnp.linspace(-1, -0.4, 50), jnp.linspace(0.4, 1, 50)])  # a hole where the peak would be
    of = lambda yields, x: extended_log_likelihood(yields, log_densities(x))
    found = best_fit(of, jnp.array([10.0, 90.0]), flat, lower=jnp.zeros(2))
    assert bool(found.converged)
    np.testing.assert_allclose(found.value, [0.0, 100.0], atol=1e-6)
