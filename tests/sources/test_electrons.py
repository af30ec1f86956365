"""Electrons: a share of soft momenta, and nothing at zero."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.events import Particles, blank_events
from daedalus.sources.beam import Beam
from daedalus.sources.electrons import Electrons

KEY, COUNT = jax.random.key(2), 20_000


@eqx.filter_jit
def beam(share):
    before = Beam(5.0, 1e-3, 1e-2)(blank_events(jnp.arange(COUNT, dtype=jnp.uint32)), key=KEY)
    return before, Electrons(share, 0.1, 0.02)(before, key=KEY)


def test_soft_momenta_are_exponential():
    before, after = (events[Particles] for events in beam(jnp.asarray(0.2)))
    soft = np.asarray(after.momentum) != 5.0
    assert soft.mean() == pytest.approx(0.2, abs=5 * np.sqrt(0.16 / COUNT))
    above = np.asarray(after.momentum)[soft] - 0.02
    assert above.min() > 0
    assert above.mean() == pytest.approx(0.1, rel=5 / np.sqrt(soft.sum()))
    assert np.mean(above > 0.2) == pytest.approx(np.exp(-2), abs=5 * np.sqrt(0.12 / soft.sum()))
    np.testing.assert_array_equal(after.ux, before.ux)


def test_nothing_happens_at_zero():
    assert eqx.tree_equal(*beam(jnp.asarray(0.0)))
