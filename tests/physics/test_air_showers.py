"""The public parametrisation of lateral densities: the printed formulas, its limits, and derivatives by value.

The published look-up tables themselves are compared by benchmarks/peers/swgolo_densities.py, from a clone.
"""

import csv
import warnings
from functools import partial
from importlib.resources import files

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.errors import ValidityWarning
from daedalus.physics.air_showers import LARGEST_ZENITH, PRIMARIES, SECONDARIES, parametrised_profile
from daedalus.units import deg

MODES = ("smooth", "published")
NODES = np.array([8.125, 24.375, 40.625, 56.875]) * deg
DISTANCES = jnp.array([0.0, 1.0, 2.0, 2.5, 30.0, 300.0, 3000.0])

# p0 [1/m2], p1 [m^-p2], p2 and the density [1/m2] at an energy [GeV], zenith angle [deg] and distance [m], in the order
# of gamma electrons, gamma muons, proton electrons, proton muons: the printed formulas in 50-digit decimal arithmetic.
PINNED = {
    (1.5e5, 4.0, 30.0): (
        (5.68441840304e4, 3.47755732224, 2.36698778936e-1, 2.37924402865e1),
        (3.03245377512e-2, 1.0, 3.25246204530e-1, 1.47554479401e-3),
        (1.61662037037e4, 3.14628328834, 2.41176090227e-1, 1.27430810451e1),
        (7.28939168026e-1, 1.0, 3.25262384873e-1, 3.54631447294e-2),
    ),
    (1.0e6, 28.0, 100.0): (
        (3.33029182952e5, 3.63286999591, 2.32195606172e-1, 8.43339093906),
        (2.00653675485e-1, 1.0, 3.18012839671e-1, 2.65431430551e-3),
        (1.23029791981e5, 3.44696121074, 2.30982941481e-1, 5.66289575844),
        (3.73485859433, 1.0, 3.24287377543e-1, 4.35219024889e-2),
    ),
    (8.0e6, 60.0, 700.0): (
        (7.55603510806e5, 3.05782161919, 2.43940626589e-1, 2.05751710101e-1),
        (6.96675865469e-1, 1.0, 3.01392560289e-1, 5.18759791141e-4),
        (2.27297514153e5, 3.21184178827, 2.24548378963e-1, 1.92146314824e-1),
        (7.20794440785, 1.0, 3.04718864338e-1, 4.57968474401e-3),
    ),
}


def log_density(energy, zenith, distance, near_vertical="smooth"):
    """Ln of the four densities of one shower at one distance."""
    return parametrised_profile(energy, zenith, near_vertical=near_vertical).log_density(distance).ravel()


@partial(jax.jit, static_argnums=3)
def on_grid(energies, zeniths, distances, near_vertical="smooth"):
    """Ln of densities, axes energy, zenith, primary, secondary, distance."""
    profile = partial(parametrised_profile, near_vertical=near_vertical)
    each = lambda energy, zenith: profile(energy, zenith).log_density(distances)
    return jax.vmap(lambda energy: jax.vmap(lambda zenith: each(energy, zenith))(zeniths))(energies)


@partial(jax.jit, static_argnums=2)
def of_zenith(energy, zenith, mode="smooth"):
    """Ln of the four densities at 100 m."""
    return log_density(energy, zenith, jnp.asarray(100.0), mode)


slope = jax.jit(jax.jacfwd(of_zenith, argnums=1), static_argnums=2)


@jax.jit
def derivatives(energy, zenith, distance):
    """First and second derivatives by ln E, the zenith angle and the distance, of the four densities."""
    function = lambda x: log_density(jnp.exp(x[0]), x[1], x[2])
    x = jnp.stack([jnp.log(energy), zenith, distance])
    return jax.jacfwd(function)(x), jax.jacfwd(jax.jacrev(function))(x)


