"""Knock-on electrons: how often, how far, and nothing at zero."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.detectors.knock_on_electrons import KnockOnElectrons
from daedalus.events import Hits, blank_events

KEY, COUNT = jax.random.key(7), 20_000


def hits():
    zero = jnp.zeros((2, COUNT))
    stack = Hits(zero, zero, jnp.array([1.0, 0.9]), zero + 1e-3, zero + 1.0, zero == 0.0)
    return blank_events(jnp.arange(COUNT, dtype=jnp.uint32)).add(stack, "upper")


@eqx.filter_jit
def struck(probability, spread):
    return KnockOnElectrons("upper", probability, spread)(hits(), key=KEY)[Hits, "upper"]


def test_shifts_are_half_an_exponential_distance_in_any_direction():
    after = struck(jnp.array([0.1, 0.4]), jnp.asarray(0.02))
    for plane, p in enumerate((0.1, 0.4)):
        x, y = np.asarray(after.x)[plane], np.asarray(after.y)[plane]
        shifted = x != 0.0
        assert shifted.mean() == pytest.approx(p, abs=5 * np.sqrt(p * (1 - p) / COUNT))
        distance, number = np.hypot(x, y)[shifted], shifted.sum()
        assert distance.mean() == pytest.approx(0.01, rel=5 / np.sqrt(number))
        assert np.var(distance) == pytest.approx(1e-4, rel=5 * np.sqrt(8 / number))
        for direction in (x[shifted] / distance, y[shifted] / distance):
            assert direction.mean() == pytest.approx(0.0, abs=5 * np.sqrt(0.5 / number))
    np.testing.assert_array_equal(after.sigma, 1e-3)


def test_the_shift_is_proportional_to_the_spread_and_absent_at_zero():
    probability, spread = jnp.array([0.3, 0.3]), jnp.asarray(0.02)
    # pathwise: d x / d spread = x / spread
    slope = jax.jit(jax.jacfwd(lambda spread: struck(probability, spread).x))(spread)
    np.testing.assert_allclose(slope, struck(probability, spread).x / 0.02, rtol=1e-12)
    assert eqx.tree_equal(struck(0 * probability, spread), hits()[Hits, "upper"])
