"""Air showers: the spectra, directions and cores asked for, and pairs that differ by their primary alone.

Two kinds of test. The numbers of 2^k pairs in a row fill every share exactly, which has no false alarms. And those of
the first pair under many keys are independent: tests of Kolmogorov and Smirnov at 1e-4, correlations at 5 standard
deviations (6e-7 each); with the keys fixed, an alarm is a change of the source.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from daedalus.events import Showers, blank_events
from daedalus.physics.constants import SPEED_OF_LIGHT
from daedalus.sources.air_showers import AirShowers
from daedalus.units import deg

KEY = jax.random.key(3)
PAIRS = 2**10
KEYS = 4000
CENTRE, RADIUS = (300.0, -200.0), 900.0
INDICES = (0.0, 1.0, 2.0, 2.7)


drawn = jax.jit(lambda source, index, key: source(blank_events(index), key=key)[Showers])


def showers(source, index, key=KEY):
    return drawn(source, jnp.asarray(index, jnp.uint32), key)


def source(**options):
    return AirShowers(centre=CENTRE, radius=RADIUS, **options)


def shares(found, given):
    """What should be uniform and independent, by name: distribution functions of energy, direction and core."""
    low, high = given.energies
    power = 1.0 - given.index
    energy = np.asarray(found.energy)
    if power == 0.0:
        below = np.log(energy / low) / np.log(high / low)
    else:
        below = (energy**power - low**power) / (high**power - low**power)
    sine = np.hypot(found.ux, found.uy)
    if given.flat_cosine:
        tilt = sine / np.sin(given.zenith)
    else:
        tilt = (1.0 - np.sqrt(1.0 - sine**2)) / (1.0 - np.cos(given.zenith))
    x, y = np.asarray(found.x) - given.centre[0], np.asarray(found.y) - given.centre[1]
    turn = lambda across, up: np.arctan2(up, across) / (2 * np.pi) % 1.0
    return {
        "energy": below,
        "zenith": tilt,
        "azimuth": turn(found.ux, found.uy),
        "distance": (x**2 + y**2) / given.radius**2,
        "around": turn(x, y),
    }


def first_pairs(given):
    """The shares of the first pair under many keys: independent samples."""
    draw = jax.jit(jax.vmap(lambda key: showers(given, [0], key)))
    found = jax.tree.map(lambda leaf: leaf[:, 0], draw(jax.random.split(KEY, KEYS)))
    return shares(found, given)


@pytest.mark.parametrize("flat_cosine", [False, True])
@pytest.mark.parametrize("index", INDICES)
def test_every_share_of_2_to_the_k_pairs_is_filled_exactly(index, flat_cosine):
    given = source(index=index, flat_cosine=flat_cosine)
    found = showers(given, np.arange(0, 2 * PAIRS, 2))
    for name, share in shares(found, given).items():
        assert share.min() > 0, name
        assert share.max() < 1, name
        filled = np.bincount(np.floor(share * 64).astype(int), minlength=64)
        np.testing.assert_array_equal(filled, PAIRS // 64, err_msg=name)


@pytest.mark.parametrize("index", [0.0, 2.7])
def test_distributions_over_keys(index):
    found = first_pairs(source(index=index))
    for name, share in found.items():
        assert stats.kstest(share, "uniform").pvalue > 1e-4, name
    correlation = np.corrcoef(list(found.values())) - np.eye(len(found))
    assert np.abs(correlation).max() < 5 / np.sqrt(KEYS)


def test_moments_are_those_of_an_isotropic_flux_and_of_an_even_disc():
    found = showers(source(zenith=60 * deg), np.arange(0, 2 * PAIRS, 2))
    cosine = np.sqrt(1 - np.asarray(found.ux) ** 2 - np.asarray(found.uy) ** 2)
    # density sin(zenith) from 0 to 60 degrees: cosines even from 1 to 1/2; quasi-random means converge like 1/N
    assert np.mean(cosine) == pytest.approx(0.75, abs=1e-3)
    assert np.mean(cosine**2) == pytest.approx(7 / 12, abs=2e-3)
    for value, middle in ((found.x, CENTRE[0]), (found.y, CENTRE[1])):
        away = np.asarray(value) - middle
        assert np.mean(away) == pytest.approx(0.0, abs=5e-3 * RADIUS)
        assert np.mean(away**2) == pytest.approx(RADIUS**2 / 4, rel=1e-2)
    assert np.mean(found.energy) == pytest.approx(0.5 * (1e5 + 1e7), rel=1e-3)


def test_the_published_code_has_even_sines_instead():
    given = source(flat_cosine=True, zenith=65 * deg)
    found = showers(given, np.arange(2 * PAIRS))
    sine = np.hypot(found.ux, found.uy)
    assert np.mean(sine) == pytest.approx(np.sin(65 * deg) / 2, rel=2e-3)
    assert sine.max() < np.sin(65 * deg)


def test_pairs_share_everything_but_the_primary():
    found = showers(source(), np.arange(2 * 50))
    np.testing.assert_array_equal(found.primary, np.tile([0, 1], 50))
    for name in ("energy", "x", "y", "ux", "uy"):
        values = np.asarray(getattr(found, name))
        np.testing.assert_array_equal(values[::2], values[1::2], err_msg=name)
        assert len(np.unique(values[::2])) == 50, name


def test_a_shower_keeps_its_numbers_in_any_batch():
    every, some = showers(source(), np.arange(20)), showers(source(), [13, 4])
    for one, other in zip(jax.tree.leaves(every), jax.tree.leaves(some), strict=True):
        np.testing.assert_array_equal(np.asarray(one)[[13, 4]], other)
    again = showers(source(), np.arange(20), jax.random.key(4))
    assert not np.any(np.asarray(again.energy) == np.asarray(every.energy))


@pytest.mark.parametrize("index", [1.0 - 1e-5, 1.0 + 1e-5])
def test_the_power_law_passes_through_the_logarithmic_one(index):
    near, at = (showers(source(index=power), np.arange(0, 200, 2)).energy for power in (index, 1.0))
    np.testing.assert_allclose(near, at, rtol=1e-4)


@pytest.mark.parametrize("double", [True, False])
@pytest.mark.parametrize("index", INDICES)
def test_showers_stay_within_their_bounds_in_either_precision(index, double):
    with jax.enable_x64(double):
        found = showers(AirShowers(index=index), np.arange(4096), jax.random.key(1))
        assert {leaf.dtype for leaf in jax.tree.leaves(found)} == {jnp.result_type(float), jnp.dtype(jnp.int32)}
        found = jax.tree.map(lambda leaf: np.asarray(leaf, float), found)
    rounding = 1.0 if double else 1.0 + 1e-6
    assert 1e5 / rounding <= found.energy.min() < found.energy.max() <= 1e7 * rounding
    assert np.hypot(found.ux, found.uy).max() <= np.sin(65 * deg) * rounding
    assert np.hypot(found.x, found.y).max() <= 2000.0 * rounding


def test_fronts_pass_the_core_at_time_zero():
    found = showers(source(), np.arange(20))
    x, y, log_energy, ux, uy, time = np.asarray(found.parameters).T
    np.testing.assert_array_equal((x, y, ux, uy), (found.x, found.y, found.ux, found.uy))
    np.testing.assert_allclose(np.exp(log_energy), found.energy, rtol=1e-12)
    np.testing.assert_allclose(time - (x * ux + y * uy) / SPEED_OF_LIGHT, 0.0, atol=1e-9)


def test_exposed_area_is_that_of_the_disc():
    assert source().exposed_area == pytest.approx(np.pi * 900.0**2)
