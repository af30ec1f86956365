"""The ladle's ideals: each switches off what it says, muon by muon, and nobody knows the level worse for it."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.catalogue import load, offer, resolved
from daedalus.core import scoring_key
from daedalus.events import Hits, Momenta, Particles
from daedalus.landscapes import limits
from daedalus.transport.multiple_scattering import MultipleScattering
from daedalus.units import mm

KEY = jax.random.key(7)
NAME = "muon_tomography/ladle_fill_level"
MUONS = 200


@pytest.fixture(scope="module")
def problem():
    return load(NAME, tail_fraction=0.1, estimator="likelihood")


@pytest.fixture(scope="module")
def ideals(problem):
    return resolved(offer(NAME).ideals)(problem)


def human(problem):
    return problem.references["human_1"]


def passed(problem):
    """The muons of a scan after the first three stages: source, spectrometer and upper panels."""
    chain, key = problem.scenario_pipeline(human(problem), 0, 1, key=KEY)
    first = dataclasses.replace(chain, stages=chain.stages[:3])
    return eqx.filter_jit(lambda own: own.events(jnp.arange(MUONS), MUONS, key=key))(first)


@pytest.fixture(scope="module")
def real(problem):
    """What the real apparatus makes of it."""
    return passed(problem)


def test_the_offer_names_them(ideals):
    effects = {"panel resolution", "panel efficiency", "acceptance", "momentum resolution", "scattering tail"}
    assert set(ideals) == effects
    assert offer("muon_tomography/walls").ideals == ""


def test_hits_become_exact_and_are_known_to_be(ideals, real):
    ideal = passed(ideals["panel resolution"])
    before, after = real[Hits, "upper"], ideal[Hits, "upper"]
    true, _ = real[Particles].at_z(before.z[:, None])
    assert np.std(before.x - true) == pytest.approx(0.1 * mm, rel=0.1)
    assert np.std(after.x - true) == pytest.approx(0.001 * mm, rel=0.1)
    np.testing.assert_allclose(after.sigma, 0.01 * before.sigma)
    np.testing.assert_array_equal(after.recorded, before.recorded)  # common random numbers


def test_every_crossed_panel_records_a_hit(ideals, real):
    before, after = real[Hits, "upper"].recorded, passed(ideals["panel efficiency"])[Hits, "upper"].recorded
    assert np.all(after | ~before)
    assert np.sum(before) / np.sum(after) == pytest.approx(0.9, abs=0.05)


def test_no_panel_is_missed_but_nine_of_ten_hits_are_recorded(ideals, real):
    before, after = real[Hits, "upper"].recorded, passed(ideals["acceptance"])[Hits, "upper"].recorded
    assert np.all(after | ~before)
    assert np.mean(after) == pytest.approx(0.9, abs=0.04)
    assert np.mean(before) < 0.8


def test_momenta_become_exact(ideals, real):
    momentum = real[Particles].momentum
    assert np.std(real[Momenta].value / momentum - 1) == pytest.approx(0.1, rel=0.2)
    np.testing.assert_array_equal(passed(ideals["momentum resolution"])[Momenta].value, momentum)


def test_the_tail_is_gone(problem, ideals):
    tails = [
        [s.tail_fraction for s in each.pipeline(human(each), key=KEY).stages if isinstance(s, MultipleScattering)]
        for each in (problem, ideals["scattering tail"])
    ]
    assert tails == [[0.1], [0.0]]


@pytest.mark.slow
def test_no_ideal_makes_the_likelihood_worse_and_acceptance_limits_most(problem):
    bare = dataclasses.replace(problem, metrics=())
    ideals, ask = resolved(offer(NAME).ideals)(bare), {"events": 256, "scenarios": 16}
    found = limits(bare, ideals, human(bare), key=scoring_key(KEY), **ask)
    change = found.differences()
    assert np.all(change.value < 3 * change.error)
    certain = {label for label, value, error in zip(found.labels, change.value, change.error) if value < -3 * error}
    assert {"acceptance", "panel resolution", "panel efficiency", "statistics"} <= certain
    assert set(found.ranking()[:2]) == {"acceptance", "statistics"}
