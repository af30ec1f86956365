"""The maximum-likelihood map: its slope is that of the likelihood, steps climb, the truth lies within its errors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.geometry import Voxels
from daedalus.inference.scattering_likelihood import ScatteringModel, fitted_map
from daedalus.inference.voxel_paths import moments_along, unit_variance
from daedalus.physics.particles import muon
from inference.chords import MOMENTUM, scattered

EDGE = jnp.linspace(0.0, 1.0, 4)
VOXELS = Voxels(EDGE, EDGE, EDGE)
MODEL = ScatteringModel(VOXELS, prior_particles=0.0)
SUMS = jax.jit(lambda *given: MODEL.sums(*given))
TRUTH = jnp.full(VOXELS.shape, 3.0).at[1, 1, 1].set(60.0)


def data(count, key=0):
    return scattered(TRUTH, VOXELS, count, key), jnp.full(count, MOMENTUM), jnp.ones(count)


def log_likelihood(density, chords, momentum, unit):
    moments = moments_along(density, chords, VOXELS)
    total = 0.0
    for axis in (0, 1):
        c, s, o = (unit * m for m in moments)
        c, s, o = c + chords.var_angle[axis], s + chords.covariance[axis], o + chords.var_offset[axis]
        determinant = c * o - s * s
        a, b = chords.angle[axis], chords.offset[axis]
        total += -0.5 * (a * a * o - 2 * a * b * s + b * b * c) / determinant - 0.5 * jnp.log(determinant)
    return jnp.sum(total)


def test_slope_and_information_are_those_of_the_likelihood():
    chords, momentum, weight = data(60)
    density = jnp.exp(0.3 * jax.random.normal(jax.random.key(5), VOXELS.shape)) * 5.0
    unit = unit_variance(moments_along(density, chords, VOXELS).A0, momentum, mass=muon.mass)
    slope = jax.jit(jax.grad(log_likelihood))(density, chords, momentum, unit)
    found = SUMS(density, chords, momentum, weight)
    np.testing.assert_allclose(0.5 * found["slope"], slope, rtol=1e-8, atol=1e-9)
    many = scattered(density, VOXELS, 20000, 7)
    ones = jnp.ones(20000)
    unit = unit_variance(moments_along(density, many, VOXELS).A0, MOMENTUM * ones, mass=muon.mass)
    curve = lambda value: log_likelihood(density.at[1, 1, 1].set(value), many, MOMENTUM * ones, unit)
    second = jax.jit(jax.grad(jax.grad(curve)))(density[1, 1, 1])
    expected = SUMS(density, many, MOMENTUM * ones, ones)["information"][1, 1, 1]
    assert float(-second / expected) == pytest.approx(1.0, abs=0.1)


@pytest.mark.slow
def test_steps_climb():
    chords, momentum, weight = data(300)

    @jax.jit
    def turn(density):
        unit = unit_variance(moments_along(density, chords, VOXELS).A0, momentum, mass=muon.mass)
        new = MODEL.stepped(density, MODEL.sums(density, chords, momentum, weight))
        return new, *(log_likelihood(d, chords, momentum, unit) for d in (density, new))

    density = jnp.full(VOXELS.shape, 0.5)
    for _ in range(6):
        density, before, after = turn(density)
        assert after > before


@pytest.fixture(scope="module")
def fit():
    return jax.jit(lambda *given: fitted_map(MODEL, *given, tolerance=1e-5, most=3000))


def test_the_fitted_map_has_the_truth_within_its_errors(fit):
    found = fit(*data(20000))
    assert bool(found.converged)
    pull = (found.map.density - TRUTH) / found.map.error
    assert float(jnp.max(jnp.abs(pull))) < 8.0  # errors are lower bounds: voxels are correlated
    assert float(found.map.density[1, 1, 1]) == pytest.approx(60.0, rel=0.05)
    assert float(jnp.mean(jnp.where(TRUTH > 10, 3.0, found.map.density))) == pytest.approx(3.0, rel=0.03)


@pytest.mark.slow  # compiles the fit and its derivative
def test_at_the_fixed_point_the_slope_vanishes_and_its_derivative_is_right(fit):
    chords, momentum, weight = data(2000, key=3)
    found = fit(chords, momentum, weight)
    sums = SUMS(found.map.density, chords, momentum, weight)
    assert float(jnp.max(jnp.abs(sums["slope"] * found.map.density / sums["particles"]))) < 1e-3

    def one(stretch):
        turned = jax.tree.map(lambda leaf: leaf, chords)
        turned = type(chords)(**{**vars(turned), "angle": turned.angle * stretch})
        return jnp.log(fitted_map(MODEL, turned, momentum, weight, tolerance=1e-7, most=6000).map.density[1, 1, 1])

    one = jax.jit(jax.value_and_grad(one))
    value = lambda stretch: one(jnp.asarray(stretch))[0]
    slope = one(jnp.asarray(1.0))[1]
    numeric = (value(1.001) - value(0.999)) / 0.002
    assert float(slope) == pytest.approx(float(numeric), rel=2e-2)
