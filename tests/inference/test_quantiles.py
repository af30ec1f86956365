"""Quantiles from cumulative counts: NumPy's within a node, additive, smooth."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.inference.quantiles import cumulative_counts, quantile

NODES = jnp.linspace(-5.0, 5.0, 51)
SPACING = 0.2


def sample():
    random = np.random.default_rng(1)
    return jnp.asarray(random.normal(size=4000)), jnp.asarray(random.uniform(0.0, 2.0, 4000))


@pytest.mark.parametrize("probability", [0.05, 0.15865, 0.5, 0.84135, 0.95])
def test_equal_to_numpy_within_a_node(probability):
    values, weight = sample()
    found = float(quantile(cumulative_counts(values, jnp.ones(4000), NODES), NODES, probability))
    assert found == pytest.approx(np.quantile(np.asarray(values), probability), abs=0.25 * SPACING)
    order = np.argsort(values)
    share = np.cumsum(np.asarray(weight)[order]) / np.sum(weight)
    expected = np.asarray(values)[order][np.searchsorted(share, probability)]
    found = float(quantile(cumulative_counts(values, weight, NODES), NODES, probability))
    assert found == pytest.approx(expected, abs=0.25 * SPACING)


def test_counts_add_over_blocks_and_end_at_the_total():
    values, weight = sample()
    whole = cumulative_counts(values, weight, NODES)
    parts = sum(cumulative_counts(values[k::3], weight[k::3], NODES) for k in range(3))
    np.testing.assert_allclose(parts, whole, rtol=1e-12)
    assert float(whole[-1]) == pytest.approx(float(jnp.sum(weight)), rel=1e-12)
    assert np.all(np.diff(whole) >= 0)


def test_one_event_is_half_below_its_own_place():
    counts = cumulative_counts(jnp.array([0.05]), jnp.array([2.0]), NODES)
    # its step runs from 0.05 - 0.1 to 0.05 + 0.1: at 0 a quarter has passed, at 0.2 all of it
    assert float(counts[25]) == pytest.approx(2.0 * 0.25, rel=1e-9)
    assert float(counts[26]) == pytest.approx(2.0, rel=1e-9)


def test_derivatives_equal_finite_differences():
    values, weight = (row[:50] for row in sample())
    median = jax.jit(lambda v, w: quantile(cumulative_counts(v, w, NODES), NODES, 0.5))
    by_value, by_weight = jax.jit(jax.grad(median, (0, 1)))(values, weight)
    assert np.any(by_value != 0)
    h = 1e-6
    for k in [*np.flatnonzero(by_value)[:3], 0]:
        difference = (median(values.at[k].add(h), weight) - median(values.at[k].add(-h), weight)) / (2 * h)
        assert float(by_value[k]) == pytest.approx(float(difference), rel=1e-6, abs=1e-9)
        difference = (median(values, weight.at[k].add(h)) - median(values, weight.at[k].add(-h))) / (2 * h)
        assert float(by_weight[k]) == pytest.approx(float(difference), rel=1e-6, abs=1e-9)


def test_an_empty_sample_stays_within_the_nodes():
    counts = cumulative_counts(jnp.zeros(3), jnp.zeros(3), NODES)
    assert -5.0 <= float(quantile(counts, NODES, 0.5)) <= 5.0


@pytest.mark.parametrize("weight", [1e-10, 1e-20, 1e-35])
def test_derivatives_of_a_sample_of_hardly_any_weight_are_finite_in_single_precision(weight):
    values = jnp.linspace(-1.0, 1.0, 7, dtype=jnp.float32)
    of = lambda v, w: quantile(cumulative_counts(v, w, NODES.astype(jnp.float32)), NODES.astype(jnp.float32), 0.3)
    slopes = jax.grad(of, (0, 1))(values, jnp.full(7, weight, jnp.float32))
    assert all(bool(jnp.all(jnp.isfinite(slope))) for slope in slopes)


def test_the_derivative_of_the_counts_is_that_of_their_formula():
    def formula(values, weight):
        return jnp.sum(weight * jnp.clip((NODES[:, None] - values) / SPACING + 0.5, 0.0, 1.0), axis=1)

    values, weight = sample()
    values = values.at[:4].set(jnp.array([-7.0, 7.0, -5.05, 4.98]))  # beyond the grid and at its ends
    counts = partial(cumulative_counts, nodes=NODES)
    here, there = (jax.jacrev(f, (0, 1))(values[:99], weight[:99]) for f in (counts, formula))
    for found, expected in zip(here, there, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-12)
    moved = (jnp.sin(values), jnp.cos(values))
    forward = jax.jvp(counts, (values, weight), moved)[1]
    np.testing.assert_allclose(forward, jax.jvp(formula, (values, weight), moved)[1], atol=1e-10)
