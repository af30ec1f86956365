"""Telling maps apart: the expected ratio is that of drawn deflections, and the information its second derivative."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.events import Momenta, blank_events
from daedalus.geometry import Voxels
from daedalus.inference.contrast_information import ContrastInformation
from daedalus.inference.expected_ratio import ExpectedRatio, covariances
from daedalus.inference.scattering_likelihood import ScatteringModel
from inference.chords import MOMENTUM, chords, scattered

EDGE = jnp.linspace(0.0, 1.0, 4)
VOXELS = Voxels(EDGE, EDGE, EDGE)
MODEL = ScatteringModel(VOXELS)
PLAIN = jnp.full(VOXELS.shape, 3.0)
BLOCK = PLAIN.at[1, 1, 1].set(12.0)
COUNT = 3000


def record(deflected):
    count = len(deflected.length)
    index = jnp.arange(count, dtype=jnp.uint32)
    return blank_events(index).add(deflected).add(Momenta(jnp.full(count, MOMENTUM), jnp.zeros(count)))


@jax.jit
def log_likelihood(density, deflected):
    total = 0.0
    for c, s, o, a, b in zip(*covariances(MODEL, density, deflected, jnp.full(len(deflected.length), MOMENTUM)),
                             deflected.angle, deflected.offset, strict=True):  # fmt: skip
        determinant = c * o - s * s
        total += jnp.sum(-0.5 * (a * a * o - 2 * a * b * s + b * b * c) / determinant - 0.5 * jnp.log(determinant))
    return total


def test_the_sum_is_the_mean_ratio_of_drawn_deflections():
    draw = jax.jit(lambda key: scattered(BLOCK, VOXELS, COUNT, key))
    samples = [draw(key) for key in range(30)]
    ratios = [float(log_likelihood(BLOCK, each) - log_likelihood(PLAIN, each)) for each in samples]
    expected = [float(ExpectedRatio(MODEL, BLOCK, PLAIN, most=1e9)(record(each), {})) for each in samples[:3]]
    assert np.std(expected) < 0.1 * np.mean(expected)  # it does not fluctuate with the deflections
    assert np.mean(ratios) == pytest.approx(np.mean(expected), abs=4 * np.std(ratios) / np.sqrt(30))


def test_equal_maps_are_not_told_apart_and_no_particle_says_too_much():
    events = record(chords(VOXELS, 50))
    assert float(ExpectedRatio(MODEL, PLAIN, PLAIN)(events, {})) == pytest.approx(0.0, abs=1e-9)
    assert float(ExpectedRatio(MODEL, 1e4 * PLAIN, PLAIN, most=2.0)(events, {})) <= 2 * 2.0 * 50


@pytest.mark.slow  # compiles both passes with their derivatives
def test_derivative_with_respect_to_the_tracks_errors():
    straight = chords(VOXELS, 60)

    @jax.jit
    def loss(scale):
        blurred = eqx.tree_at(lambda d: (d.var_angle, d.var_offset), straight,
                              (straight.var_angle + 1e-5 * scale, straight.var_offset + 1e-6 * scale))  # fmt: skip
        ratio = ExpectedRatio(MODEL, BLOCK, PLAIN)(record(blurred), {})
        return ratio + jnp.sum(
            ContrastInformation(MODEL, BLOCK, PLAIN)(record(blurred), {}) * jnp.array([[1, 2], [0, 3.0]])
        )

    slope, numeric = jax.grad(loss)(1.0), (loss(1.0 + 1e-5) - loss(1.0 - 1e-5)) / 2e-5
    assert float(slope) == pytest.approx(float(numeric), rel=1e-6)
    assert float(slope) < 0  # worse tracks, less information


def test_information_is_twice_the_ratio_of_a_weak_contrast():
    """2 sum -> a^2 I_aa for a small strength a: the ratio's second derivative is the information."""
    events, small = record(chords(VOXELS, 300)), 1e-3
    information = jax.jit(lambda: ContrastInformation(MODEL, BLOCK, PLAIN)(events, {}))()
    pair = lambda true: (
        2.0 * float(jax.jit(lambda: ExpectedRatio(MODEL, true, PLAIN, most=1e9)(events, {}))()) / small**2
    )
    assert pair(PLAIN + small * (BLOCK - PLAIN)) == pytest.approx(float(information[0, 0]), rel=1e-2)
    assert pair(PLAIN * jnp.exp(small)) == pytest.approx(float(information[1, 1]), rel=1e-2)
    np.testing.assert_allclose(information, information.T)
    assert float(jnp.linalg.det(information)) > 0
