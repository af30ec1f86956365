"""Fisher information: profiling against the inverse matrix, exposures and their derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.inference.fisher import covariance, exposure_for, significance

RATE = jnp.array([[0.5, 0.1, -0.2], [0.1, 30.0, -20.0], [-0.2, -20.0, 25.0]])
WIDTHS = np.array([0.1, 0.15])


def test_without_nuisances_it_is_the_square_root_law():
    alone = jnp.diag(jnp.array([0.5, 30.0, 25.0]))
    assert float(exposure_for(alone, WIDTHS, 3.0)) == pytest.approx(9.0 / 0.5)
    assert float(significance(alone, WIDTHS, 8.0)) == pytest.approx(2.0)


def test_profiling_is_the_inverse_matrix():
    exposure = exposure_for(RATE, WIDTHS, 3.0)
    whole = np.asarray(exposure * RATE) + np.diag([0.0, *WIDTHS**-2.0])
    assert 1.0 / np.linalg.inv(whole)[0, 0] == pytest.approx(9.0, rel=1e-9)
    assert float(exposure) > 9.0 / 0.5
    found = covariance(RATE, np.array([1e4, *WIDTHS]), exposure)
    np.testing.assert_allclose(found, np.linalg.inv(whole + np.diag([1e-8, 0, 0])), rtol=1e-6)


def test_a_strongly_entangled_signal_still_converges():
    rate = jnp.array([[1.0, 0.999], [0.999, 1.0]])
    exposure = exposure_for(rate, np.array([10.0]), 5.0)
    assert float(significance(rate, np.array([10.0]), exposure)) == pytest.approx(5.0, rel=1e-9)


def test_exposures_have_exact_derivatives():
    days = jax.jit(lambda rate: exposure_for(rate, WIDTHS, 3.0))
    slope = jax.grad(days)(RATE)
    for i, j in ((0, 0), (0, 1), (1, 1), (2, 2)):
        h = 1e-6 * jnp.zeros((3, 3)).at[i, j].set(1.0)
        finite = float(days(RATE + h) - days(RATE - h)) / 2e-6
        assert float(slope[i, j]) == pytest.approx(finite, rel=1e-5, abs=1e-6)


def test_a_blind_design_has_a_finite_exposure():
    exposure, slope = jax.value_and_grad(lambda rate: exposure_for(rate, WIDTHS, 3.0))(
        RATE.at[0].set(0).at[:, 0].set(0)
    )
    assert np.isfinite(float(exposure))
    assert np.isfinite(slope).all()
