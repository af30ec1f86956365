"""Budgets: shares that add up, and soft targets by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.objectives import budget_shares, gentle_budget, steep_budget


def test_shares_add_up_and_go_like_exponentials():
    logits = jnp.array([0.0, 1.0, -2.0])
    shares = budget_shares(logits, 6.0)
    assert float(jnp.sum(shares)) == pytest.approx(6.0, rel=1e-12)
    np.testing.assert_allclose(shares / shares[0], np.exp([0.0, 1.0, -2.0]), rtol=1e-12)
    np.testing.assert_allclose(budget_shares(logits + 5.0, 6.0), shares, rtol=1e-12)
    # spending more on one takes from the others: the derivative of the sum is zero
    np.testing.assert_allclose(jax.jacfwd(budget_shares)(logits, 6.0).sum(0), 0.0, atol=1e-12)


def test_soft_targets_by_hand():
    # cost 12 for a target of 10, smoothness 5: d = 1
    cost = jnp.asarray(12.0)
    assert float(gentle_budget(cost, 10.0, 5.0)) == pytest.approx(2 / (1 + np.exp(-1.0)) + 0.2, rel=1e-12)
    assert float(steep_budget(cost, 10.0, 5.0)) == pytest.approx(1.5, rel=1e-12)
    for form in (gentle_budget, steep_budget):
        assert float(form(jnp.asarray(8.0), 10.0, 5.0)) == pytest.approx(2 / (1 + np.exp(1.0)), rel=1e-12)
        assert float(form(jnp.asarray(10.0), 10.0, 5.0)) == pytest.approx(1.0, rel=1e-12)


def test_the_steep_form_has_a_continuous_slope():
    slope = jax.grad(lambda cost: steep_budget(cost, 10.0, 5.0))
    assert float(slope(10.0 - 1e-9)) == pytest.approx(float(slope(10.0 + 1e-9)), rel=1e-6)
    assert float(slope(11.0)) == pytest.approx(0.25, rel=1e-12)  # half of smoothness over target
