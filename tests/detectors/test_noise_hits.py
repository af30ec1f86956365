"""Noise hits: how many, where, and nothing at zero."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.detectors.noise_hits import NoiseHits
from daedalus.events import Hits, blank_events

KEY, COUNT = jax.random.key(7), 20_000
X, Y, SPAN = jnp.array([0.5, 0.2]), jnp.array([0.1, 0.0]), jnp.array([[1.0, 0.4], [2.0, 0.6]])


def hits():
    """Every third hit of two planes is missing; the others lie at 9 m."""
    recorded = jnp.broadcast_to(jnp.arange(COUNT) % 3 > 0, (2, COUNT))
    full = jnp.full((2, COUNT), 9.0)
    stack = Hits(full, full, jnp.array([1.0, 0.9]), 1e-4 * full, 0.1 * full, recorded)
    return blank_events(jnp.arange(COUNT, dtype=jnp.uint32)).add(stack, "upper")


@eqx.filter_jit
def noisy(probability, events):
    return NoiseHits("upper", probability, X, Y, SPAN)(events, key=KEY)[Hits, "upper"]


def test_noise_is_uniform_and_as_frequent_as_told():
    before, probability = hits(), np.array([0.1, 0.3])
    after = noisy(jnp.asarray(probability), before)
    struck = np.asarray(after.x) < 5.0
    np.testing.assert_array_equal(after.recorded, struck | np.asarray(before[Hits, "upper"].recorded))
    np.testing.assert_array_equal(after.probability, np.where(struck, 1.0, 0.9))
    for plane, p in enumerate(probability):
        assert struck[plane].mean() == pytest.approx(p, abs=5 * np.sqrt(p * (1 - p) / COUNT))
        for found, centre, width in ((after.x, X, SPAN[0]), (after.y, Y, SPAN[1])):
            place = (np.asarray(found)[plane, struck[plane]] - float(centre[plane])) / float(width[plane])
            assert np.abs(place).max() < 0.5
            assert np.mean(place) == pytest.approx(0.0, abs=5 / np.sqrt(12 * len(place)))
            assert np.var(place) == pytest.approx(1 / 12, rel=5 / np.sqrt(len(place)))
    assert np.mean(struck[0] & struck[1]) == pytest.approx(0.03, abs=5 * np.sqrt(0.03 / COUNT))


def test_nothing_happens_at_zero():
    before = hits()
    assert eqx.tree_equal(noisy(jnp.zeros(2), before), before[Hits, "upper"])
