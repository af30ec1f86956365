"""Cross-fitted corrections: the closed form is the refit, scenario by scenario."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.inference.calibration import cross_fitted_residuals


def scenarios(weight):
    random = np.random.default_rng(1)
    truth = random.uniform(0.5, 1.4, len(weight))
    return 0.3 + 0.6 * truth + 0.05 * random.normal(size=len(weight)), truth


@pytest.mark.parametrize(
    "weight", [np.ones(12), np.array([1.0, 0, 1, 1, 0, 1, 1, 1]), np.array([1.0, 2.0, 0.5, 3.0, 0.0, 1.0])]
)
def test_equal_to_refitting_without_each_scenario(weight):
    estimate, truth = scenarios(weight)
    found = cross_fitted_residuals(*map(jnp.asarray, (estimate, truth, weight)))
    for left_out in np.flatnonzero(weight):
        keep = (np.arange(len(weight)) != left_out) & (weight > 0)
        root = np.sqrt(weight[keep])
        design = np.stack([np.ones(keep.sum()), estimate[keep]], 1)
        (a, b), *_ = np.linalg.lstsq(root[:, None] * design, root * truth[keep], rcond=None)
        expected = a + b * estimate[left_out] - truth[left_out]
        assert float(found[left_out]) == pytest.approx(expected, abs=1e-10)


def test_exact_lines_leave_nothing_and_a_scenario_of_weight_zero_does_not_matter():
    truth = jnp.linspace(0.5, 1.4, 7)
    np.testing.assert_allclose(cross_fitted_residuals(3.0 - 2.0 * truth, truth, jnp.ones(7)), 0.0, atol=1e-12)
    estimate, truth = (jnp.asarray(v) for v in scenarios(np.ones(7)))
    weight = jnp.ones(7).at[2].set(0.0)
    one = cross_fitted_residuals(estimate, truth, weight)
    other = cross_fitted_residuals(estimate.at[2].set(99.0), truth.at[2].set(-5.0), weight)
    np.testing.assert_allclose(np.delete(one, 2), np.delete(other, 2), rtol=1e-12)


def test_derivatives_equal_finite_differences():
    estimate, truth = (jnp.asarray(v) for v in scenarios(np.ones(8)))
    mse = jax.jit(lambda e: jnp.mean(cross_fitted_residuals(e, truth, jnp.ones(8)) ** 2))
    slope = jax.jit(jax.grad(mse))(estimate)
    for k in range(8):
        difference = (mse(estimate.at[k].add(1e-6)) - mse(estimate.at[k].add(-1e-6))) / 2e-6
        assert float(slope[k]) == pytest.approx(float(difference), rel=1e-6, abs=1e-9)
