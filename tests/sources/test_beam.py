"""The beam: its moments, that a particle keeps its numbers, widened slopes, and quasi-random numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.core import Pipeline, Summaries
from daedalus.errors import StageError
from daedalus.events import Particles, blank_events, normals
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


def test_the_plain_beam_is_made_of_plain_normals():
    x, y, tx, _ = normals(KEY, jnp.arange(9, dtype=jnp.uint32), 4)
    found = particles(Beam(momentum=3.0, spot=2e-3, divergence=5e-3), np.arange(9))
    np.testing.assert_array_equal(found.x, 2e-3 * x)
    np.testing.assert_array_equal(found.y, 2e-3 * y)
    np.testing.assert_allclose(found.ux / found.uz, 5e-3 * tx, rtol=1e-14)


def steep(events, divergence, cut):
    """The radial slope in divergences, and whether it exceeds the cut."""
    beam = events[Particles]
    radius = jnp.hypot(beam.ux, beam.uy) / beam.uz / divergence
    return radius, radius > cut


@pytest.mark.parametrize("quasi", [False, True])
@pytest.mark.parametrize("widening", [1.5, 2.0, 3.0])
def test_widened_slopes_keep_expectations_and_see_more_of_the_tail(widening, quasi):
    beam = Beam(momentum=3.0, spot=2e-3, divergence=5e-3, widening=widening, quasi=quasi)
    events = beam(blank_events(jnp.arange(EVENTS, dtype=jnp.uint32)), key=KEY)
    weight, (radius, beyond) = np.asarray(events.weight), steep(events, 5e-3, 3.0)
    error = 4.0 / np.sqrt(EVENTS)
    assert weight.max() <= widening**2
    assert weight.mean() == pytest.approx(1.0, abs=error * weight.std())
    for value, truth in ((radius**2, 2.0), (radius, np.sqrt(np.pi / 2)), (beyond, np.exp(-4.5))):
        found = weight * np.asarray(value)  # Rayleigh's distribution
        assert found.mean() == pytest.approx(truth, abs=error * found.std())
    plain = np.exp(-4.5) * (1 - np.exp(-4.5))  # variance of an event without widening
    assert np.var(weight * np.asarray(beyond)) < plain / 3


@pytest.mark.parametrize("widening", [1.0, 1.5, 2.0])
def test_kishs_number_is_the_closed_form(widening):
    beam = Beam(momentum=3.0, spot=2e-3, divergence=5e-3, widening=widening)
    chain = Pipeline([beam], {})
    sums = chain.sums(chain.events(jnp.arange(EVENTS), EVENTS, key=KEY), 0, {})
    share = float(Summaries(jax.tree.map(lambda s: s[None], sums), jnp.ones(1)).effective_events[0]) / EVENTS
    assert share == pytest.approx((2 * widening**2 - 1) / widening**4, rel=0.02)


@pytest.mark.parametrize("quasi", [False, True])
def test_derivatives_of_weighted_means_are_those_of_the_beam(quasi):
    def mean(divergence, widening):  # of (x + L tx)^4, whose expectation is 3 (spot^2 + L^2 divergence^2)^2
        beam = Beam(momentum=3.0, spot=2e-3, divergence=divergence, widening=widening, quasi=quasi)
        events = beam(blank_events(jnp.arange(EVENTS, dtype=jnp.uint32)), key=KEY)
        return jnp.mean(events.weight * (1e3 * events[Particles].at_z(0.5)[0]) ** 4)

    truth = 3 * 2 * (2.0**2 + 2.5**2) * 2 * 2.5 * 500
    assert float(jax.grad(mean)(5e-3, 1.0)) == pytest.approx(truth, rel=0.1)
    slope = jax.jit(jax.grad(mean), static_argnums=1)(5e-3, 1.5)
    assert float(slope) == pytest.approx(truth, rel=0.05)
    step = (mean(5e-3 + 1e-7, 1.5) - mean(5e-3 - 1e-7, 1.5)) / 2e-7
    assert float(slope) == pytest.approx(float(step), rel=1e-6)


@pytest.mark.parametrize("widening", [0.5, 0.0, np.nan, np.inf])
def test_slopes_are_not_narrowed(widening):
    with pytest.raises(StageError, match="at least 1"):
        Beam(momentum=3.0, spot=2e-3, divergence=5e-3, widening=widening)


def test_quasi_random_beams_are_beams_and_converge_faster():
    def spread(quasi):
        beam = Beam(momentum=3.0, spot=2e-3, divergence=5e-3, quasi=quasi)
        index = blank_events(jnp.arange(1024, dtype=jnp.uint32))
        mean = lambda key: jnp.mean(beam(index, key=key)[Particles].at_z(0.5)[0] ** 2)
        means = jax.jit(jax.vmap(mean))(jax.random.split(KEY, 32))
        truth = 2e-3**2 + 2.5e-3**2
        assert float(means.mean()) == pytest.approx(truth, abs=4 * float(means.std()) / np.sqrt(32))
        return float(means.std())

    assert spread(quasi=True) < spread(quasi=False) / 8  # 13 times at 1024 events
    every = particles(Beam(momentum=3.0, spot=2e-3, divergence=5e-3, quasi=True), np.arange(10))
    some = particles(Beam(momentum=3.0, spot=2e-3, divergence=5e-3, quasi=True), [7, 3])
    np.testing.assert_array_equal(np.asarray(every.ux)[[7, 3]], some.ux)
