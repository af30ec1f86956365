"""Radiation lengths: the transport's own law inverted, so that what goes in comes out."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.events import Particles, blank_events
from daedalus.geometry import Voxels
from daedalus.inference.radiation_length import angle_sums, mean_radiation_length, path_thickness
from daedalus.physics.materials import material
from daedalus.physics.particles import muon
from daedalus.transport.multiple_scattering import MultipleScattering
from daedalus.transport.volume import Volume

LENGTH = 0.1  # m
X0 = jax.jit(lambda sums: mean_radiation_length(sums, LENGTH))
SUMS = jax.jit(angle_sums)


def highland(thickness, beta_momentum):
    """PDG 2024 eq. 34.16 by hand."""
    return 0.0136 / beta_momentum * np.sqrt(thickness) * (1 + 0.038 * np.log(thickness))


@pytest.mark.parametrize("name", ["lead", "uranium", "iron", "beryllium"])
def test_without_noise_the_ratio_is_one(name):
    # the reference code, which inverts without the logarithm: 0.81, 0.78, 0.88, 1.10 of the true X0
    beta_p = np.array([1.0, 3.0, 10.0])
    theta = highland(LENGTH / material(name).X0, beta_p)
    sums = SUMS(*map(jnp.asarray, (theta, -theta, beta_p, np.array([1.0, 2.0, 0.5]))))
    found, error = X0(sums)
    assert float(found) / material(name).X0 == pytest.approx(1.0, abs=1e-6)
    assert float(error) < 1e-6 * float(found)


def scattered(name, count, key):
    wide = jnp.array([-9.0, 9.0])
    volume = Volume.of(Voxels(wide, wide, jnp.array([0.0, LENGTH])), jnp.zeros((1, 1, 1), int), [material(name)])
    p = jnp.linspace(2.0, 20.0, count)
    zero = jnp.zeros(count)
    events = blank_events(jnp.arange(count, dtype=jnp.uint32)).add(
        Particles(zero, zero, zero + 1.0, zero, zero, zero - 1.0, p)
    )
    after = STAGE(volume, events, key)[Particles]
    return jnp.arctan2(after.ux, -after.uz), jnp.arctan2(after.uy, -after.uz), p**2 / jnp.sqrt(p**2 + muon.mass**2)


STAGE = eqx.filter_jit(lambda volume, events, key: MultipleScattering(volume)(events, key=key))


@pytest.mark.parametrize("name", ["lead", "beryllium"])
def test_simulated_muons_give_it_within_errors(name):
    count = 20_000
    pulls, error = [], 0.0
    for seed in range(8):
        x, y, beta_p = scattered(name, count, jax.random.key(seed))
        found, error = X0(SUMS(x, y, beta_p, jnp.ones(count)))
        pulls.append((float(found) - material(name).X0) / float(error))
    # the mean of squares of 2 n normals is known to 1 / sqrt(n); the logarithm's slope makes it 7 % less for lead
    t = LENGTH / material(name).X0
    relative = 1 / np.sqrt(count) / (1 + 2 * 0.038 / (1 + 0.038 * np.log(t)))
    assert float(error) / material(name).X0 == pytest.approx(relative, rel=0.05)
    assert np.sqrt(np.mean(np.square(pulls))) < 1.8  # chi2 of 8: false alarm 1e-3
    assert abs(np.mean(pulls)) < 3.3 / np.sqrt(8)


def test_sums_add_and_measurement_errors_are_taken_out():
    x, y, beta_p = scattered("iron", 2_000, jax.random.key(1))
    weight = jnp.where(jnp.arange(2_000) % 3 == 0, 0.0, 0.7)
    whole = SUMS(x, y, beta_p, weight)
    parts = [SUMS(*(v[k * 1000 : (k + 1) * 1000] for v in (x, y, beta_p, weight))) for k in (0, 1)]
    together = jax.tree.map(jnp.add, *parts)
    np.testing.assert_allclose(jax.tree.leaves(together), jax.tree.leaves(whole), rtol=1e-12)
    # a thickness does not hang on the scale of the weights; angles widened by a known error give the same
    halved, _ = path_thickness(SUMS(x, y, beta_p, weight / 2))
    np.testing.assert_allclose(halved, path_thickness(whole)[0], rtol=1e-12)
    wider = [jnp.sqrt(angle**2 + 1e-6) for angle in (x, y)]
    corrected = path_thickness(angle_sums(*wider, beta_p, weight, error=1e-3))[0]
    np.testing.assert_allclose(corrected, path_thickness(whole)[0], rtol=1e-9)


def test_the_derivative_is_that_of_the_law():
    theta = jnp.asarray(highland(17.8, 3.0))
    one = jnp.ones(1)
    law = jax.jit(lambda scale: path_thickness(angle_sums(scale * theta * one, scale * theta * one, 3.0 * one, one))[0])
    slope = float(jax.jit(jax.grad(law))(1.0))
    assert float(law(1.0)) == pytest.approx(17.8, rel=1e-9)
    assert slope == pytest.approx(float(law(1 + 1e-6) - law(1 - 1e-6)) / 2e-6, rel=1e-6)
    assert slope == pytest.approx(2 * 17.8 / (1 + 2 * 0.038 / (1 + 0.038 * np.log(17.8))), rel=1e-8)


def test_nothing_scattered_is_no_thickness():
    zero = jnp.zeros(3)
    thickness, error = path_thickness(angle_sums(zero, zero, zero + 3.0, zero + 1.0))
    assert (float(thickness), float(error)) == (0.0, 0.0)
    nothing = angle_sums(zero + 0.1, zero, zero + 3.0, zero)
    assert all(np.isfinite(leaf) for leaf in jax.tree.leaves(mean_radiation_length(nothing, LENGTH)))
