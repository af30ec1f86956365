"""Histograms: sharp ones against numpy, soft ones against their limits and finite differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daedalus.gradients import GradientError, soft_step
from daedalus.gradients.relaxations import KERNELS
from daedalus.inference.histograms import counts, interval_shares, softmax_shares

GENERATOR = np.random.default_rng(4)
VALUES = jnp.asarray(GENERATOR.normal(size=200))
WEIGHT = jnp.asarray(GENERATOR.uniform(0.2, 2.0, 200))
EDGES = jnp.array([-1.5, -0.4, 0.1, 0.3, 1.9])


def test_sharp_bins_are_numpys():
    found, variance = counts(VALUES, EDGES, WEIGHT, open_ends=False)
    np.testing.assert_allclose(found, np.histogram(VALUES, EDGES, weights=WEIGHT)[0], rtol=1e-12)
    np.testing.assert_allclose(variance, np.histogram(VALUES, EDGES, weights=WEIGHT**2)[0], rtol=1e-12)
    everywhere = np.array([-np.inf, *EDGES[1:-1], np.inf])
    found, variance = counts(VALUES, EDGES, WEIGHT)
    np.testing.assert_allclose(found, np.histogram(VALUES, everywhere, weights=WEIGHT)[0], rtol=1e-12)
    np.testing.assert_allclose(variance, np.histogram(VALUES, everywhere, weights=WEIGHT**2)[0], rtol=1e-12)


def test_an_edge_belongs_to_the_bin_above():
    shares = interval_shares(EDGES, EDGES, open_ends=False)
    np.testing.assert_array_equal(shares, np.eye(4, 5))  # the last edge lies outside
    np.testing.assert_array_equal(interval_shares(EDGES[-1:], EDGES)[:, 0], [0, 0, 0, 1])


@pytest.mark.parametrize("kernel", KERNELS)
def test_soft_bins_become_sharp_as_the_width_shrinks(kernel):
    for ends in (True, False):
        sharp = interval_shares(VALUES, EDGES, open_ends=ends)
        off = [
            float(jnp.sum(jnp.abs(interval_shares(VALUES, EDGES, width=w, kernel=kernel, open_ends=ends) - sharp)))
            for w in (0.1, 0.01, 1e-6)
        ]
        assert off[0] > off[1] > off[2]
        assert off[2] < 1e-3


@given(width=st.floats(1e-3, 1e3), kernel=st.sampled_from(sorted(KERNELS)))
def test_open_ends_keep_every_event(width, kernel):
    shares = interval_shares(VALUES, EDGES, width=width, kernel=kernel)
    np.testing.assert_allclose(jnp.sum(shares, 0), 1.0, rtol=1e-12)
    closed = interval_shares(VALUES, EDGES, width=width, kernel=kernel, open_ends=False)
    assert float(jnp.min(closed)) >= -1e-12
    np.testing.assert_allclose(closed[1:-1], shares[1:-1], atol=1e-12)
    lost = soft_step(EDGES[0] - VALUES, width, kernel) + soft_step(VALUES - EDGES[-1], width, kernel)
    np.testing.assert_allclose(jnp.sum(closed, 0), 1.0 - lost, atol=1e-9)


def test_a_gaussian_kernel_blurs_the_values():
    width, values = 0.3, jnp.zeros(1)
    blurred = np.random.default_rng(1).normal(0.0, width, 400_000)
    expected = np.histogram(blurred, EDGES)[0] / len(blurred)
    shares = interval_shares(values, EDGES, width=width, open_ends=False)[:, 0]
    np.testing.assert_allclose(shares, expected, atol=4 * 0.5 / np.sqrt(len(blurred)))


@pytest.mark.parametrize("kernel", ["gaussian", "logistic", "epanechnikov"])
@pytest.mark.parametrize("ends", [True, False])
def test_derivatives_are_finite_differences(kernel, ends):
    probe = jnp.asarray(GENERATOR.normal(size=(2, 4)))

    def total(values, edges, weight, width):
        found = counts(values, edges, weight, width=width, kernel=kernel, open_ends=ends)
        return jnp.sum(probe * jnp.stack(found))

    at = VALUES, EDGES, WEIGHT, jnp.asarray(0.37)
    slopes = jax.grad(total, (0, 1, 2, 3))(*at)
    for number, slope in enumerate(slopes):
        for place in [(i,) for i in range(5)] if np.ndim(at[number]) else [()]:
            step = jnp.zeros_like(at[number]).at[place].set(1e-5)
            moved = lambda sign, n=number, s=step: total(*[a + sign * s if i == n else a for i, a in enumerate(at)])
            expected = float(moved(1) - moved(-1)) / 2e-5
            assert float(slope[place]) == pytest.approx(expected, rel=1e-6, abs=1e-8)


def test_the_width_may_be_every_events_own():
    widths = jnp.asarray(GENERATOR.uniform(0.1, 1.0, 200))
    together = interval_shares(VALUES, EDGES, width=widths)
    each = [interval_shares(VALUES[i : i + 1], EDGES, width=widths[i])[:, 0] for i in range(5)]
    np.testing.assert_allclose(together[:, :5], jnp.stack(each, 1), rtol=1e-12)


def test_softmax_becomes_the_largest():
    logits = jnp.asarray(GENERATOR.normal(size=(5, 40)))
    sharp = softmax_shares(logits)
    np.testing.assert_array_equal(jnp.argmax(sharp, 0), jnp.argmax(logits, 0))
    np.testing.assert_allclose(softmax_shares(logits, temperature=1e-5), sharp, atol=1e-12)
    np.testing.assert_allclose(softmax_shares(logits, temperature=1e9), 0.2, rtol=1e-6)
    np.testing.assert_allclose(jnp.sum(softmax_shares(logits, temperature=0.3), 0), 1.0, rtol=1e-12)
    np.testing.assert_array_equal(softmax_shares(jnp.zeros((3, 1)))[:, 0], [1, 0, 0])


def test_two_bins_of_a_softmax_are_a_sigmoid_cut():
    logits, temperature = jnp.stack([VALUES, jnp.zeros(200)]), 0.4
    cut = soft_step(VALUES, temperature)
    np.testing.assert_allclose(softmax_shares(logits, temperature=temperature)[0], cut, rtol=1e-12)
    two = interval_shares(VALUES, jnp.array([-9.0, 0.0, 9.0]), width=temperature, kernel="logistic")
    np.testing.assert_allclose(two[1], cut, rtol=1e-12)


def test_an_unknown_kernel_is_told():
    with pytest.raises(GradientError, match="'box', expected one of logistic"):
        counts(VALUES, EDGES, WEIGHT, width=0.1, kernel="box")
