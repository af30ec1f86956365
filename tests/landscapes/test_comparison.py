"""Comparisons: pairing cancels what is common, errors cover, and the better design is called so as often as it is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.core import History
from daedalus.landscapes import Comparison, LandscapeError, compare, compare_runs
from daedalus.optimisers import optimiser
from daedalus.search import optimise
from landscapes.trials import NOISE, sizes, task

KEY = jax.random.key(11)
DESIGNS = {"small": sizes(1.0, 1.0), "near": sizes(1.0, 1.05), "large": sizes(2.0, 2.0)}
EXPECTED = np.array([5.0, 1.0 + 4.0 / 1.05, 2.5])
FOUND = compare(task(), DESIGNS, key=KEY, keys=16)


def repeated(experiments, keys, figures=1, seed=0):
    """Comparisons of two designs with means 0 and 1 and correlated noise."""
    common, own = np.random.default_rng(seed).normal(size=(2, experiments, keys, 2))
    return [Comparison(("a", "b"), {"loss": "1"}, {"loss": c[:, :1] + 0.5 * o + [0, 1]}) for c, o in zip(common, own)]


def test_means_are_those_of_the_formula_and_errors_those_of_the_noise():
    expected = NOISE * np.hypot(1.0, 4.0) / np.sqrt(64 * 16)  # of the first design
    assert FOUND.error()[0] == pytest.approx(expected, rel=0.6)  # known to 18 %, three times over
    assert np.all(np.abs(FOUND.mean("blur") - EXPECTED) < 4 * FOUND.error("blur"))
    np.testing.assert_allclose(FOUND.mean("cost"), [2.0, 2.05, 4.0])
    assert FOUND.units == {"loss": "1", "blur": "1", "cost": "kEUR"}
    assert FOUND.missing.tolist() == [0, 0, 0]


def test_pairing_cancels_what_designs_have_in_common():
    found = FOUND.differences()
    assert np.all(np.abs(found.value - (EXPECTED - 5.0)) < 4 * found.error + 1e-12)
    assert found.error[0] == 0.0
    unpaired = np.hypot(FOUND.error()[0], FOUND.error()[1])
    # the second term's noise alone, and of that the 1 - 1 / 1.05 by which it differs
    assert found.error[1] == pytest.approx(4 * NOISE * (1 - 1 / 1.05) / 32, rel=0.6)
    assert found.error[1] < 0.1 * unpaired
    other = FOUND.differences(to="large")
    np.testing.assert_allclose(other.value, found.value - found.value[2])


@pytest.mark.parametrize("keys", [4, 8])
def test_intervals_of_paired_differences_cover_as_they_say(keys):
    every = repeated(2000, keys)
    inside = [low <= 1.0 <= high for low, high in (c.differences().interval(0.9)[:, 1] for c in every)]
    assert np.mean(inside) == pytest.approx(0.9, abs=0.027)  # four standard deviations of 2000 experiments
    pulls = [(d.value[1] - 1.0) / d.error[1] for d in (c.differences() for c in every)]
    student = np.sqrt((keys - 1) / (keys - 3)) if keys > 5 else None
    assert student is None or np.std(pulls) == pytest.approx(student, rel=0.1)


def test_a_design_is_called_the_best_as_often_as_the_paired_test_says():
    for number, one in enumerate(repeated(4, 8, seed=3)):
        found = one.probability_best(key=jax.random.fold_in(KEY, number), draws=20_000)
        difference = one.differences()
        from scipy.stats import t

        expected = t.cdf(difference.value[1] / difference.error[1], 7)
        assert found[0] == pytest.approx(expected, abs=0.015)
        assert np.sum(found) == pytest.approx(1.0)


def test_equal_designs_share_the_probability():
    same = Comparison(("a", "b"), {"loss": "1"}, {"loss": np.array([[1.0, 1.0], [2.0, 2.0]])})
    np.testing.assert_allclose(same.probability_best(key=KEY), [0.5, 0.5])


def test_failed_measurements_are_left_out_pair_by_pair_and_counted():
    loss = np.array([[1.0, 2.0], [np.inf, 2.5], [1.2, np.nan], [1.4, 2.4]])
    found = Comparison(("a", "b"), {"loss": "1"}, {"loss": loss})
    assert found.missing.tolist() == [1, 1]
    assert found.differences().pairs.tolist() == [3, 2]
    assert found.differences().value[1] == pytest.approx(1.0)


def test_runs_are_compared_with_references():
    problem = task()
    problem.references["middle"] = sizes(1.5, 1.5)
    histories = {
        name: optimise(problem, optimiser("random"), key=jax.random.fold_in(KEY, number), rounds=1 + 3 * number)
        for number, name in enumerate(["short", "long"])
    }
    assert all(isinstance(each, History) for each in histories.values())
    found = compare_runs(problem, histories, key=KEY, keys=4)
    assert found.labels == ("short", "long", "middle")
    row = histories["long"].design(problem, histories["long"].best_row())
    expected = 1 / (100 * row.x[0]) + 4 / (100 * row.x[1])
    assert found.mean()[1] == pytest.approx(float(expected), rel=0.1)
    with pytest.raises(LandscapeError, match="rename the runs"):
        compare_runs(problem, {"middle": histories["long"]}, key=KEY)


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(LandscapeError, match="at least two keys"):
        compare(task(), DESIGNS, key=KEY, keys=1)
    with pytest.raises(LandscapeError, match="no figure is called 'price'"):
        FOUND.mean("price")
    with pytest.raises(LandscapeError, match="no design is called 'huge'"):
        FOUND.differences(to="huge")
    assert jnp.isnan(Comparison(("a",), {"loss": "1"}, {"loss": np.ones((1, 1))}).error()[0])