@pytest.mark.parametrize(("energy", "zenith", "distance"), PINNED)
def test_printed_formulas(energy, zenith, distance):
    profile = parametrised_profile(jnp.asarray(energy), jnp.asarray(zenith * deg), near_vertical="published")
    density = profile.density(jnp.asarray(distance))
    found = np.stack([np.asarray(values).ravel() for values in (profile.p0, profile.p1, profile.p2, density)], axis=-1)
    np.testing.assert_allclose(found, PINNED[energy, zenith, distance], rtol=1e-10)


def test_table_names_every_combination_and_its_source():
    text = (files("daedalus.physics") / "data" / "air_shower_densities.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    found = {(row["primary"], row["secondary"], float(row["zenith [deg]"])) for row in rows}
    assert found == {(p, s, float(node)) for p in PRIMARIES for s in SECONDARIES for node in NODES / deg}
    assert len(rows) == len(found)
    assert all("SWGOLO version 148" in row["source"] for row in rows)


def test_cubic_passes_through_the_fits_at_the_nodes():
    """At a node only its own constants count: p1 of a gamma ray's electrons at the third, e = 10.5 at 1 PeV."""
    profile = parametrised_profile(jnp.asarray(1e6), jnp.asarray(NODES[2]))
    assert float(profile.p1[0, 0]) == pytest.approx(2.70469 + 0.0419155 * 10.5 + 0.000368156 * 10.5**2, rel=1e-12)


def test_smooth_is_the_published_one_from_the_first_node_on():
    energies = jnp.geomspace(1e5, 1e7, 9)
    above = jnp.linspace(NODES[0], LARGEST_ZENITH, 31)
    np.testing.assert_allclose(
        on_grid(energies, above, DISTANCES), on_grid(energies, above, DISTANCES, "published"), rtol=1e-12
    )


@pytest.mark.parametrize("energy", [1e5, 1e6, 1e7])
def test_smooth_is_even_flat_at_the_vertical_and_joins_with_its_slope(energy):
    np.testing.assert_array_equal(of_zenith(energy, 0.1), of_zenith(energy, -0.1))
    np.testing.assert_array_equal(slope(energy, 0.0), 0.0)
    below, above = (slope(energy, NODES[0] + side) for side in (-1e-9, 1e-9))
    np.testing.assert_allclose(below, above, rtol=1e-6)
    np.testing.assert_allclose(above, slope(energy, NODES[0], "published"), rtol=1e-6)


def test_near_vertical_change_is_a_fifth_of_the_published_one():
    """Between 0 and 8.125 degrees, where the depth of air changes by 1 %; largest at all energies, 2 m to 2 km."""
    energies, zeniths = jnp.geomspace(1e5, 1e7, 31), jnp.linspace(0.0, NODES[0], 31)
    change = {}
    for mode in MODES:
        values = np.asarray(on_grid(energies, zeniths, jnp.array([2.0, 100.0, 2000.0]), mode))
        change[mode] = np.abs(values - values[:, -1:]).max(axis=(0, 1))
    assert change["published"][0, 0, 1] == pytest.approx(0.85, abs=0.02)
    assert change["smooth"][0, 0, 1] == pytest.approx(0.161, abs=0.005)
    assert (change["smooth"] < 0.25 * change["published"] + 0.002).all()


def test_negative_p0_is_held_at_its_floor():
    """At 1e5 GeV and 50 degrees the cubic is -3428; a hundredth of the cubic in ln p0, in decimal arithmetic."""
    profile = parametrised_profile(jnp.asarray(1e5), jnp.asarray(50.0 * deg))
    assert float(profile.p0[0, 0]) == pytest.approx(4.71360274750, rel=1e-10)
    higher = parametrised_profile(jnp.asarray(1e5), jnp.asarray(50.0 * deg), floor=0.3)
    np.testing.assert_allclose(higher.p0, profile.p0 * np.array([[30.0, 1.0], [1.0, 1.0]]), rtol=1e-12)


def test_hole_of_negative_p0_is_where_it_is_said_to_be():
    """The floor shows as p0 in proportion to `floor`: below 3.1e5 GeV, 43 to 56.7 degrees, gamma electrons only."""
    energies, angles = jnp.linspace(1e5, 1e7, 100), jnp.linspace(0.0, LARGEST_ZENITH, 131)
    every = lambda floor: jax.jit(
        jax.vmap(lambda e: jax.vmap(lambda t: parametrised_profile(e, t, floor=floor).p0)(angles))
    )(energies)
    usual, lower = np.asarray(every(0.01)), np.asarray(every(0.0001))
    hole = usual > 1.5 * lower
    assert not hole[..., 0, 1].any()
    assert not hole[..., 1, :].any()
    where = np.nonzero(hole[..., 0, 0])
    assert np.asarray(energies)[where[0]].max() < 3.1e5
    assert np.asarray(angles)[where[1]].min() > 43.0 * deg
    assert np.asarray(angles)[where[1]].max() < 56.7 * deg
    assert (usual > 0.0).all()


# ln E, zenith, distance: below the first node, at the vertical, in the middle, beyond the last node, in the passage to
# the floor of p0 and on the floor.
SINGULAR = [
    (1.2e5, 5.0, 50.0),
    (1.0e6, 0.0, 100.0),
    (3.0e6, 30.0, 10.0),
    (9.0e6, 63.0, 900.0),
    (3.0e5, 52.5, 60.0),
    (1.5e5, 50.0, 60.0),
]


@pytest.mark.parametrize(("energy", "zenith", "distance"), SINGULAR)
def test_derivatives_against_finite_differences(energy, zenith, distance):
    x = np.array([np.log(energy), zenith * deg, distance])
    steps = np.array([1e-6, 1e-7, 1e-4])
    first, second = derivatives(energy, x[1], distance)
    at = lambda x: (
        log_density(jnp.exp(x[0]), jnp.asarray(x[1]), jnp.asarray(x[2])),
        *derivatives(jnp.exp(x[0]), *x[1:]),
    )
    for k, step in enumerate(steps):
        shift = step * np.eye(3)[k]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ValidityWarning)  # negative zenith angles beside the vertical
            (high, high_slope, _), (low, low_slope, _) = at(x + shift), at(x - shift)
        scale = 1e-6 * (1.0 + np.abs(first).max())
        np.testing.assert_allclose(first[:, k], (high - low) / (2.0 * step), rtol=1e-5, atol=scale)
        scale = 1e-5 * (1.0 + np.abs(second).max())
        np.testing.assert_allclose(second[:, :, k], (high_slope - low_slope) / (2.0 * step), rtol=1e-4, atol=scale)


