"""Decisions: areas and detection probabilities against counting, calibrated probabilities, classes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.inference.ordered_classes import class_probability
from daedalus.inference.presence import cross_fitted_probability, logistic_line
from daedalus.inference.roc import binomial_share, detection_probability, roc_area, time_to_reach


def gaussian_scores(count, shift, key=0):
    present = jnp.arange(count) % 2 == 0
    return jax.random.normal(jax.random.key(key), (count,)) + shift * present, present


def test_area_by_counting_with_ties_and_without_the_ones_that_do_not_take_part():
    score, present = jnp.array([3.0, 1.0, 2.0, 2.0, 9.0]), jnp.array([True, False, True, False, False])
    area, _ = roc_area(score, present, jnp.array([1, 1, 1, 1, 0.0]))
    assert float(area) == pytest.approx((1 + 1 + 1 + 0.5) / 4)


def test_area_of_two_gaussians_and_its_error():
    """Phi(d / sqrt 2) for a shift d (Green and Swets 1966), and an error that covers."""
    pulls = []
    for key in range(60):
        area, error = roc_area(*gaussian_scores(200, 1.0, key))
        pulls.append(float((area - 0.760250) / error))
    assert abs(np.mean(pulls)) < 0.4
    assert 0.75 < np.std(pulls) < 1.3


def test_detection_at_a_rate_of_false_alarms():
    present = jnp.array([False] * 100 + [True] * 4)
    score = jnp.concatenate([jnp.arange(100.0), jnp.array([98.5, 97.5, 99.5, 94.0])])
    assert float(detection_probability(score, present, 0.01).value) == 0.5  # the threshold is 98
    assert float(detection_probability(score, present, 0.05).value) == pytest.approx(0.75)  # 94, not exceeded by 94
    assert float(detection_probability(score, present, 0.0).value) == 0.25
    found = binomial_share(95, 100)
    assert float(found.error) == pytest.approx(np.sqrt(0.95 * 0.05 / 100))
    none = binomial_share(0, 10)
    assert float(none.low) == pytest.approx(0.0, abs=1e-12)
    assert float(none.high) == pytest.approx(1 / 11)


def test_time_to_reach():
    assert time_to_reach(np.array([1.0, 10.0, 100.0]), np.array([0.2, 0.6, 1.0]), 0.8) == pytest.approx(10**1.5)
    assert time_to_reach(np.array([1.0, 10.0]), np.array([0.2, 0.6]), 0.8) == np.inf
    assert time_to_reach(np.array([1.0, 10.0]), np.array([0.9, 0.6]), 0.8) == 1.0


def test_probabilities_are_calibrated_and_better_than_a_guess():
    score, present = gaussian_scores(4000, 2.0)
    found = cross_fitted_probability(1e3 + 5 * score, present, jnp.ones(4000))
    true = jax.nn.sigmoid(2.0 * (score - 1.0))  # Bayes for two unit Gaussians
    assert float(jnp.max(jnp.abs(found - true))) < 0.05
    for low in np.arange(0.0, 1.0, 0.25):
        bin_ = (found >= low) & (found < low + 0.25)
        share, mean = float(jnp.mean(present[bin_])), float(jnp.mean(found[bin_]))
        assert share == pytest.approx(mean, abs=4 * np.sqrt(0.25 / int(bin_.sum())))


def test_derivative_of_the_calibrated_probabilities():
    score, present = gaussian_scores(32, 1.0)
    target = jax.random.normal(jax.random.key(9), (32,))
    loss = jax.jit(lambda s: jnp.sum(target * cross_fitted_probability(s, present, jnp.ones(32))))
    slope = jax.jit(jax.grad(loss))(score)
    for place in (0, 5, 17):
        unit = jnp.eye(32)[place] * 1e-5
        numeric = (loss(score + unit) - loss(score - unit)) / 2e-5
        assert float(slope[place]) == pytest.approx(float(numeric), rel=1e-5, abs=1e-8)


def test_separable_scores_have_a_finite_line():
    line = logistic_line(jnp.array([-1.0, -1.0, 1.0, 1.0]), jnp.array([False, False, True, True]), jnp.ones(4))
    assert 1.0 < float(line[1]) < 10.0


def test_classes():
    classes = jnp.log(jnp.array([1.0, 10.0, 100.0]))
    found = class_probability(jnp.log(jnp.array([10.0, 31.6, 3.0])), jnp.array([0.1, 0.5, jnp.inf]), classes)
    assert float(found[0, 1]) > 0.999
    assert float(found[1, 1]) == pytest.approx(float(found[1, 2]), abs=0.01)
    np.testing.assert_allclose(found[2], 1 / 3)
