"""Measurements: candidates of a search, judged on events that it has not seen."""

import jax
import numpy as np
import pytest

from daedalus.core import History, scoring_key
from daedalus.errors import RunError
from daedalus.execution import candidates, measurement, optimised, result


def rows(losses, starts, status="ok"):
    count = len(losses)
    return History(
        {
            "row": np.arange(count),
            "round": np.arange(count),
            "start": np.array(starts),
            "status": np.array([status] * count),
            "loss": np.array(losses, float),
        }
    )


def test_candidates_are_the_best_row_and_the_last_of_every_start():
    assert candidates(rows([5, 1, 3, 4], [0, 1, 0, 1])) == [1, 2, 3]
    assert candidates(rows([5, 4, 3, np.nan], [0, 1, 0, 1])) == [2, 1]
    assert len(candidates(rows(range(40), range(40)))) == 8
    assert candidates(rows([2, 1], [0, 0], status="infeasible")) == [1]
    with pytest.raises(RunError, match="finite loss"):
        candidates(rows([1], [0], status="failed"))


def test_measurements_are_in_display_units_and_repeat(dartboard):
    problem = dartboard.problem(spread=0.2)
    key = scoring_key(jax.random.key(0))
    found = measurement(problem, problem.references["pub"], key=key, events=400, scenarios=32)
    assert found == measurement(problem, problem.references["pub"], key=key, events=400, scenarios=32)
    # mean squared distance from the centre: 2 (0.2^2 + 0.05^2) m2, in cm2
    assert abs(found.values["distance2"] - 850) < 4 * found.errors["distance2"]
    assert found.values["price"] == pytest.approx(100 * 0.225**2)
    assert (found.status, found.accepted, found.empty) == ("ok", 400, 0)


def test_the_result_is_measured_on_events_that_the_choice_has_not_seen(recorded):
    problem, _, history = recorded
    key = jax.random.key(3)
    design, found = result(problem, history, problem.start, key=key, events=30, scenarios=8)
    row, same, chosen = optimised(problem, history, key=scoring_key(key, 0), events=30, scenarios=8)
    assert found["row"] == row
    assert chosen[row].loss == min(each.loss for each in chosen.values())
    assert list(found["designs"]) == ["start", "optimised", "pub"]
    assert found["designs"]["optimised"]["values"]["distance2"] != chosen[row].values["distance2"]
    assert found["designs"]["optimised"]["loss"] < found["designs"]["start"]["loss"]
    np.testing.assert_array_equal(problem.space.values(design), problem.space.values(same))
    assert found["figures"]["distance2"] == {
        "unit": "cm2", "kind": "objective", "sense": "minimise", "doc": "mean squared distance of darts"
    }  # fmt: skip
