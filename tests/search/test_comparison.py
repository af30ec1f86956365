"""Comparisons: incumbents, calls to a target, and measurements with fresh events."""

import jax
import numpy as np
import pytest

from core.toys import OBJECTIVES, Shutter, ruler_problem
from daedalus.core import History, scoring_key
from daedalus.optimisers import Adam, RandomSearch
from daedalus.search.comparison import Course, band, batch_size, course, incumbents
from daedalus.search.facts import findings

PROBLEM = ruler_problem(objectives=OBJECTIVES[:1])


def made_up(value, calls):
    value = np.array(value, float)
    nothing = np.zeros_like(value)
    return Course("m", 0, np.array(calls), value, nothing, nothing, max(calls), 0, 0.0, 0.0, History())


def test_incumbents_are_the_best_so_far_among_sound_rows():
    loss = np.array([5.0, np.inf, 3.0, 1.0, 4.0, 2.0, 0.5, 0.1])
    status = np.array(["ok", "failed", "ok", "infeasible", "ok", "ok", "ok", "ok"])
    history = History({"loss": loss, "status": status})
    assert incumbents(history, 8).tolist() == [0, 2, 5, 6, 7]
    assert incumbents(history, 6).tolist() == [0, 2, 5]


def test_a_course_is_a_staircase():
    run = made_up([5.0, 3.0, 3.5, 1.0], [1, 4, 6, 9])
    np.testing.assert_array_equal(run.at(np.array([0, 1, 3, 4, 7, 20])), [np.nan, 5, 5, 3, 3.5, 1])
    assert run.calls_to(5.0) == 1
    assert run.calls_to(3.2) == 9  # at 4 it was below, by luck only: the next incumbent was not
    assert run.calls_to(0.5) == np.inf


def test_bands_are_median_and_extremes_over_seeds():
    runs = [made_up([v], [1]) for v in (1.0, 5.0, 2.0)]
    np.testing.assert_array_equal(band(runs, np.array([3])), [[2.0], [1.0], [5.0]])


@pytest.mark.parametrize("optimiser", [RandomSearch(batch=5), Adam(starts=2)], ids=["random", "adam"])
def test_a_search_keeps_to_its_budget_and_its_incumbents_are_measured_again(optimiser):
    run = course(PROBLEM, "m", optimiser, seed=3, calls=21, events=50, scoring_scenarios=2)
    assert run.made == 21 - 21 % batch_size(PROBLEM, optimiser)
    assert run.calls[0] == 1
    assert (np.diff(run.claimed) < 0).all()
    last, key = run.history.design(PROBLEM, int(run.calls[-1]) - 1), scoring_key(jax.random.key(0), 1)
    again = PROBLEM.evaluate(last, key=key, events=50, scenarios=2)
    assert run.value[-1] == float(again.loss)
    assert run.value[-1] != run.claimed[-1]
    assert run.particles == run.made * 50 * 2


def test_facts_are_measured():
    found = findings(PROBLEM, key=jax.random.key(1), events=400)
    assert found.gradients == "exact"
    assert 0 < found.noise < 1
    assert found.seconds > 0
    assert found.gradient_seconds > 0


def test_a_stage_without_derivative_is_a_fact():
    def chain(design, truth):
        pipeline = PROBLEM.build(design, truth)
        return type(pipeline)((*pipeline.stages, Shutter(design.centre + 2)), pipeline.passes)

    found = findings(ruler_problem(build=chain, objectives=OBJECTIVES[:1]), key=jax.random.key(1), events=50)
    assert found.gradients == "none"
    assert np.isnan(found.gradient_seconds)
