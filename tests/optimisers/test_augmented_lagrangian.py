"""Measured constraints in the gradient methods: multipliers of known answers, noise kept out, through the loop too."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from core.toys import OBJECTIVES, limited, ruler_problem
from daedalus.core import Goals
from daedalus.errors import OptimiserError
from daedalus.optimisers import SGD, Adam, Sobol
from daedalus.optimisers.augmented_lagrangian import AugmentedLagrangian, Multipliers, pressed_on
from daedalus.optimisers.lbfgs import LBFGS
from daedalus.optimisers.newton import Newton
from daedalus.search import optimise
from daedalus.testing import evaluated
from optimisers.closed_forms import Noise, box, search

RULE = AugmentedLagrangian(weight=2.0, growth=3.0, margin=0.0, every=2)


def measured(excess, error=0.0):
    found = evaluated(jnp.zeros(1), excess=jnp.array([excess]))
    return dataclasses.replace(found, excess_errors=jnp.full((1, len(excess)), error))


def after(*excesses, rule=RULE, error=0.0):
    state = rule.begin(1, Goals(1, len(excesses[0])))
    for excess in excesses:
        state = rule.updated(state, measured(excess, error))
    return state


def multipliers_of(state):
    inside = jax.tree.leaves(state, is_leaf=lambda leaf: isinstance(leaf, Multipliers))
    return next(leaf for leaf in inside if isinstance(leaf, Multipliers))


def test_multipliers_follow_the_excess_of_every_second_evaluation():
    assert after([9.0, -9.0]).values.tolist() == [[0.0, 0.0]]
    state = after([9.0, -9.0], [0.5, -1.0])
    assert state.values.tolist() == [[1.0, 0.0]]
    back = RULE.updated(RULE.updated(state, measured([0.0, 0.0])), measured([-0.25, -1.0]))
    assert back.values.tolist() == [[0.5, 0.0]]


def test_multipliers_follow_at_once_where_the_search_has_settled():
    state = RULE.begin(1, Goals(1, 1))
    # the change of the multiplier by 1 is worth 1^2 / (2 * 2)
    still = RULE.updated(state, measured([0.5]), expected=jnp.array([0.03]))
    settled = RULE.updated(state, measured([0.5]), expected=jnp.array([0.02]))
    assert (still.values[0, 0], settled.values[0, 0]) == (0.0, 1.0)
    refused = RULE.updated(state, measured([0.5]), expected=jnp.array([0.02]), ready=jnp.array([False]))
    assert refused.values[0, 0] == 0.0


def test_the_weight_grows_where_the_violation_does_not_fall():
    assert after([4.0], [4.0], [5.0], [5.0]).weight.tolist() == [6.0]
    assert after([4.0], [4.0], [3.0], [3.0]).weight.tolist() == [2.0]
    assert after([-4.0], [-4.0], [-5.0], [-5.0]).weight.tolist() == [2.0]


def test_noise_moves_neither_multipliers_nor_weight():
    state = after([0.0], [0.9], [0.0], [0.9], error=1.0)
    assert (state.values[0, 0], state.weight[0]) == (0.0, 2.0)
    assert after([0.0], [1.1], error=1.0).values[0, 0] == pytest.approx(2.2)


def test_evaluations_without_a_figure_are_passed_over():
    lost = evaluated(jnp.array([jnp.inf]), excess=jnp.array([[5.0]]))
    state = RULE.updated(RULE.updated(RULE.begin(1, Goals(1, 1)), lost), lost)
    assert (state.values[0, 0], state.waited[0]) == (0.0, 0)


def test_the_pressure_aims_inside_by_the_margin():
    rule = AugmentedLagrangian(weight=2.0, margin=0.1)
    pressure = rule.pressure(rule.begin(1, Goals(1, 1)))
    at = lambda excess: jax.tree.map(lambda leaf: leaf[0], pressure)(jnp.array([excess]))
    # w / 2 (g + margin)^2 above the margin, up to a constant; flat below
    assert at(0.3) - at(-0.05) == pytest.approx(0.4**2 - 0.05**2)
    assert at(-0.2) == pytest.approx(at(-0.1))


def test_nothing_is_pressed_without_constraints():
    assert RULE.begin(1, Goals(1, 0)) is None
    assert RULE.pressure(None) is None
    assert RULE.updated(None, evaluated(jnp.zeros(1))) is None


@pytest.mark.parametrize(
    ("method", "rounds", "noise", "tolerance"),
    [
        (LBFGS(), 60, 0.0, 1e-3), (Newton(), 40, 0.0, 1e-2), (Adam(), 150, 0.0, 0.02), (SGD(), 150, 0.0, 0.02),
    ],
    ids=["lbfgs", "newton", "adam", "sgd"],
)  # fmt: skip
def test_a_quadratic_with_an_equality_has_the_multiplier_of_the_closed_form(method, rounds, noise, tolerance):
    # minimise sum a (x - c)^2 with sum x = 1 within 0.02: x = c - m / (2 a), m = (sum c - 1.02) / sum 1 / (2 a)
    a, c, within = jnp.array([1.0, 2.0, 4.0]), jnp.array([1.0, 2.0, 0.5]), 0.02
    multiplier = float((jnp.sum(c) - 1 - within) / jnp.sum(1 / (2 * a)))
    found = search(
        method, box([3.0, -1.0, 2.0], -2.0, 4.0), lambda x: jnp.sum(a * (x - c) ** 2), rounds=rounds,
        rows=lambda x: jnp.stack([1 - within - jnp.sum(x), jnp.sum(x) - 1 - within]),
    )  # fmt: skip
    exact, noisy = found(), found(Noise(excess=0.05))
    below, above = multipliers_of(exact.state).values[0]
    assert below == 0.0
    assert above == pytest.approx(multiplier, rel=tolerance)
    assert np.allclose(exact.values[-1, 0], c - multiplier / (2 * a), atol=tolerance)
    # an error of 0.05 of each measured sum; the multiplier's natural change over it is 0.05 / sum 1 / (2 a) = 0.06
    assert np.allclose(noisy.values[-5:, 0].mean(0), c - multiplier / (2 * a), atol=0.06)


@pytest.mark.parametrize("method", [LBFGS(step_share=0.01), Adam(step_share=0.01)], ids=["lbfgs", "adam"])
def test_a_search_that_presses_on_stays_at_the_optimum_another_one_found(method):
    # minimise sum (x - 2)^2 with sum x <= 1: both 1/2, pressed by 3
    loss, rows = lambda x: jnp.sum((x - 2) ** 2), lambda x: jnp.array([-9.0, jnp.sum(x) - 1])
    ask = {"space": box([0.5, 0.5], 0.0, 4.0), "loss": loss, "rows": rows}
    state = search(LBFGS(), rounds=60, **ask)().state
    assert multipliers_of(state).values[0].tolist() == pytest.approx([0.0, 3.0], rel=0.02)
    anew, further = (search(how, rounds=12, **ask)().values[:, 0] for how in (method, pressed_on(method, state)))
    assert np.abs(further - 0.5).max() < 0.06  # a step or two
    assert np.abs(anew - 0.5).max() > 0.2
    assert pressed_on(Sobol(), state) == Sobol()
    assert pressed_on(method, ()) is method


def test_g06():
    # Floudas and Pardalos 1990: a crescent at most 0.1 wide; both constraints hold, their gradients nearly parallel
    cubic = lambda x: ((x[0] - 10) ** 3 + (x[1] - 20) ** 3) / 1000
    circles = lambda x: jnp.stack([100 - (x[0] - 5) ** 2 - (x[1] - 5) ** 2, (x[0] - 6) ** 2 + (x[1] - 5) ** 2 - 82.81])
    found = search(LBFGS(), box([20.1, 5.84], (13.0, 0.0), (100.0, 100.0)), cubic, rounds=60, rows=circles)()
    losses = np.where((found.excess[:, 0] <= 0).all(-1), found.losses[:, 0], np.inf)
    best = losses.argmin()
    assert losses[best] == pytest.approx(-6.96181388, rel=1e-5)
    assert np.allclose(found.values[best, 0], [14.095, 0.84296], atol=3e-4)
    assert np.allclose(multipliers_of(found.state).values, [[1.0971, 1.2295]], rtol=1e-2)


def test_a_measured_constraint_holds_through_the_loop():
    # the widths' sum, 3 m at first, may be 2 m
    problem = ruler_problem(objectives=OBJECTIVES[:1], constraints=(limited(2.0),))
    history = optimise(problem, Adam(step_share=0.05), key=jax.random.key(0), rounds=60, events=32, chunk=60)
    assert history["status"][0] == "infeasible"
    assert set(history["status"][-5:]) == {"ok"}
    assert history["size limit"][-1] <= 2.0


def test_misuse():
    with pytest.raises(OptimiserError, match=r"growth 0\.5"):
        AugmentedLagrangian(growth=0.5)
    with pytest.raises(OptimiserError, match=r"-1\.0"):
        AugmentedLagrangian(first=(0.0, -1.0))