def test_passage_to_the_floor_is_where_the_derivatives_were_tried():
    """At 3e5 GeV and 52.5 degrees the cubic of p0 is 11.58 (decimal arithmetic), less than two floors."""
    usual, lower = (
        float(parametrised_profile(jnp.asarray(3e5), jnp.asarray(52.5 * deg), floor=floor).p0[0, 0])
        for floor in (0.01, 1e-6)
    )
    assert lower == pytest.approx(11.5793, rel=1e-5)
    assert 2.0 * lower < usual < 40.0 * lower


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_densities_and_derivatives_are_finite_everywhere(dtype):
    energies = jnp.geomspace(1e5, 1e7, 41, dtype=dtype)
    zeniths = jnp.linspace(0.0, LARGEST_ZENITH, 66, dtype=dtype)
    values = on_grid(energies, zeniths, DISTANCES.astype(dtype))
    assert values.dtype == dtype
    assert np.isfinite(np.asarray(values)).all()
    over = lambda function: jax.vmap(
        lambda e: jax.vmap(lambda t: jax.vmap(lambda d: function(e, t, d))(DISTANCES.astype(dtype)))(zeniths)
    )(energies[::4])
    for derivative in jax.jit(over, static_argnums=0)(derivatives):
        assert derivative.dtype == dtype
        assert np.isfinite(np.asarray(derivative)).all()


