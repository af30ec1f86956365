"""The shower fit: the derivative of its statistic at given counts, where the fits have converged."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.detectors.station_counts import StationCounts
from daedalus.events import ShowerEstimates, blank_events
from daedalus.geometry.stations import stations_of_tanks
from daedalus.physics.nkg import nkg_profile
from daedalus.reconstruction.shower_fit import ShowerFit
from daedalus.sources.air_showers import AirShowers

UNITS, EVENTS = 12, 24
PLACES = jnp.asarray(np.random.default_rng(2).uniform(-250.0, 250.0, (UNITS, 2)))


@pytest.mark.slow
def test_the_statistic_has_the_derivative_of_a_new_fit_at_given_counts():
    """A unit moved under its counts and times: what a new fit finds, against the partial derivative at the old one."""
    blank, source = blank_events(jnp.arange(EVENTS, dtype=jnp.uint32)), AirShowers((1e6, 1e7), zenith=0.6, radius=100.0)
    showers = source(blank, key=jax.random.key(1))
    counted = StationCounts(stations_of_tanks(PLACES), nkg_profile)(showers, key=jax.random.key(2))

    def fitted(places):  # sound where ln L would gain less than 1e-9
        fit = ShowerFit(stations_of_tanks(places), nkg_profile, tolerance=1e-9)
        return fit(counted, key=jax.random.key(3))[ShowerEstimates]

    both = jax.jit(lambda places, way: jax.jvp(lambda at: fitted(at).statistic, (places,), (way,)))
    sound = np.asarray(jax.jit(lambda: fitted(PLACES).sound)()) > 0
    assert sound.sum() > EVENTS / 2
    for way in jnp.eye(2 * UNITS).reshape(-1, UNITS, 2)[::3]:
        up, down = (both(PLACES + step * way, way)[0] for step in (0.05, -0.05))
        expected, derivative = np.asarray((up - down) / 0.1), np.asarray(both(PLACES, way)[1])
        # a new fit may fall onto another peak: rarely, and then by far
        close = np.abs(derivative - expected) < 1e-4 * np.abs(expected) + 1e-4 * np.abs(expected[sound]).max()
        assert close[sound].mean() > 0.9
        assert np.median(np.abs(derivative - expected)[sound]) < 1e-5 * np.median(np.abs(expected[sound]))
