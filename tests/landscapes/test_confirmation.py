"""Confirmations: the winner's curse is seen and has the size of the expected order statistic; copies count once."""

import jax
import numpy as np
import pytest

from daedalus.core import History
from daedalus.landscapes import LandscapeError, best_rows, confirm
from daedalus.optimisers import optimiser
from daedalus.search import optimise
from landscapes.trials import EVENTS, NOISE, Alike, sizes, task

KEY = jax.random.key(4)
PROBLEM = task()
ROWS = 100
NORMALS = np.random.default_rng(0).normal(size=(100_000, ROWS))


def history(losses, places, status=None):
    """A history of given losses at given places [cm]."""
    places = np.asarray(places, float)
    return History(
        {
            "row": np.arange(len(losses)),
            "status": np.array(["ok"] * len(losses) if status is None else status),
            "x[0] [cm]": places[:, 0],
            "x[1] [cm]": places[:, 1],
            "loss": np.asarray(losses, float),
            "loss_error": np.full(len(losses), 0.1),
        }
    )


def test_the_best_of_equal_designs_claims_too_little_by_the_expected_order_statistic():
    sigma = NOISE * np.hypot(1.0, 4.0) / np.sqrt(EVENTS)
    expected = -np.mean(np.min(NORMALS, 1)) * sigma  # 2.51 standard deviations of a hundred rows
    curses = []
    for number in range(12):
        keys = jax.random.split(jax.random.fold_in(KEY, number), ROWS)
        losses = [float(PROBLEM.evaluate(PROBLEM.start, key=key).loss) for key in keys]
        places = 1.0 + 1e-6 * np.arange(ROWS)[:, None] * [1, 1]  # the same design but for rounding
        found = confirm(PROBLEM, history(losses, places), key=jax.random.fold_in(KEY, 1000 + number), k=3)
        assert len(found.rows) == 1
        assert found.claimed[0] == min(losses)
        curses.append(found.curse[0][0])
    # the least of a hundred scatters by 0.43 sigma, the mean of eight fresh ones by 0.35
    assert np.mean(curses) == pytest.approx(expected, abs=4 * 0.56 * sigma / np.sqrt(12))
    assert np.mean(curses) > 1.8 * sigma


def test_a_confirmation_tells_who_is_best():
    rows = history([4.0, 4.5, 4.6, 9.0], [[1, 1], [1, 2], [2, 2], [1, 1.5]])
    found = confirm(PROBLEM, rows, key=KEY, k=3, keys=12)
    assert found.rows.tolist() == [0, 1, 2]
    assert found.best == 2
    np.testing.assert_allclose(found.comparison.mean(), [5.0, 3.0, 2.5], atol=0.25)
    assert found.behind.value[2] == 0.0
    assert np.all(found.behind.value[:2] > 2 * found.behind.error[:2])
    assert found.probability[2] > 0.95
    np.testing.assert_array_equal(found.again, found.comparison.mean())  # nothing was relaxed
    assert found.comparison.labels == ("row 0", "row 1", "row 2")


def test_only_feasible_sound_rows_count_and_exchanged_parts_are_one_design():
    losses, status = [1.0, 2.0, 2.1, 3.0, np.inf, 4.0], ["infeasible", "ok", "ok", "ok", "ok", "failed"]
    places = [[1, 1], [2, 3], [3, 2], [4, 1], [1, 1], [1, 1]]
    rows = history(losses, places, status)
    assert best_rows(PROBLEM, rows, k=5).tolist() == [1, 2, 3]
    assert best_rows(task(kind=Alike), rows, k=5).tolist() == [1, 3]
    assert best_rows(PROBLEM, rows, k=2).tolist() == [1, 2]
    assert best_rows(PROBLEM, rows, k=5, close=0.5).tolist() == [1]  # of a range of 4.8 cm
    with pytest.raises(LandscapeError, match="0 sound rows"):
        best_rows(PROBLEM, history([1.0], [[1, 1]], ["infeasible"]), k=1)


def test_given_designs_have_no_claims():
    found = confirm(PROBLEM, [sizes(1.0, 1.0), sizes(2.0, 2.0)], key=KEY, keys=4)
    assert np.isnan(found.claimed).all()
    assert found.best == 1


def test_rows_of_a_search_with_gradients_are_measured_as_relaxed_as_they_were_claimed():
    rows = optimise(PROBLEM, optimiser("adam"), key=KEY, rounds=3)
    found = confirm(PROBLEM, rows, key=KEY, k=2, keys=3)
    np.testing.assert_allclose(found.again, found.comparison.mean())  # this apparatus has nothing to relax
    assert found.curse[1].shape == (2,)
