"""Bin edges from fractions: in order, round trip, even bins."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.inference.bin_edges import broken_stick, even_fractions, fractions_of


@pytest.mark.parametrize("bins", [1, 2, 7])
def test_even_fractions_make_equal_bins(bins):
    np.testing.assert_allclose(broken_stick(jnp.asarray(even_fractions(bins)), -1.0, 5.0), np.linspace(-1, 5, bins + 1))


def test_edges_never_cross_and_lead_back():
    fractions = jax.random.uniform(jax.random.key(0), (50, 6), minval=0.02, maxval=0.98)
    edges = np.asarray(jax.vmap(lambda f: broken_stick(f, 2.0, 3.0))(fractions))
    assert np.all(np.diff(edges) > 0)
    assert np.all(edges[:, [0, -1]] == [2.0, 3.0])
    np.testing.assert_allclose(fractions_of(edges[3]), fractions[3], rtol=1e-9)


def test_a_fraction_moves_its_edge_and_those_behind():
    slope = jax.jacfwd(broken_stick)(jnp.array([0.5, 0.5]))
    # e = (0, f1, 1 - (1 - f1)(1 - f2), 1)
    np.testing.assert_allclose(slope, [[0, 0], [1, 0], [0.5, 0.5], [0, 0]], atol=1e-15)
