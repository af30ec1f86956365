"""The shower fit where counts are large: pulls, coverage, and the bounds that the closed form expects.

Left out are cores within 5 m of a unit, where densities stop rising at 2 m and errors are not Gaussian. Limits are four
standard errors of a Gaussian's figures; false alarms of all 26 of them together: 1 in 600.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.detectors.station_counts import StationCounts
from daedalus.events import ShowerEstimates, Showers, StationSignals, blank_events
from daedalus.geometry.stations import stations_of_tanks
from daedalus.gradients.positive_solve import equilibrated_solve
from daedalus.physics.air_showers import parametrised_profile
from daedalus.physics.constants import SPEED_OF_LIGHT
from daedalus.physics.shower_signals import PARAMETERS
from daedalus.reconstruction.expected_shower_estimates import ExpectedShowerEstimates
from daedalus.reconstruction.shower_fit import ShowerLikelihood
from daedalus.reconstruction.shower_hypotheses import STEPS, hypotheses
from daedalus.sources.air_showers import AirShowers

SHOWERS, SIDE, LEAST = 400, 5, 50
LINE = 80.0 * np.arange(SIDE) - 40.0 * (SIDE - 1)
STATIONS = stations_of_tanks(jnp.asarray(np.stack(np.meshgrid(LINE, LINE), -1).reshape(-1, 2)))
SOURCE = AirShowers((6e5, 4e6), zenith=0.6, radius=120.0)
NEAREST = 5.0  # distance of a core from the units [m]
ERRORS = 4.0  # standard ones that a figure may be off
LEVELS = {1.0: 0.6827, 2.0: 0.9545}


@pytest.fixture(scope="module")
def found():
    """Residuals and errors of gamma rays' fits, and the errors expected of them."""

    def of_one(counts, times, shower):
        likelihood = ShowerLikelihood(STATIONS, parametrised_profile, counts, times, 0)
        fit, gain = likelihood.maximum(likelihood.approached())
        there = hypotheses(fit, STATIONS, parametrised_profile)
        expected, slopes = there.counts[0], there.slopes[0]
        information = likelihood.information(expected, slopes, there.times, expected)
        covariance = equilibrated_solve(information, jnp.eye(len(STEPS))) * (STEPS[:, None] * STEPS)
        at_core = lambda place: place[5] - fit[:2] @ place[3:5] / SPEED_OF_LIGHT  # as the information has the time
        return (fit - shower).at[5].set(at_core(fit) - at_core(shower)), covariance, gain

    @jax.jit
    def every():
        events = SOURCE(blank_events(2 * jnp.arange(SHOWERS, dtype=jnp.uint32)), key=jax.random.key(1))
        counted = StationCounts(STATIONS, parametrised_profile)(events, key=jax.random.key(2))[StationSignals]
        fits = jax.vmap(of_one, (-1, -1, 0))(counted.counts, counted.times, events[Showers].parameters)
        stage = ExpectedShowerEstimates(STATIONS, parametrised_profile, LEAST)
        told = stage(events, key=jax.random.key(3))[ShowerEstimates]
        return *fits, told.log_energy_error, told.pointing_error, events[Showers].parameters

    off, covariance, gain, energy, pointing, showers = map(np.asarray, every())
    assert gain.max() < 0.1, "not all fits converged"
    apart = np.linalg.norm(showers[:, None, :2] - np.asarray(STATIONS.places), axis=-1).min(1)
    return [each[apart > NEAREST] for each in (off, covariance, energy, pointing, showers)]


def shares_of_levels(inside):
    """How far shares within one and two errors are from a Gaussian's, in their standard errors."""
    off = lambda which, p: (which.mean() - p) / np.sqrt(p * (1.0 - p) / len(which))
    return [off(inside(n), p) for n, p in LEVELS.items()]


def test_pulls_are_as_wide_as_they_should_be_and_cover(found):
    off, covariance, *_ = found
    pulls = off / np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    for name, pull in zip(PARAMETERS, pulls.T, strict=True):
        assert np.std(pull) == pytest.approx(1.0, abs=ERRORS / np.sqrt(2.0 * len(off))), name
        assert np.mean(pull) == pytest.approx(0.0, abs=ERRORS / np.sqrt(len(off))), name
        assert np.abs(shares_of_levels(lambda n, pull=pull: np.abs(pull) < n)).max() < ERRORS, name


def test_ellipses_of_directions_cover(found):
    off, covariance, *_ = found
    u = off[:, 3:5]
    squares = np.einsum("ei,ei->e", u, np.linalg.solve(covariance[:, 3:5, 3:5], u[..., None])[..., 0])
    inside = lambda n: squares < -2.0 * np.log(1.0 - LEVELS[n])
    assert np.abs(shares_of_levels(inside)).max() < ERRORS


def test_residuals_and_errors_are_those_that_the_closed_form_expects(found):
    """Within 10 % and the statistical error of a root mean square; the fits' own errors within 5 % on average."""
    off, covariance, energy, pointing, showers = found
    up = lambda u: np.sqrt(1.0 - np.sum(u**2, 1))
    true = showers[:, 3:5]
    angle = np.hypot(np.linalg.norm(off[:, 3:5], axis=1), up(true + off[:, 3:5]) - up(true))
    for actual, expected in ((off[:, 2], energy), (angle, pointing)):
        ratio = np.sqrt(np.mean((actual / expected) ** 2))
        assert ratio == pytest.approx(1.0, abs=0.1 + ERRORS / np.sqrt(2.0 * len(off)))
    assert np.mean(np.sqrt(covariance[:, 2, 2])) == pytest.approx(np.mean(energy), rel=0.05)
