"""Losses by hand: logarithmic errors, cross entropies, ordered distances and risks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.objectives import binary_cross_entropy, cross_entropy, ordered_distance, risk, squared_log_error

LOSSES = jnp.array([3.0, 1.0, 5.0, 2.0, jnp.nan])
WEIGHT = jnp.array([1.0, 1.0, 1.0, 1.0, 0.0])


def test_a_factor_is_as_bad_everywhere_above_the_floor():
    found = squared_log_error(jnp.array([2.0, 200.0, -1.0, 0.0]), jnp.array([1.0, 100.0, 0.0, 0.0]), 1e-3)
    np.testing.assert_allclose(found, [np.log(2.001 / 1.001) ** 2, np.log(2) ** 2, 0, 0], rtol=1e-4)


def test_cross_entropies():
    np.testing.assert_allclose(binary_cross_entropy(jnp.array([0.8, 0.8, 0.0]), jnp.array([True, False, False])),
                               [-np.log(0.8), -np.log(0.2), 0], atol=2e-6)  # fmt: skip
    probability = jnp.array([[0.2, 0.5, 0.3], [0.0, 0.0, 1.0]])
    np.testing.assert_allclose(cross_entropy(probability, jnp.array([1, 2])), [-np.log(0.5), 0], atol=1e-6)
    assert np.isfinite(binary_cross_entropy(jnp.array(0.0), True))
    assert np.isfinite(cross_entropy(probability, jnp.array([0, 0]))).all()


def test_ordered_distance_counts_classes():
    probability = jnp.array([[1.0, 0.0, 0.0], [0.2, 0.5, 0.3]])
    np.testing.assert_allclose(ordered_distance(probability, jnp.array([2, 0])), [2.0, 0.5 + 0.6])


@pytest.mark.parametrize(
    ("attitude", "tail", "expected"),
    [("mean", 0.2, 2.75), ("worst", 0.2, 5.0), ("cvar", 0.25, 5.0), ("cvar", 0.5, 4.0), ("cvar", 0.375, 13 / 3),
     ("cvar", 1.0, 2.75)],
)  # fmt: skip
def test_risks_by_hand(attitude, tail, expected):
    assert float(risk(LOSSES, WEIGHT, attitude, tail=tail)) == pytest.approx(expected)


def test_the_tails_derivative_is_its_scenarios():
    slope = jax.grad(lambda v: risk(v, jnp.ones(4), "cvar", tail=0.5))(jnp.array([3.0, 1.0, 5.0, 2.0]))
    np.testing.assert_allclose(slope, [0.5, 0, 0.5, 0])
    slope = jax.grad(lambda v: risk(v, WEIGHT, "worst"))(jnp.nan_to_num(LOSSES))
    np.testing.assert_allclose(slope, [0, 0, 1, 0, 0])


def test_without_a_scenario_there_is_no_risk():
    assert [float(risk(LOSSES, 0 * WEIGHT, a)) for a in ("mean", "worst", "cvar")] == [0, 0, 0]
