"""Maps from closest approaches: nothing is lost, the law is inverted exactly, and the derivative is right."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.events import Momenta, blank_events
from daedalus.geometry import Voxels
from daedalus.inference.density_map import DensityMap
from daedalus.inference.poca_density import PocaDensity, density_map, poca_density_passes
from daedalus.inference.voxel_paths import moments_along, unit_variance
from daedalus.physics.particles import muon
from inference.chords import MOMENTUM, chords, closest

SIDE = jnp.linspace(0.0, 1.0, 5)


def record(deflected, points):
    count = len(deflected.length)
    momentum = Momenta(jnp.full(count, MOMENTUM), jnp.zeros(count))
    return blank_events(jnp.arange(count, dtype=jnp.uint32)).add(deflected).add(points).add(momentum)


def sums(passes, events):
    found = {}
    for each in passes:
        found |= {name: summary(events, found) for name, summary in each.items()}
    return found


def exact(density, voxels, count=200):
    """Particles whose squared angles are the law's expectation: noise-free."""
    straight = chords(voxels, count)
    moments = moments_along(density, straight, voxels)
    unit = unit_variance(moments.A0, jnp.full(count, MOMENTUM), mass=muon.mass)
    square = unit * moments.A0 + straight.var_angle[0]
    return eqx.tree_at(lambda d: d.angle, straight, jnp.sqrt(jnp.stack([square, square])))


@pytest.mark.parametrize("shared", [False, True])
def test_homogeneous_slab_is_unbiased_without_noise(shared):
    @jax.jit
    def mapped(density, thickness):
        voxels = Voxels(SIDE[::4], SIDE[::4], jnp.array([0.0, 1.0]) * thickness)
        deflected = exact(jnp.full(voxels.shape, density), voxels)
        events = record(deflected, closest(deflected))
        return density_map(sums(poca_density_passes(voxels, shared=shared), events)["density"]).density

    for X0 in (0.00561, 0.0176, 0.36):
        for thickness in (0.1, 1.0):
            assert float(mapped(1 / X0, thickness)[0, 0, 0]) * X0 == pytest.approx(1.0, rel=1e-3)


@pytest.mark.parametrize("shared", [False, True])
def test_every_deflection_counts_once(shared):
    voxels = Voxels(SIDE, SIDE, SIDE)
    deflected = exact(jnp.full(voxels.shape, 3.0), voxels)
    events = record(deflected, closest(deflected, 0.3, 0.2))
    found = PocaDensity(voxels, shared, "", weighted=False)(events, {})
    moments = moments_along(jnp.full(voxels.shape, 3.0), deflected, voxels)
    assert float(jnp.sum(found["put"])) == pytest.approx(float(jnp.sum(moments.A0)), rel=1e-9)
    assert float(jnp.sum(found["length"])) == pytest.approx(float(jnp.sum(deflected.length)), rel=1e-9)


def test_certain_points_fall_into_their_voxel_and_vague_ones_spread():
    voxels = Voxels(SIDE, SIDE, SIDE)
    deflected = exact(jnp.full(voxels.shape, 3.0), voxels)
    layer = lambda sigma: jnp.sum(
        PocaDensity(voxels, True, "")(record(deflected, closest(deflected, 0.375, sigma)), {})["put"], (0, 1)
    )
    certain, vague = layer(1e-3), layer(100.0)
    assert float(certain[2] / jnp.sum(certain)) > 0.9  # but for chords that leave by a side
    assert float(jnp.max(vague) / jnp.min(vague)) < 2.0


def test_a_voxel_without_a_chord_is_unknown():
    voxels = Voxels(jnp.array([0.0, 1.0, 2.0]), SIDE, SIDE)
    deflected = exact(jnp.full(voxels.shape, 3.0), voxels)
    away = eqx.tree_at(lambda d: d.x, deflected, 0.1 * deflected.x)
    found = density_map(PocaDensity(voxels, True, "")(record(away, closest(away)), {}))
    np.testing.assert_array_equal(found.density[1], 0)
    np.testing.assert_array_equal(found.error[1], np.inf)
    assert np.all(np.isfinite(found.density))
    assert np.all(np.isfinite(found.error[0]))


@pytest.mark.parametrize("shared", [False, True])
def test_derivative_with_respect_to_points_and_their_errors(shared):
    voxels = Voxels(SIDE, SIDE, SIDE)
    deflected = exact(jnp.full(voxels.shape, 3.0), voxels, 40)
    target = jax.random.normal(jax.random.key(3), voxels.shape)

    def loss(moved):
        points = closest(deflected, 0.4 + moved[0], 0.1 * jnp.exp(moved[1]))
        turned = eqx.tree_at(lambda d: d.angle, deflected, deflected.angle * (1 + moved[2]))
        found = sums(poca_density_passes(voxels, shared=shared, rounds=1), record(turned, points))
        return jnp.sum(target * density_map(found["density"]).density)

    loss = jax.jit(loss)
    start = jnp.array([0.013, 0.1, 0.02])
    slope = jax.grad(loss)(start)
    for axis, unit in enumerate(jnp.eye(3)):
        numeric = (loss(start + 1e-5 * unit) - loss(start - 1e-5 * unit)) / 2e-5
        assert float(slope[axis]) == pytest.approx(float(numeric), rel=1e-5, abs=1e-8)


def test_radiation_length_has_a_ceiling():
    found = DensityMap(jnp.array([[[10.0, -1.0]]]), jnp.ones((1, 1, 2))).radiation_length()
    np.testing.assert_allclose(found, [[[0.1, 304.0]]])
