"""Variations of a spectrum: weighted muons of one model are those of another."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.events import Particles, blank_events
from daedalus.physics.flux import flux_model
from daedalus.sources import CosmicMuons, HorizontalWindow
from daedalus.sources.spectrum_variation import FluxRatio, SpectrumTilt, mean_factor

KEY, COUNT = jax.random.key(2), 20_000
WINDOW = HorizontalWindow((0.0, 1.0), (0.0, 1.0), 1.0)
GUAN, SHUKLA = (CosmicMuons(WINDOW, name) for name in ("guan", "shukla_sankrith"))


@eqx.filter_jit
def drawn(source, *variations):
    events = source(blank_events(jnp.arange(COUNT, dtype=jnp.uint32)), key=KEY)
    for variation in variations:
        events = variation(events, key=KEY)
    return events


def test_muons_of_one_model_stand_for_those_of_another():
    ratio = FluxRatio(flux_model("shukla_sankrith"), flux_model("guan"))
    after, true = drawn(GUAN, ratio), drawn(SHUKLA)
    weight = np.asarray(after.weight)
    rates = SHUKLA.accepted_rate / GUAN.accepted_rate
    assert weight.mean() == pytest.approx(rates, abs=5 * weight.std() / np.sqrt(COUNT))
    for function in (lambda p: p.momentum > 10.0, lambda p: p.momentum < 2.0, lambda p: p.uz < -0.9):
        found, expected = np.asarray(function(after[Particles])), np.asarray(function(true[Particles]))
        share = np.sum(weight * found) / weight.sum()
        error = np.sqrt(np.sum((weight * (found - share)) ** 2)) / weight.sum()
        assert share == pytest.approx(expected.mean(), abs=5 * np.hypot(error, np.sqrt(0.25 / COUNT)))


def test_the_norm_keeps_the_number_of_particles():
    factor = eqx.filter_jit(lambda tilt: mean_factor(tilt, GUAN, key=jax.random.key(9), events=COUNT))
    norm = factor(SpectrumTilt(0.3, 3.0))
    weight = np.asarray(drawn(GUAN, SpectrumTilt(0.3, 3.0, norm)).weight)
    assert weight.mean() == pytest.approx(1.0, abs=5 * np.sqrt(2) * weight.std() / np.sqrt(COUNT))
    momentum = np.asarray(drawn(GUAN)[Particles].momentum)
    np.testing.assert_allclose(weight, (momentum / 3.0) ** 0.3 / float(norm), rtol=1e-12)


def test_nothing_happens_at_zero_and_the_slope_is_the_logarithm():
    same = FluxRatio(flux_model("guan"), flux_model("guan"))
    events = drawn(GUAN, SpectrumTilt(0.0), same)
    np.testing.assert_allclose(events.weight, 1.0, rtol=1e-12)
    slope = jax.jit(jax.jacfwd(lambda delta: SpectrumTilt(delta)(events, key=KEY).weight))(jnp.zeros(()))
    np.testing.assert_allclose(slope, np.log(np.asarray(events[Particles].momentum) / 3.0), rtol=1e-12)
