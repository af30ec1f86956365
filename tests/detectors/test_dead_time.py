"""Dead time: the live fraction, by a simulation of arrivals, as drops and as a weight."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.detectors.dead_time import DeadTime
from daedalus.events import blank_events


@eqx.filter_jit
def passed(rate, sampled):
    stage = DeadTime(rate, 300.0, sampled=sampled)
    return stage(blank_events(jnp.arange(20_000, dtype=jnp.uint32)), key=jax.random.key(1))


def test_the_live_fraction_is_that_of_a_simulated_apparatus():
    arrivals = np.cumsum(np.random.default_rng(1).exponential(size=40_000) / 1e-3)  # 1/us
    free, taken = 0.0, 0
    for time in arrivals:
        if time >= free:
            free, taken = time + 300.0, taken + 1
    law = DeadTime(1e-3, 300.0).live_fraction
    assert taken / len(arrivals) == pytest.approx(law, rel=5 / np.sqrt(taken))


def test_events_are_dropped_or_weighed():
    law = 1 / 1.3
    dropped, weighed = passed(jnp.asarray(1e-3), True), passed(jnp.asarray(1e-3), False)
    assert float(jnp.mean(dropped.alive)) == pytest.approx(law, abs=5 * np.sqrt(law * (1 - law) / 20_000))
    assert np.all(weighed.alive)
    np.testing.assert_allclose(weighed.weight, law, rtol=1e-12)
    slope = jax.jit(jax.grad(lambda rate: passed(rate, False).weight[0]))(1e-3)
    assert float(slope) == pytest.approx(-300.0 * law**2, rel=1e-12)
    assert np.all(passed(jnp.asarray(0.0), True).alive)
