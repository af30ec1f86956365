"""Local surrogates: steps, constraints, failures, whole numbers, states, many dimensions."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.core import Goals, Space
from daedalus.errors import OptimiserError
from daedalus.optimisers.generative_surrogate import GenerativeSurrogate
from daedalus.optimisers.linear_surrogate import LinearSurrogate
from daedalus.optimisers.local_step import confined, steps_down
from daedalus.optimisers.quadratic_surrogate import QuadraticSurrogate
from daedalus.search.checkpoint import arrays_of, state_of
from daedalus.search.threads import one_thread
from daedalus.testing import evaluated
from optimisers.stepped import Box, Mixed, plain, search

SURROGATES = (LinearSurrogate, QuadraticSurrogate, GenerativeSurrogate)
QUICK_AND_SLOW = [
    QuadraticSurrogate,
    *(pytest.param(m, marks=pytest.mark.slow) for m in (LinearSurrogate, GenerativeSurrogate)),
]


def test_a_confined_step_is_the_nearest_one():
    generator = np.random.default_rng(7)
    for _ in range(20):
        step, lower, upper = generator.normal(size=5), -generator.uniform(size=5), generator.uniform(size=5)
        found = np.asarray(confined(jnp.asarray(step), jnp.asarray(lower), jnp.asarray(upper), jnp.asarray(0.7)))
        assert np.linalg.norm(found) < 0.7 + 1e-9
        assert np.all((found >= lower) & (found <= upper))
        others = np.clip(found + 0.1 * generator.normal(size=(500, 5)), lower, upper)
        others = others[np.linalg.norm(others, axis=1) <= 0.7]
        # a projection's angle with every way inwards is at least a right one
        assert np.max((others - found) @ (step - found)) < 1e-7


def test_steps_go_down_a_bent_model_to_the_constrained_minimum():
    # |s - (2, 1)|^2 under s1 + s2 <= 1 has its minimum at (1, 0), with s1 <= 0.8 at (0.8, 0.2)
    model = lambda step: jnp.stack([jnp.sum((step - jnp.array([2.0, 1.0])) ** 2), jnp.sum(step) - 1.0])
    lower, lengths = jnp.array([-5.0, -5.0]), jnp.array([0.5, 2.0])
    free = steps_down(model, lower, jnp.array([5.0, 5.0]), lengths)
    np.testing.assert_allclose(free[0], 0.5 * np.array([2.0, 1.0]) / 5**0.5, atol=1e-3)
    np.testing.assert_allclose(free[1], [1.0, 0.0], atol=1e-3)
    bound = steps_down(model, lower, jnp.array([0.8, 5.0]), lengths)
    np.testing.assert_allclose(bound[1], [0.8, 0.2], atol=1e-3)


def test_steps_lower_the_violation_where_no_step_is_feasible():
    model = lambda step: jnp.stack([step[0], 5.0 - step[1]])
    wide = jnp.full(2, 9.0)
    np.testing.assert_allclose(steps_down(model, -wide, wide, jnp.array([1.0]))[0], [0.0, 1.0], atol=0.2)


@pytest.mark.parametrize("method", QUICK_AND_SLOW)
def test_a_constrained_search_ends_feasible_at_the_optimum(method):
    # the lowest point of a plane on a disc, from outside it: -sqrt(2)
    def measure(places):
        return {"loss": np.sum(places, 1), "excess": (np.sum(places**2, 1) - 1.0)[:, None]}

    _, loss, excess = search(method(radius=0.1), Box(jnp.array([2.5, 3.0])), measure, 20, goals=Goals(1, 1))
    feasible = excess[:, 0] <= 0
    assert not feasible[0]
    assert np.min(loss[feasible]) < -(2**0.5) + 0.02


@pytest.mark.parametrize("method", SURROGATES)
@one_thread()
def test_a_state_written_and_read_continues_identically(method, tmp_path):
    space, optimiser = Space.of(Box(jnp.full(3, 2.0))), method(batch=6)
    start = space.point(space.template)

    def rounds(state, numbers):
        for number in numbers:
            proposal = optimiser.ask(state, key=jax.random.key(number))
            loss = jnp.sum((proposal.points.cube - 0.3) ** 2, 1)
            state = optimiser.tell(state, proposal, evaluated(loss, error=0.01))
        return proposal.points.cube, state

    begin = optimiser.init(space, start, key=jax.random.key(0), rounds=8)
    _, half = rounds(begin, range(4))
    np.savez(tmp_path / "state.npz", **arrays_of(half))
    with np.load(tmp_path / "state.npz") as stored:
        read = state_of(stored, begin)
    ours, theirs = rounds(half, range(4, 8)), rounds(read, range(4, 8))
    assert jnp.all(ours[0] == theirs[0])


@pytest.mark.parametrize("method", SURROGATES)
def test_failures_are_avoided_even_where_the_start_fails(method):
    # nothing above 1.5 in the first coordinate gives an answer; the start is there
    bowl = lambda places: np.where(places[:, 0] > 1.5, np.inf, np.sum((places - [1.4, -1.0]) ** 2, 1))
    _, loss, _ = search(method(radius=0.05), Box(jnp.array([1.8, 2.0])), plain(bowl), 20)
    assert np.isinf(loss[0])
    assert np.min(loss) < 0.01
    assert np.mean(np.isfinite(loss[80:])) > 0.4  # the best place is at the edge, closer than the region's size


@pytest.mark.parametrize("method", QUICK_AND_SLOW)
def test_whole_numbers_and_choices_are_moved_as_such(method):
    # the second choice is better by two; the best whole number is 6
    def function(places):
        bowl = np.sum((places[:, :2] - 1.0) ** 2, 1) + 0.2 * (places[:, 2] - 6.0) ** 2
        return bowl + 2.0 * np.abs(places[:, 3] - 1.0)

    places, loss, _ = search(method(), Mixed(jnp.array([0.0, 2.0]), 2.0, 0.0), plain(function), 25)
    best = places[np.argmin(loss)]
    assert best[2:].tolist() == [6.0, 1.0]
    assert np.min(loss) < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("method", SURROGATES)
def test_a_slope_in_a_hundred_parameters_is_descended_where_random_search_stays(method):
    # the hidden valley of ten directions, value 9 at the start, noise of 0.12 per row
    generator = np.random.default_rng(8)
    hidden = np.linalg.qr(generator.normal(size=(100, 10)))[0]

    def valley(places):
        q = places @ hidden
        return np.sum((q[:, 1:] - q[:, :-1] ** 2) ** 2 + (1.0 - q[:, :-1]) ** 2, 1)

    start = Box(jnp.zeros(100))
    places, loss, _ = search(method(radius=0.1), start, plain(valley, 0.12, generator), 16)
    assert valley(places[np.argmin(loss)][None])[0] < 4.0
    drawn = generator.uniform(-5.0, 5.0, (len(loss), 100))
    assert np.min(valley(drawn)) > 9.0


@pytest.mark.parametrize("method", SURROGATES)
def test_rows_may_come_one_by_one(method):
    optimiser, space = method(batch=4), Space.of(Box(jnp.full(2, 2.0)))
    state = optimiser.init(space, space.point(space.template), key=jax.random.key(0), rounds=3)
    split = lambda tree, row: jax.tree.map(lambda leaf: leaf[row : row + 1], tree)
    whole = parts = state
    for number in range(3):
        proposal = optimiser.ask(parts, key=jax.random.key(number))
        evaluation = evaluated(jnp.sum(proposal.points.cube**2, 1))
        whole = optimiser.tell(whole, proposal, evaluation)
        for row in range(4):
            told = dataclasses.replace(proposal, points=split(proposal.points, row))
            parts = optimiser.tell(parts, told, split(evaluation, row))
    same = jax.tree.map(lambda a, b: bool(jnp.all((a == b) | ((a != a) & (b != b)))), whole, parts)
    assert jax.tree.all(same)


def test_options_are_checked():
    for method in SURROGATES:
        with pytest.raises(OptimiserError, match="batch 1"):
            method(batch=1)
        with pytest.raises(OptimiserError, match=r"radius 1\.5"):
            method(radius=1.5)
