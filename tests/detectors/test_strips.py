"""Strips: resolution, scattering, real strips against their stand-in, derivatives, quasi-random numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.core import Derivative
from daedalus.detectors.strips import QUASI_PLANES, StripPlanes
from daedalus.errors import StageError
from daedalus.events import Hits, Particles, blank_events, normals, uniforms
from daedalus.physics.kicks import kick_variance
from daedalus.physics.particles import pion
from daedalus.reconstruction.scattered_line_fit import hit_covariance
from daedalus.sources.beam import Beam

KEY = jax.random.key(2)
EVENTS = 20000
Z, PITCH, THICKNESS = jnp.array([0.5, 0.1, 0.3]), jnp.array([1e-4, 5e-5, 2e-4]), jnp.array([4e-3, 2e-3, 3e-3])
BEAM = Beam(momentum=2.0, spot=3e-3, divergence=1e-2)


def hits_of(hard, z=Z, pitch=PITCH, thickness=THICKNESS, *, beam=BEAM, events=EVENTS, span=1.0, quasi=False):
    record = beam(blank_events(jnp.arange(events, dtype=jnp.uint32)), key=KEY)
    strips = StripPlanes(z, pitch, thickness, span=span, particle=pion, hard=hard, quasi=quasi)
    record = strips(record, key=jax.random.fold_in(KEY, 1))
    return record, record[Hits, "telescope"]


@pytest.mark.parametrize("quasi", [False, True])
@pytest.mark.parametrize("hard", [True, False])
def test_residuals_have_the_covariance_of_resolution_and_scattering(hard, quasi):
    record, hits = hits_of(hard, quasi=quasi)
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


@pytest.mark.parametrize("quasi", [False, True])
def test_derivatives_equal_finite_differences(quasi):
    def figure(fields):
        _, hits = hits_of(False, *fields, events=50, quasi=quasi)
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


@pytest.mark.parametrize("hard", [True, False])
def test_by_default_the_numbers_are_the_plain_ones(hard):
    record, hits = hits_of(hard, events=50)
    key, particles = jax.random.fold_in(KEY, 1), record[Particles]
    normal = jnp.stack([normals(key, record.index, 2, lane=k) for k in range(3)])
    uniform = jnp.stack([uniforms(key, record.index, 2, lane=3 + k) for k in range(3)], 1)
    kicks = jnp.sqrt(kick_variance(THICKNESS, pion.beta_momentum(particles.momentum)))[:, None] * normal
    straight = jnp.stack(jax.vmap(particles.at_z)(Z))
    place, width = straight + jnp.einsum("ik,kan->ain", jnp.maximum(Z[:, None] - Z, 0.0), kicks), PITCH[:, None]
    expected = width * (jnp.floor(place / width) + 0.5) if hard else place + width * (uniform - 0.5)
    np.testing.assert_array_equal(jnp.stack([hits.x, hits.y]), expected)


def test_quasi_random_kicks_and_errors_have_their_moments_and_do_not_know_each_other():
    planes, events = QUASI_PLANES, 2**14
    strips = StripPlanes(*(jnp.linspace(0.1, 0.6, planes),) * 3, span=1.0, particle=pion, hard=False, quasi=True)
    normal, uniform = jax.jit(lambda index: strips._drawn(index, KEY))(jnp.arange(events, dtype=jnp.uint32))
    assert normal.shape == uniform.shape == (planes, 2, events)
    np.testing.assert_allclose(normal.mean(2), 0.0, atol=1e-3)
    np.testing.assert_allclose(normal.var(2), 1.0, atol=2e-3)
    np.testing.assert_allclose((normal**4).mean(2), 3.0, atol=0.05)
    np.testing.assert_allclose(uniform.mean(2), 0.5, atol=1e-4)
    np.testing.assert_allclose(uniform.var(2), 1 / 12, atol=1e-4)
    every = jnp.concatenate([normal, (uniform - 0.5) * np.sqrt(12.0)])  # of a projection: together, in one lane
    for numbers in (every, (every**2 - (every**2).mean(2, keepdims=True)) / (every**2).std(2, keepdims=True)):
        for axis in (0, 1):
            within = numbers[:, axis] @ numbers[:, axis].T / events
            np.testing.assert_allclose(within, np.eye(2 * planes), atol=0.01)
        across = numbers[:, 0] @ numbers[:, 1].T / events  # x and y meet at random; variance of products up to 8/5
        assert float(jnp.abs(across).max()) < 5 * np.sqrt(1.6 / events)


def test_quasi_random_strips_and_their_stand_in_share_the_kicks():
    real, soft = (hits_of(hard, events=50, quasi=True)[1] for hard in (True, False))
    for one, other in ((real.x, soft.x), (real.y, soft.y)):  # both within half a pitch of the place
        assert np.all(np.abs(one - other) <= PITCH[:, None])
    assert np.abs(soft.x - hits_of(False, events=50)[1].x).min() > 0.0


def test_too_many_planes_for_quasi_random_numbers_are_refused():
    row = jnp.linspace(0.1, 0.6, QUASI_PLANES + 1)
    with pytest.raises(StageError, match=r"9 planes .* expected at most 8 planes"):
        StripPlanes(row, row, row, span=1.0, particle=pion, quasi=True)
    assert not StripPlanes(row, row, row, span=1.0, particle=pion).quasi
    strips = StripPlanes(*(row[1:],) * 3, span=1.0, particle=pion, quasi=True)
    assert strips.softened(1.0).quasi
    assert strips.softened(1.0).softened(None).quasi
