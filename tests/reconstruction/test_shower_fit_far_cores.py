"""The shower fit of far cores and the most inclined showers: none less likely than the truth, or beyond the ends."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.detectors.station_counts import StationCounts
from daedalus.events import Showers, StationSignals, blank_events
from daedalus.geometry.stations import stations_of_tanks
from daedalus.physics.air_showers import ENERGIES, parametrised_profile
from daedalus.physics.shower_signals import arrival_times
from daedalus.reconstruction.shower_fit import ShowerLikelihood, maxima
from daedalus.studies.ground_array.problem import swgo_flux
from daedalus.units import deg

SHOWERS = 64
LINE = 22.1 * np.arange(-2, 3)
STATIONS = stations_of_tanks(jnp.asarray(np.stack(np.meshgrid(LINE, LINE), -1).reshape(-1, 2)))


@pytest.fixture(scope="module")
def found():
    """Fits of gamma rays with far cores: parameters, by how much ln L is below the truth's, gains left."""
    random = np.random.default_rng(1)
    way, turn = random.uniform([300.0, 0.0], [1200.0, 2 * np.pi], (SHOWERS, 2)).T
    sine = np.where(np.arange(SHOWERS) % 4 == 0, np.sin(64.9 * deg), 0.4)
    places = way * np.cos(turn), way * np.sin(turn), sine * np.cos(3 * turn), sine * np.sin(3 * turn)
    energy = random.uniform(2e6, 8e6, SHOWERS)
    given = Showers(jnp.zeros(SHOWERS, jnp.int32), *map(jnp.asarray, (energy, *places)))

    @jax.jit
    def every():
        events = blank_events(jnp.arange(SHOWERS, dtype=jnp.uint32)).add(given)
        counted = StationCounts(STATIONS, parametrised_profile)(events, key=jax.random.key(2))[StationSignals]

        def of_one(counts, times, shower):
            likelihood = ShowerLikelihood(STATIONS, parametrised_profile, counts, times, 0)
            fit, gain = likelihood.maximum(likelihood.approached())
            return fit, likelihood(shower) - likelihood(fit), gain

        return jax.vmap(of_one, (-1, -1, 0))(counted.counts, counted.times, given.parameters)

    return [np.asarray(each) for each in every()]


def test_far_and_inclined_showers_find_the_peak(found):
    _, below, gains = found
    assert np.mean(below > 0.5) < 0.05
    assert np.mean(gains < 0.1) > 0.9


def test_fits_stay_within_the_generated_energies_and_end_there(found):
    """Twice the particles of the largest energy there is: the fit ends at that energy and has nothing to gain."""
    fits, _, _ = found
    low, high = np.log(ENERGIES)
    assert fits[..., 2].min() >= low
    assert fits[..., 2].max() <= high
    shower = jnp.asarray([400.0, -300.0, high - 0.01, 0.2, 0.1, 0.0])

    @jax.jit
    def too_many(primary):
        counts = jnp.round(2.0 * STATIONS.expected(shower, parametrised_profile)[primary])
        times = jnp.broadcast_to(arrival_times(shower, STATIONS.places), counts.shape)
        every = [ShowerLikelihood(STATIONS, parametrised_profile, counts, times, number) for number in (0, 1)]
        of = [each.maximum(each.approached()) for each in every]
        return jnp.stack([place[2] for place, _ in of])[primary], jnp.stack([gain for _, gain in of])[primary]

    for primary in (0, 1):
        energy, gain = too_many(primary)
        assert energy == pytest.approx(high, abs=1e-3)
        assert gain < 0.1


@pytest.mark.slow
def test_where_one_hypothesis_finds_the_core_the_other_one_does_too():
    """A proton of 9.3 PeV amid 128 units, whose own starts all lead to a core 300 m away."""
    with jax.enable_x64(False):
        problem = swgo_flux(128, "random_ball", spacing=180.0, rung="full")
        stations = stations_of_tanks(problem.start.places)

        @jax.jit
        def one():
            pipeline, key = problem.scenario_pipeline(problem.start, 0, 1, key=jax.random.key(2))
            events = pipeline.events(jnp.asarray([215]), 1000, key=key)
            seen = jax.tree.map(lambda leaf: leaf[..., 0], events[StationSignals])
            fits = [ShowerLikelihood(stations, parametrised_profile, seen.counts, seen.times, kind) for kind in (0, 1)]
            places = events[Showers].parameters[0], fits[1].maximum(fits[1].approached())[0], maxima(fits)[1][0]
            return jnp.stack([fits[1](place) for place in places]), events[Showers].primary[0]

        (true, alone, together), primary = map(np.asarray, one())
    assert primary == 1
    assert alone < true - 1000.0
    assert together > true