def test_float32_agrees_with_float64():
    """Densities to 4e-4, worst for the electrons of gamma rays, where the terms of their cubic cancel."""
    energies, zeniths = np.geomspace(1e5, 1e7, 41), np.linspace(0.0, 65.0 * (1.0 - 1e-6), 131) * deg
    exact = on_grid(jnp.asarray(energies), jnp.asarray(zeniths), DISTANCES)
    found = on_grid(*(jnp.asarray(values, jnp.float32) for values in (energies, zeniths, DISTANCES)))
    np.testing.assert_allclose(found, exact, rtol=0.0, atol=4e-4)
    np.testing.assert_allclose(found[:, :, 1], exact[:, :, 1], rtol=0.0, atol=6e-5)


def test_density_is_held_near_the_axis_and_falls_outside():
    profile = parametrised_profile(jnp.asarray(1e6), jnp.asarray(0.3))
    held = profile.log_density(jnp.array([0.0, 1.9, 2.0]))
    np.testing.assert_array_equal(held, held[..., -1:] + jnp.zeros(3))
    slope = jax.vmap(jax.jacfwd(profile.log_density))(jnp.array([0.0, 1.9]))
    np.testing.assert_array_equal(slope, 0.0)
    outside = np.asarray(profile.log_density(jnp.geomspace(2.0, 5000.0, 40)))
    assert (np.diff(outside, axis=-1) < 0.0).all()


def test_gamma_rays_have_fewer_muons():
    """Up to the last node and 1 km, by a factor of 1.9 and more."""
    values = on_grid(jnp.geomspace(1e5, 1e7, 21), jnp.linspace(0.0, NODES[-1], 21), jnp.array([2.0, 50.0, 1000.0]))
    assert (np.asarray(values[..., 0, 1, :] - values[..., 1, 1, :]) < -np.log(1.9)).all()


def test_beyond_the_range_the_nearest_end_counts_in_proportion_to_energy():
    distance = jnp.asarray(100.0)
    traced = jax.jit(log_density)
    for end, beyond in ((1e5, 3e4), (1e7, 5e7)):
        expected = traced(end, 0.3, distance) + np.log(beyond / end)
        np.testing.assert_allclose(traced(beyond, 0.3, distance), expected, rtol=1e-12)
    np.testing.assert_array_equal(traced(1e6, 1.3, distance), traced(1e6, LARGEST_ZENITH, distance))


@pytest.mark.parametrize("mode", MODES)
def test_use_outside_the_range_warns(mode):
    profile = partial(parametrised_profile, near_vertical=mode)
    for energy, zenith in ((0.9e5, 0.3), (1.1e7, 0.3), (1e6, 66.0 * deg), (1e6, -0.1), (float("nan"), 0.3)):
        with pytest.warns(ValidityWarning, match="lateral densities holds for 100000 to 1e\\+07 GeV"):
            profile(jnp.asarray(energy), jnp.asarray(zenith))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        profile(jnp.asarray(1e5), jnp.asarray(0.0))
        profile(jnp.asarray(1e7, jnp.float32), jnp.asarray(LARGEST_ZENITH, jnp.float32))
        jax.jit(profile)(1e4, 0.3)  # traced: no check, no warning


def test_showers_may_be_mapped():
    energies, zeniths = jnp.array([2e5, 1e6, 5e6]), jnp.array([0.0, 0.3, 1.0])
    one = jax.jit(lambda energy, zenith: parametrised_profile(energy, zenith).log_density(DISTANCES))
    many = jax.vmap(one)(energies, zeniths)
    assert many.shape == (3, 2, 2, len(DISTANCES))
    np.testing.assert_allclose(many[1], one(energies[1], zeniths[1]), rtol=1e-12)
