"""Scanned likelihoods: Gaussian ones have a known answer, and so does silence."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.inference.likelihood_scan import posterior_mean

NODES = np.linspace(0.5, 1.4, 37)


def test_a_gaussian_gives_its_mean_and_width():
    centre, width = jnp.array([0.8, 0.93371, 1.1]), jnp.array([0.02, 0.05, 0.08])
    curve = -0.5 * ((jnp.asarray(NODES) - centre[:, None]) / width[:, None]) ** 2
    mean, deviation = posterior_mean(curve + 17.0, NODES)
    np.testing.assert_allclose(mean[:2], centre[:2], atol=1e-5)
    np.testing.assert_allclose(deviation[:2], width[:2], rtol=2e-3)
    assert float(mean[2]) == pytest.approx(1.1, abs=1e-3)  # the range ends 3.75 widths above


def test_silence_gives_the_middle_of_the_range():
    mean, deviation = posterior_mean(jnp.zeros((1, 37)), NODES)
    assert float(mean[0]) == pytest.approx(0.95, rel=1e-12)
    assert float(deviation[0]) == pytest.approx(0.9 / np.sqrt(12), rel=0.01)


def test_derivatives_equal_finite_differences():
    curve = jnp.asarray(-0.5 * ((NODES - 0.9) / 0.05) ** 2 + 0.3 * np.random.default_rng(1).normal(size=37))
    both = jax.jit(lambda c: jnp.stack(posterior_mean(c, NODES)))
    slope = jax.jit(jax.jacfwd(both))(curve)
    for k in (14, 16, 18):
        difference = (both(curve.at[k].add(1e-5)) - both(curve.at[k].add(-1e-5))) / 2e-5
        np.testing.assert_allclose(slope[:, k], difference, rtol=1e-6)
