"""Limits and contributions: what is switched off is what goes away, and parts add up to the loss."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.core import Objective, Scenarios
from daedalus.landscapes import LandscapeError, contributions, limits
from daedalus.studies.test_functions.valley import rosenbrock_10
from landscapes.trials import NOISE, sizes, task

KEY = jax.random.key(6)


class Truth(eqx.Module):
    """What differs between scenarios."""

    size: jax.Array
    pair: jax.Array


def noisy(noise=NOISE, worth=(1.0, 4.0)):
    """The loss is the squared deviation of the reading from what it should be: all of it is noise."""
    problem = task(noise, worth=worth)
    exact = lambda design: jnp.sum(jnp.array(worth) / (100 * design.x))
    square = lambda design, sums, truths: 64 * (sums.mean(sums["reading"] / sums.accepted) - exact(design)) ** 2
    return dataclasses.replace(problem, objectives=(Objective("error", square),))


def scattered(count):
    """Scenarios whose loss is their size squared; without a reading the scenario is empty."""
    problem = task(0.0)
    draw = lambda key, index, count: Truth(jnp.asarray(index, float), jnp.zeros(2))
    loss = lambda design, sums, truths: sums.mean(truths.size**2)
    return dataclasses.replace(
        problem, objectives=(Objective("square", loss),), metrics=(), scenarios=Scenarios(draw, count)
    )


def test_what_limits_is_what_goes_away_when_it_is_switched_off():
    # variance of one event 0.09 (1 + 16): the first term's noise is a seventeenth, the second's the rest
    variants = {"first": noisy(worth=(0.0, 4.0)), "second": noisy(worth=(1.0, 0.0)), "nothing": noisy()}
    found = limits(noisy(), variants, sizes(1.0, 1.0), key=KEY, keys=48, more_events=4)
    whole = NOISE**2 * 17
    assert found.labels == ("first", "second", "nothing", "statistics")
    change = found.differences()
    expected = -whole * np.array([1 / 17, 16 / 17, 0.0, 3 / 4])
    assert np.all(np.abs(change.value - expected) < 4 * change.error + 1e-12)
    assert found.ranking()[:2] in (("second", "statistics"), ("statistics", "second"))
    assert (change.value[2], change.error[2]) == (0.0, 0.0)  # common random numbers
    assert found.shares()[1] == pytest.approx(16 / 17, abs=0.1)
    assert found.ranking(direction=-1.0)[-1] == found.ranking()[0]


def test_statistics_can_be_left_out_and_strange_variants_are_refused():
    found = limits(noisy(), {"noise": noisy(0.0)}, sizes(1.0, 1.0), key=KEY, keys=2, events=16, more_events=1)
    assert found.labels == ("noise",)
    with pytest.raises(LandscapeError, match="the variant statistics"):
        limits(noisy(), {"statistics": noisy()}, sizes(1.0, 1.0), key=KEY)
    with pytest.raises(LandscapeError, match="other parameters"):
        limits(noisy(), {"valley": rosenbrock_10()}, sizes(1.0, 1.0), key=KEY)


def test_contributions_of_a_mean_are_its_terms():
    found = contributions(scattered(6), sizes(1.0, 1.0), key=KEY, events=4)
    np.testing.assert_allclose(found.value, np.arange(6.0) ** 2)
    assert found.loss == pytest.approx(55 / 6)
    assert found.mean == pytest.approx(found.loss)
    assert list(found.truths) == ["size"]  # not the pair, which is no number
    binned = found.by("size", bins=3)
    np.testing.assert_allclose(binned.value, [0.5, 6.5, 20.5])
    np.testing.assert_allclose(binned.upper, [1.0, 3.0, 5.0])
    assert binned.count.tolist() == [2, 2, 2]
    np.testing.assert_allclose(binned.error[0], 0.5)


def test_their_error_is_that_of_the_evaluation():
    problem = scattered(6)
    found = contributions(problem, sizes(1.0, 1.0), key=KEY, events=4)
    assert found.error == pytest.approx(float(problem.evaluate(sizes(1.0, 1.0), key=KEY, events=4).loss_error))


def test_a_problem_of_one_scenario_is_cut_into_groups_of_events():
    found = contributions(task(), sizes(1.0, 1.0), key=KEY, scenarios=40)
    assert found.truths == {}
    assert found.mean == pytest.approx(5.0, abs=4 * found.error)
    assert np.std(found.value) == pytest.approx(NOISE * np.hypot(1, 4) / 8, rel=0.4)
    with pytest.raises(LandscapeError, match="told apart by no number"):
        found.by("size")
    with pytest.raises(LandscapeError, match="1 scenarios"):
        contributions(task(), sizes(1.0, 1.0), key=KEY, scenarios=1)
