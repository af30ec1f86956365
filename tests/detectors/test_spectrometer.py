"""The spectrometer: momenta with a Gaussian error of fixed relative size."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.detectors.spectrometer import Spectrometer
from daedalus.events import Momenta, Particles, blank_events

COUNT = 20_000


def measured(resolution):
    p = jnp.linspace(0.5, 50.0, COUNT)
    zero, one = jnp.zeros(COUNT), jnp.ones(COUNT)
    events = blank_events(jnp.arange(COUNT, dtype=jnp.uint32)).add(Particles(zero, zero, zero, zero, zero, -one, p))
    return p, Spectrometer(resolution)(events, key=jax.random.key(2))[Momenta]


def test_the_error_is_relative():
    p, found = measured(0.1)
    off = np.asarray(found.value / p) - 1
    assert np.std(off) == pytest.approx(0.1, rel=5 / np.sqrt(2 * COUNT))
    assert np.mean(off) == pytest.approx(0.0, abs=5 * 0.1 / np.sqrt(COUNT))
    assert np.std(off[: COUNT // 2]) == pytest.approx(np.std(off[COUNT // 2 :]), rel=0.05)
    assert np.all(found.relative_error == 0.1)


def test_zero_means_exactly_known():
    p, found = measured(0.0)
    np.testing.assert_array_equal(found.value, p)


def test_a_poor_one_still_measures_something_positive():
    p, found = measured(0.8)
    assert np.min(found.value / p) == pytest.approx(0.1, rel=1e-9)
