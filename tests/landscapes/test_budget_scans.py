"""Trade-offs with known answers: fronts, budget scans, knees and what money buys, by value and within errors."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus import load
from daedalus.core import Objective
from daedalus.landscapes import (
    Aim,
    Comparison,
    Front,
    LandscapeError,
    affordable,
    aims,
    budget_scan,
    knee,
    marginal_values,
    multiplier,
    trade_off,
    within_budget,
)
from daedalus.optimisers import optimiser
from daedalus.search import optimise
from daedalus.studies.test_functions.front import zdt1
from daedalus.units import cm, km
from landscapes.trials import sizes, task

KEY = jax.random.key(8)
SMALL = dataclasses.replace(task(), start=sizes(0.4, 0.5))  # it costs 0.9, less than any budget
BUDGETS = np.geomspace(1.0, 6.0, 12)


def zdt2():
    """ZDT2 (Zitzler, Deb and Thiele 2000): the same with a front that bends the other way, f2 = 1 - f1^2."""
    g = lambda x: 1.0 + 9.0 * jnp.mean(x[1:])
    second = lambda design, summaries, truths: g(design.x) - design.x[0] ** 2 / g(design.x)
    problem = zdt1()
    return dataclasses.replace(problem, objectives=(problem.objectives[0], Objective("f2", second)))


def drawn(scores, errors, keys=12, seed=0):
    """A front of two figures measured with noise, which is common to all points by one half."""
    random = np.random.default_rng(seed)
    noise = (random.normal(size=(keys, 1, 2)) + random.normal(size=(keys, len(scores), 2))) * errors / np.sqrt(2 / keys)
    samples = np.asarray(scores) + noise
    columns = {"loss": samples[..., 0], "blur": samples[..., 0], "cost": samples[..., 1]}
    labels = tuple(map(str, range(len(scores))))
    comparison = Comparison(labels, {"loss": "1", "blur": "1", "cost": "kEUR"}, columns)
    return Front((Aim("blur", "1", 1.0), Aim("cost", "kEUR", 1.0)), comparison, (sizes(1.0, 1.0),) * len(scores))


def hyperbola(points=13):
    """9 / b over budgets from 1 to 9, evenly in the logarithm: the knee is at 3, their geometric mean."""
    budgets = np.geomspace(1.0, 9.0, points)
    return np.stack([9.0 / budgets, budgets], 1)


def near_the_front(scan, slack):
    """Whether costs use the budgets and performances are the best at their cost, but for errors and a slack [1]."""
    blur, cost = scan.points.values.T
    assert scan.missed == ()
    assert np.all(cost <= np.array(scan.budgets) * (1 + 1e-3))
    assert np.all(cost > 0.95 * np.array(scan.budgets))
    assert np.all(np.abs(blur - 9.0 / cost) < 3 * scan.points.errors[:, 0] + slack * blur)


def test_a_budget_scan_finds_the_known_front():
    how = optimiser("adam", step_share=0.03)
    found = budget_scan(SMALL, "cost", [2.0, 4.0, 3.0], how, key=KEY, rounds=80, performance="blur", keys=16)
    assert found.budgets == (2.0, 3.0, 4.0)
    assert len(found.histories) == 3
    near_the_front(found, 0.02)
    assert len(found.front) == 3
    assert float(found.histories[1]["cost"][0]) == pytest.approx(3.0, rel=1e-3)  # warm, and within its budget
    assert float(found.histories[1]["blur"][0]) < 1.05 * 9.0 / 3.0


def test_a_design_is_made_affordable_by_least_moves_unless_events_decide_its_cost():
    moved = affordable(task(), "cost", 3.0, sizes(2.0, 2.5))
    assert np.asarray(moved.x) / cm == pytest.approx([1.25, 1.75], rel=1e-4)  # both by as much
    kept = sizes(1.0, 1.5)
    assert np.asarray(affordable(task(), "cost", 3.0, kept).x) == pytest.approx(np.asarray(kept.x), rel=1e-12)
    assert affordable(task(), "blur", 1e-3, kept) is kept


def test_an_array_is_made_affordable_though_its_cable_has_kinks():
    problem = load("ground_array/swgo_flux", units=20, start="random_ball")
    length = next(figure.function for figure in problem.figures if figure.name == "cable")
    before = float(length(problem.start, None, None)) / km
    moved = affordable(problem, "cable", 0.6 * before, problem.start)
    assert float(length(moved, None, None)) / km == pytest.approx(0.6 * before, rel=2e-3)
    for known in (each for each in problem.constraints if each.known):
        assert np.all(np.asarray(known.excess(known.read(moved, None, None))) <= 1e-6)


def test_a_design_that_is_better_and_cheaper_is_the_best_within_larger_budgets_too():
    how = optimiser("adam", step_share=0.03)
    found = budget_scan(SMALL, "cost", [2.0, 50.0], how, key=KEY, rounds=2, performance="blur", keys=4)
    blur, cost = found.points.values.T
    assert np.all(np.diff(blur) <= 0)
    assert np.all(cost <= 50.0)


def test_the_best_known_design_counts_as_found_and_is_not_left_by_large_steps():
    best = dataclasses.replace(task(), start=sizes(1.0, 2.0))  # of all that cost 3
    ask = {"key": KEY, "rounds": 40, "performance": "blur", "keys": 4}
    how = optimiser("adam", step_share=0.2)
    settled, free = (budget_scan(best, "cost", [2.0, 3.0], how, **ask, settled=known) for known in (True, False))
    assert settled.points.comparison.labels[1] == "start"
    assert "start" not in [*settled.points.comparison.labels[:1], *free.points.comparison.labels]
    reach = [np.ptp(found.histories[0]["x[0] [cm]"]) for found in (settled, free)]
    assert reach[0] < 0.8 * reach[1]


@pytest.mark.slow
def test_a_dozen_budgets_show_what_money_buys():
    how = optimiser("lbfgs")
    found = budget_scan(SMALL, "cost", list(BUDGETS), how, key=KEY, rounds=25, performance="blur", keys=16)
    near_the_front(found, 0.02)
    money = marginal_values(found.points)
    assert money.unit == "1 / kEUR"
    exact = -9.0 / money.cost**2
    # of the dozen points those at the ends have parabolas of one side only
    assert np.all(np.abs(money.value - exact)[1:-1] < 4 * money.error[1:-1] + 0.08 * np.abs(exact[1:-1]))


def test_the_multiplier_is_the_slope_of_the_known_front():
    for b in (1.5, 4.0):
        found = multiplier(SMALL, sizes(b / 3, 2 * b / 3), "blur", "cost", key=KEY, keys=16)
        assert abs(found.value + 9.0 / b**2) < 4 * found.error
        assert found.error < 0.03 * 9.0 / b**2
        assert found.residual < 0.05
    assert multiplier(SMALL, sizes(2.0, 0.5), "blur", "cost", key=KEY, keys=4).residual > 0.5  # no optimum


@pytest.mark.slow
@pytest.mark.parametrize(("problem", "power"), [(zdt1(), 0.5), (zdt2(), 2.0)], ids=["zdt1", "zdt2"])
def test_a_budget_scan_draws_fronts_of_either_curvature(problem, power):
    budgets = [0.05, 0.5, 0.95]
    found = budget_scan(problem, "f1", budgets, optimiser("lbfgs"), key=KEY, rounds=60, keys=2, scale=0.1)
    first, second = found.front.values[:, ::-1].T
    assert len(found.front) == 3
    assert np.all(first <= np.array(budgets) + 1e-6)
    np.testing.assert_allclose(second, 1.0 - np.array(budgets) ** power, atol=0.02)  # the best within the budget
    np.testing.assert_allclose(second, 1.0 - first**power, atol=0.02)


def test_the_front_of_a_genetic_search_is_that_of_zdt1():
    problem = zdt1()
    history = optimise(problem, optimiser("nsga2"), key=KEY, rounds=1000, chunk=200)
    found = trade_off(problem, [history], ["f2", "f1"], key=KEY, most=15, keys=2)
    second, first = found.values.T
    assert len(found) >= 13
    assert np.all(np.diff(first) > 0)
    assert first[0] < 0.02
    assert first[-1] > 0.98
    assert np.all((second - (1.0 - np.sqrt(first)) > -1e-9) & (second - (1.0 - np.sqrt(first)) < 0.03))
    np.testing.assert_array_equal(found.errors, 0.0)  # there is no noise


def test_a_front_of_noisy_rows_is_measured_again_and_keeps_what_is_not_certainly_beaten():
    problem = task()
    history = optimise(problem, optimiser("sobol", batch=64), key=KEY, rounds=4)
    found = trade_off(problem, [history], ["blur", "cost"], key=KEY, senses={"cost": "minimise"}, most=12, keys=4)
    blur, cost = found.values.T
    assert 4 <= len(found) <= 12
    exact = np.array([1 / (100 * d.x[0]) + 4 / (100 * d.x[1]) for d in found.designs])
    assert np.all(np.abs(blur - exact) < 6 * found.errors[:, 0])  # of four keys
    assert np.all(exact >= 9.0 / cost - 1e-9)


def test_the_knee_of_a_hyperbola_is_at_the_geometric_mean_and_certain_where_errors_are_small():
    exact = (1.0 - 2 * 0.25) / np.sqrt(2.0)  # at (3, 3), a quarter of either range from the corner
    sure = knee(drawn(hyperbola(), 0.01), key=KEY)
    assert sure.point == 6
    assert sure.distance == pytest.approx(exact, abs=4 * sure.error)
    assert sure.error < 0.005
    assert sure.significant
    assert sure.share[6] > 0.95
    neighbours = knee(drawn(hyperbola(), 0.05), key=KEY)  # whose distances are 0.009 smaller, 1.2 standard errors
    assert neighbours.significant
    assert neighbours.share[5:8].sum() > 0.95
    assert neighbours.share.max() < 0.95
    unsure = knee(drawn(hyperbola(), 4.0), key=KEY)
    assert not unsure.significant


def test_a_straight_front_has_a_knee_by_chance_as_often_as_it_says():
    budgets = np.linspace(1.0, 9.0, 9)
    fronts = [drawn(np.stack([10.0 - budgets, budgets], 1), 0.1, seed=seed) for seed in range(200)]
    false = np.mean([knee(front, key=KEY, draws=300).significant for front in fronts])
    assert false < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 200)
    bent_away = knee(drawn(np.stack([10.0 - budgets**2 / 9, budgets], 1), 1e-3), key=KEY)
    assert bent_away.chance > 0.5
    assert bent_away.distance < 0.01


def test_slopes_of_parabolas_are_exact_and_their_errors_cover():
    budgets = np.array([1.0, 2.0, 4.0, 5.0, 9.0])
    exact = np.stack([3.0 - 2.0 * budgets + 0.1 * budgets**2, budgets], 1)
    np.testing.assert_allclose(marginal_values(drawn(exact, 0.0)).value, -2.0 + 0.2 * budgets, rtol=1e-9)
    pulls = []
    for seed in range(200):
        noisy = drawn(exact, np.array([0.1, 0.0]), seed=seed)
        found = marginal_values(noisy)
        pulls.append((found.value + 2.0 - 0.2 * budgets) / found.error)
    # Student's t of eleven degrees of freedom has the standard deviation 1.106
    np.testing.assert_allclose(np.std(pulls, 0), 1.106, atol=0.25)


def test_the_budget_is_a_measured_constraint_on_the_cost():
    problem = within_budget(task(), "cost", 2.5, scale=0.5)
    (bound,) = problem.constraints
    assert (bound.name, bound.upper, bound.scale, bound.known) == ("cost", 2500.0, 500.0, False)
    assert [m.name for m in problem.metrics] == []
    multi = within_budget(zdt1(), "f1", 0.5)
    assert [o.name for o in multi.objectives] == ["f2"]
    assert [c.name for c in multi.constraints] == ["f1"]


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: within_budget(task(), "price", 1.0), "expected an objective and another figure among blur, cost"),
        (lambda: affordable(task(), "price", 1.0, sizes(1.0, 1.0)), "no 'price'; expected one of blur, cost"),
        (lambda: within_budget(task(), "blur", 1.0), "expected an objective and another"),
        (lambda: aims(task(), ["blur", "cost"]), "do not tell which way is better"),
        (lambda: aims(task(), ["blur"]), "expected two or three"),
        (lambda: budget_scan(task(), "cost", [1.0], optimiser("lbfgs"), key=KEY, rounds=1), "two or more"),
        (lambda: budget_scan(task(), "cost", [0.1, 0.2], optimiser("random"), key=KEY, rounds=1), "no search met"),
        (lambda: knee(drawn(hyperbola(2), 0.1), key=KEY), "three or more"),
        (lambda: marginal_values(drawn([[1, 1], [2, 1], [3, 2]], 0.0)), "the same cost"),
        (lambda: multiplier(task(), sizes(1, 1), "blur", "price", key=KEY), "two of loss, blur, cost"),
    ],
)
def test_what_cannot_be_answered_is_refused(act, message):
    with pytest.raises(LandscapeError, match=message):
        act()
