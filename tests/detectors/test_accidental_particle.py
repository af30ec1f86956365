"""Accidental particles: a share of another source's, with its weights and its random numbers."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.core import stage_key
from daedalus.detectors.accidental_particle import AccidentalParticle
from daedalus.events import Particles, blank_events
from daedalus.sources.beam import Beam

KEY, COUNT = jax.random.key(1), 5000
SOURCE, OTHER = Beam(2.0, 1e-3, 1e-2), Beam(1.0, 0.1, 0.1, widening=1.5)


@eqx.filter_jit
def passed(stage, events=None, key=KEY):
    return stage(blank_events(jnp.arange(COUNT, dtype=jnp.uint32)) if events is None else events, key=key)


def test_the_other_particles_are_those_of_the_other_source():
    before, other = passed(SOURCE), passed(OTHER, key=stage_key(KEY, "beam"))
    after = passed(AccidentalParticle(OTHER, jnp.asarray(0.3)), before)
    taken = np.asarray(after[Particles].momentum) == 1.0
    assert taken.mean() == pytest.approx(0.3, abs=5 * np.sqrt(0.21 / COUNT))
    for found, one, two in zip(*(jax.tree.leaves(e[Particles]) for e in (after, before, other))):
        np.testing.assert_array_equal(found, np.where(taken, two, one))
    np.testing.assert_array_equal(after.weight, np.where(taken, other.weight, before.weight))


def test_nothing_happens_at_zero():
    before = passed(SOURCE)
    assert eqx.tree_equal(passed(AccidentalParticle(OTHER, jnp.asarray(0.0)), before), before)
