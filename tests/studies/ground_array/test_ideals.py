"""The array's ideals: each switches off what it says, shower by shower, and the flux is known no worse for it."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.catalogue import load, offer, resolved
from daedalus.core import scoring_key
from daedalus.events import ShowerEstimates
from daedalus.landscapes import limits

KEY = jax.random.key(9)
NAME = "ground_array/swgo_flux"
OPTIONS = {"units": 12, "start": "hexagonal", "spacing": 150.0}
SHOWERS = 64


@pytest.fixture(scope="module")
def problem():
    return load(NAME, **OPTIONS)


@pytest.fixture(scope="module")
def ideals(problem):
    return resolved(offer(NAME).ideals)(problem)


def estimates(problem):
    """What is expected to be known of some showers."""
    chain, key = problem.scenario_pipeline(problem.start, 0, 1, key=KEY)
    return eqx.filter_jit(lambda own: own.events(jnp.arange(SHOWERS), SHOWERS, key=key))(chain)[ShowerEstimates]


@pytest.fixture(scope="module")
def real(problem):
    """What the real apparatus makes of it."""
    return estimates(problem)


def test_with_exact_times_directions_are_far_better_known(ideals, real):
    found = estimates(ideals["time resolution"])
    bright = np.asarray(real.detected) > 0.5
    assert bright.sum() >= 3
    assert np.all(found.pointing_error[bright] < 0.2 * real.pointing_error[bright])
    np.testing.assert_array_equal(found.detected, real.detected)


def test_without_a_threshold_more_showers_are_detected_and_known_as_before(ideals, real):
    found = estimates(ideals["trigger"])
    assert np.all(found.detected >= real.detected)
    assert np.mean(found.detected) > 2 * np.mean(real.detected)
    np.testing.assert_array_equal(found.statistic, real.statistic)


@pytest.mark.parametrize("rung", ["fisher", "full"])
def test_every_stage_that_knows_the_stations_gets_the_others(rung):
    problem = load(NAME, rung=rung, **OPTIONS)
    ideals = resolved(offer(NAME).ideals)(problem)
    last = {label: each.pipeline(problem.start, key=KEY).stages[1:] for label, each in ideals.items()}
    own = problem.pipeline(problem.start, key=KEY).stages[1:]
    assert {len(stages) for stages in last.values()} == {len(own)} == {1 if rung == "fisher" else 2}
    for number, stage in enumerate(own):
        there = {label: stages[number].stations for label, stages in last.items()}
        np.testing.assert_allclose(
            there["background"].background_counts, 1e-3 * stage.stations.background_counts, rtol=1e-12
        )
        assert there["time resolution"].time_resolution == pytest.approx(0.1)  # [ns]
        assert there["sampling"].area == pytest.approx(16 * stage.stations.area)
        np.testing.assert_array_equal(there["sampling"].places, stage.stations.places)
    assert (own[-1].least, last["trigger"][-1].least) == (50, 1)


@pytest.mark.slow
def test_no_ideal_makes_the_flux_worse(problem):
    bare = dataclasses.replace(problem, metrics=())
    ideals = resolved(offer(NAME).ideals)(bare)
    found = limits(bare, ideals, bare.start, key=scoring_key(KEY), events=256, more_events=1)
    change = found.differences("gamma_flux_error")
    assert np.all(change.value < -3 * change.error)  # each of them limits
    assert found.ranking() == ("sampling", "trigger", "background", "time resolution")
