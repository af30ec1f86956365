"""Strips: binary resolution, scattering between planes, real strips against their stand-in, derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.core import Derivative
from daedalus.detectors.strips import StripPlanes, kick_variance
from daedalus.events import Hits, Particles, blank_events
from daedalus.physics.particles import pion
from daedalus.reconstruction.scattered_line_fit import hit_covariance
from daedalus.sources.beam import Beam

KEY = jax.random.key(2)
EVENTS = 20000
Z, PITCH, THICKNESS = jnp.array([0.5, 0.1, 0.3]), jnp.array([1e-4, 5e-5, 2e-4]), jnp.array([4e-3, 2e-3, 3e-3])
BEAM = Beam(momentum=2.0, spot=3e-3, divergence=1e-2)


def hits_of(hard, z=Z, pitch=PITCH, thickness=THICKNESS, *, beam=BEAM, events=EVENTS, span=1.0):
    record = beam(blank_events(jnp.arange(events, dtype=jnp.uint32)), key=KEY)
    record = StripPlanes(z, pitch, thickness, span=span, particle=pion, hard=hard)(
        record, key=jax.random.fold_in(KEY, 1)
    )
    return record, record[Hits, "telescope"]


@pytest.mark.parametrize("hard", [True, False])
def test_residuals_have_the_covariance_of_resolution_and_scattering(hard):
    record, hits = hits_of(hard)
    straight = np.stack(jax.vmap(record[Particles].at_z)(Z))
    found = [np.cov(np.asarray(x) - line) for x, line in zip((hits.x, hits.y), straight, strict=True)]
    kicks = kick_variance(THICKNESS, pion.beta_momentum(jnp.array([2.0])))[:, 0]
    law = np.asarray(hit_covariance(Z, PITCH / np.sqrt(12.0), kicks))
    scale = np.sqrt(np.outer(np.diag(law), np.diag(law)))
    np.testing.assert_allclose(np.mean(found, 0) / scale, law / scale, atol=4.0 / np.sqrt(EVENTS))
    np.testing.assert_allclose(hits.sigma[:, 0], PITCH / np.sqrt(12.0), rtol=1e-12)


def test_kicks_are_highlands_with_the_total_path():
    # by hand: 13.6 MeV / 2 GeV, t = 0.01: theta0^2 = (6.8e-3)^2 0.01 (1 + 0.038 ln 0.01)^2
    kicks = kick_variance(jnp.array([0.002, 0.003, 0.005]), jnp.array([2.0]))[:, 0]
    whole = 6.8e-3**2 * 0.01 * (1.0 + 0.038 * np.log(0.01)) ** 2
    np.testing.assert_allclose(kicks, whole * np.array([0.2, 0.3, 0.5]), rtol=1e-12)


def test_real_strips_report_their_centres_inside_the_span_only():
    _, hits = hits_of(True, span=0.01)
    np.testing.assert_allclose(np.asarray(hits.x / PITCH[:, None]) % 1.0, 0.5, atol=1e-6)
    wide = np.maximum(np.abs(hits.x), np.abs(hits.y))
    assert np.all(wide[np.asarray(hits.recorded)] <= 0.005 + 1e-4)
    assert 0.1 < np.mean(hits.recorded) < 0.9
    assert np.all(hits_of(False, span=0.01)[1].recorded)


def test_only_the_stand_in_has_a_derivative():
    strips = StripPlanes(Z, PITCH, THICKNESS, span=1.0, particle=pion)
    assert strips.derivative == Derivative.NONE
    assert strips.softened(0.3).derivative == Derivative.BIASED
    assert strips.softened(0.3).softened(None).hard


def test_hits_of_noiseless_particles_move_along_their_lines():
    beam = Beam(momentum=1e9, spot=3e-3, divergence=1e-2)

    def place(z):
        record, hits = hits_of(False, z, 1e-12 * PITCH, 1e-12 * THICKNESS, beam=beam, events=4)
        particles = record[Particles]
        return hits.x[1], particles.ux / particles.uz

    derivative = jax.jacobian(lambda z: place(z)[0])(Z)
    np.testing.assert_allclose(derivative[:, 1], place(Z)[1], rtol=1e-6)
    np.testing.assert_allclose(derivative[:, [0, 2]], 0.0, atol=1e-8)


def test_derivatives_equal_finite_differences():
    def figure(fields):
        _, hits = hits_of(False, *fields, events=50)
        return jnp.sum(jnp.sin(1e3 * hits.x)) + jnp.sum(jnp.cos(700.0 * hits.y))

    fields = (Z, PITCH, THICKNESS)
    gradient = jax.jit(jax.grad(figure))(fields)
    value = jax.jit(figure)
    for number, field in enumerate(fields):
        for k in range(3):
            step = 1e-5 * float(field[k])
            moved = [
                value(tuple(f.at[k].add(s) if i == number else f for i, f in enumerate(fields))) for s in (step, -step)
            ]
            expected = float(moved[0] - moved[1]) / (2 * step)
            assert float(gradient[number][k]) == pytest.approx(expected, rel=1e-6, abs=1e-6 * abs(expected) + 1e-5)
