"""What a unit expects of a shower: geometry against vectors in space, counts by hand, derivatives, symmetries."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.events import Showers
from daedalus.physics.air_showers import parametrised_profile
from daedalus.physics.constants import SPEED_OF_LIGHT
from daedalus.physics.nkg import nkg_profile
from daedalus.physics.shower_signals import PARAMETERS, arrival_times, axis_distance, expected_counts, zenith_angle
from daedalus.units import deg

MODELS = {"parametrised": parametrised_profile, "nkg": nkg_profile}
AREA = 217.7  # m2
BACKGROUND = jnp.array([5.6e-3, 5.1e-2])
PLACES = jnp.asarray(np.random.default_rng(1).normal(0.0, 150.0, (9, 2)))
ANGLES = [(0.0, 0.0), (20.0, 40.0), (50.0, 200.0), (65.0, 300.0)]  # zenith and azimuth [deg]


def shower(zenith, azimuth, *, x=30.0, y=-45.0, energy=1.2e6):
    """The parameters of a shower whose front passes the core at time zero; angles in degrees."""
    ux, uy = (np.sin(zenith * deg) * f(azimuth * deg) for f in (np.cos, np.sin))
    (parameters,) = Showers(
        jnp.zeros(1, int), *(jnp.atleast_1d(jnp.asarray(v)) for v in (energy, x, y, ux, uy))
    ).parameters
    return parameters


def axis(parameters):
    """The unit vector along the axis, upwards."""
    ux, uy = np.asarray(parameters[3:5])
    return np.array([ux, uy, np.sqrt(1.0 - ux**2 - uy**2)])


def from_core(parameters, places=PLACES):
    """Vectors in space from the core to the units."""
    return np.concatenate([np.asarray(places) - np.asarray(parameters[:2]), np.zeros((len(places), 1))], 1)


def counts(parameters, places=PLACES, model="parametrised"):
    return expected_counts(parameters, places, MODELS[model], AREA, BACKGROUND)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("primary", [0, 1])
def test_one_hypothesis_is_that_of_both(model, primary):
    parameters = shower(*ANGLES[1])
    of_one = lambda number: expected_counts(parameters, PLACES, MODELS[model], AREA, BACKGROUND, primary=number)
    both = counts(parameters, model=model)
    np.testing.assert_allclose(of_one(primary), both[primary], rtol=1e-14)
    np.testing.assert_allclose(jax.jit(of_one)(primary), both[primary], rtol=1e-13)


def moved(parameters, places, turn=0.0, shift=(0.0, 0.0)):
    """A shower and the units, turned about the origin and then shifted together."""
    matrix = jnp.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    shift = jnp.asarray(shift)
    core, u = matrix @ parameters[:2] + shift, matrix @ parameters[3:5]
    time = parameters[5] + shift @ u / SPEED_OF_LIGHT  # at the origin, which does not move along
    return jnp.concatenate([core, parameters[2:3], u, time[None]]), places @ matrix.T + shift


@pytest.mark.parametrize(("zenith", "azimuth"), ANGLES)
def test_distance_is_that_of_the_cross_product(zenith, azimuth):
    parameters = shower(zenith, azimuth)
    expected = np.linalg.norm(np.cross(from_core(parameters), axis(parameters)), axis=1)
    np.testing.assert_allclose(axis_distance(parameters, PLACES), expected, rtol=1e-10)


@pytest.mark.parametrize(("zenith", "azimuth"), ANGLES)
def test_the_front_is_a_plane_that_moves_at_the_speed_of_light(zenith, azimuth):
    """At its arrival at a unit the front lies there: what it has moved along the axis since it passed the core."""
    parameters = shower(zenith, azimuth)
    behind = -SPEED_OF_LIGHT * np.asarray(arrival_times(parameters, PLACES))
    np.testing.assert_allclose(behind, from_core(parameters) @ axis(parameters), atol=1e-10)


def test_units_on_the_side_the_shower_comes_from_see_it_first():
    parameters = shower(30.0, 0.0, x=0.0, y=0.0)
    east, core, west = arrival_times(parameters, jnp.array([[100.0, 7.0], [0.0, 0.0], [-100.0, 7.0]]))
    assert float(core) == pytest.approx(0.0, abs=1e-12)
    assert float(west) == pytest.approx(100.0 * 0.5 / 0.299792458, rel=1e-12)
    assert float(east) == pytest.approx(-float(west), rel=1e-12)


def test_zenith_angles():
    for angle in (0.0, 1.0, 8.0, 33.0, 65.0, 89.0):
        assert float(zenith_angle(shower(angle, 123.0))) == pytest.approx(angle * deg, abs=1.1e-6)


def test_counts_by_hand():
    """1 PeV, 28 degrees, 100 m from the axis: densities are the printed formulas in 50-digit arithmetic."""
    density = np.array([[8.43339093906, 2.65431430551e-3], [5.66289575844, 4.35219024889e-2]])
    expected = AREA * density * np.cos(28 * deg) + np.asarray(BACKGROUND)
    parameters = shower(28.0, 0.0, x=10.0, y=-20.0, energy=1e6)
    across, along = (10.0, 80.0), (10.0 + 100.0 / np.cos(28 * deg), -20.0)  # both 100 m from the axis
    for place in (across, along):
        found = counts(parameters, jnp.array([place]))[..., 0]
        np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_far_away_only_the_background_is_left():
    far = counts(shower(20.0, 0.0), jnp.array([[1e6, 0.0]]), "nkg")[..., 0]
    np.testing.assert_allclose(far, jnp.broadcast_to(BACKGROUND, (2, 2)), rtol=1e-6)


def test_background_and_area_enter_linearly():
    parameters = shower(20.0, 40.0)
    twice = expected_counts(parameters, PLACES, parametrised_profile, 2 * AREA, 2 * BACKGROUND)
    np.testing.assert_allclose(twice, 2 * counts(parameters), rtol=1e-12)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("zenith", "azimuth"), ANGLES)
def test_everything_may_be_moved_and_turned_together(zenith, azimuth, model):
    parameters = shower(zenith, azimuth)
    for change in ({"shift": (800.0, -310.0)}, {"turn": 2.3}, {"turn": -1.0, "shift": (-5.0, 2000.0)}):
        other, places = moved(parameters, PLACES, **change)
        np.testing.assert_allclose(counts(other, places, model), counts(parameters, model=model), rtol=1e-9)
        np.testing.assert_allclose(arrival_times(other, places), arrival_times(parameters, PLACES), atol=1e-9)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("zenith", "azimuth"), [(4.0, 70.0), (20.0, 40.0), (50.0, 200.0)])
def test_derivatives_equal_finite_differences(zenith, azimuth, model):
    parameters = shower(zenith, azimuth)

    @jax.jit
    def signals(given, places):
        """Ln of all counts, and times in resolutions."""
        return jnp.concatenate(
            [jnp.log(counts(given, places, model)).reshape(4, -1), arrival_times(given, places)[None] / 10]
        )

    by_shower, by_places = jax.jit(jax.jacfwd(signals, argnums=(0, 1)))(parameters, PLACES)
    for axis_number, name in enumerate(PARAMETERS):
        step = {"x": 1e-2, "y": 1e-2, "log_energy": 1e-4, "ux": 1e-5, "uy": 1e-5, "time": 1.0}[name]
        up, down = (signals(parameters.at[axis_number].add(s), PLACES) for s in (step, -step))
        np.testing.assert_allclose(by_shower[..., axis_number], (up - down) / (2 * step), rtol=1e-5, atol=1e-7)
    for unit, side in np.ndindex(PLACES.shape):
        up, down = (signals(parameters, PLACES.at[unit, side].add(s)) for s in (1e-2, -1e-2))
        np.testing.assert_allclose(by_places[..., unit, side], (up - down) / 2e-2, rtol=1e-5, atol=1e-9)


@partial(jax.jit, static_argnums=2)
def with_derivatives(parameters, places, model):
    """Counts, their derivatives by the shower and by the places, and those of a sum of them, backwards."""
    function = lambda p, u: expected_counts(p, u, MODELS[model], AREA, jnp.asarray(BACKGROUND, p.dtype))
    total = lambda u: jnp.sum(jnp.log(function(parameters, u)))
    return (
        function(parameters, places),
        jax.jacfwd(function, argnums=(0, 1))(parameters, places),
        jax.grad(total)(places),
    )


@pytest.mark.parametrize("double", [True, False])
@pytest.mark.parametrize("zenith", [0.0, 40.0])
@pytest.mark.parametrize("model", MODELS)
def test_the_core_and_the_vertical_are_no_singular_points(model, zenith, double):
    with jax.enable_x64(double):
        given = jnp.asarray(shower(zenith, 25.0), jnp.result_type(float))
        places = jnp.stack([given[:2], given[:2] + jnp.asarray([1.0, 0.0]), given[:2] + jnp.asarray([40.0, 0.0])])
        value, slopes, backwards = with_derivatives(given, places, model)
        assert value.dtype == given.dtype
        assert bool(jnp.all(value > 0))
        assert all(bool(jnp.all(jnp.isfinite(leaf))) for leaf in (value, *slopes, backwards))
        assert bool(jnp.all(slopes[1][..., 0, 0, :] == 0))  # within 2 m the density is held
        assert bool(jnp.all(slopes[1][..., 2, 2, 0] < 0))  # counts fall away from the axis
        if zenith == 0.0:
            # even in the direction at the vertical, where every unit is as far from the axis to first order
            np.testing.assert_allclose(np.asarray(slopes[0][..., 3:5]) / np.asarray(value)[..., None], 0.0, atol=1e-4)


def test_times_do_not_depend_on_core_or_energy():
    slopes = jax.jacfwd(arrival_times)(shower(35.0, 10.0), PLACES)
    np.testing.assert_array_equal(slopes[:, :3], 0.0)
    np.testing.assert_allclose(slopes[:, 3:5], -np.asarray(PLACES) / SPEED_OF_LIGHT, rtol=1e-12)
    np.testing.assert_array_equal(slopes[:, 5], 1.0)
