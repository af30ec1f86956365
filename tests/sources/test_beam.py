"""The beam: its moments, and that a particle keeps its numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.events import Particles, blank_events
from daedalus.sources.beam import Beam

EVENTS = 20000
KEY = jax.random.key(1)


def particles(beam, index):
    return beam(blank_events(jnp.asarray(index, jnp.uint32)), key=KEY)[Particles]


def test_moments_are_those_asked_for():
    beam = particles(Beam(momentum=3.0, spot=2e-3, divergence=5e-3, z=0.4), np.arange(EVENTS))
    tolerance = 4.0 / np.sqrt(2 * EVENTS)  # four standard errors of a standard deviation
    for x, u, others in ((beam.x, beam.ux, beam.uy), (beam.y, beam.uy, beam.ux)):
        assert np.std(x) == pytest.approx(2e-3, rel=tolerance)
        assert np.std(u / beam.uz) == pytest.approx(5e-3, rel=tolerance)
        assert abs(np.corrcoef(x, u)[0, 1]) < 4.0 / np.sqrt(EVENTS)
        assert abs(np.corrcoef(u, others)[0, 1]) < 4.0 / np.sqrt(EVENTS)
    np.testing.assert_allclose(beam.ux**2 + beam.uy**2 + beam.uz**2, 1.0, rtol=1e-12)
    assert np.all(beam.momentum == 3.0)
    assert np.all(beam.z == 0.4)


def test_a_particle_keeps_its_numbers_in_any_batch():
    beam = Beam(momentum=3.0, spot=2e-3, divergence=5e-3)
    every, some = particles(beam, np.arange(10)), particles(beam, [7, 3])
    np.testing.assert_array_equal(np.asarray(every.x)[[7, 3]], some.x)
    np.testing.assert_array_equal(np.asarray(every.ux)[[7, 3]], some.ux)
