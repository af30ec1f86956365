"""Adam and SGD: moves in the parameters' own units, bounds, schedules, clipping, several starts."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daedalus.core import Design, Gradient, Point, Space, learned, parameter
from daedalus.errors import OptimiserError
from daedalus.optimisers import (
    SGD,
    Adam,
    Constant,
    Cosine,
    ErrorNorm,
    Geometric,
    GlobalNorm,
    Latter,
    OneCycle,
    WarmUp,
)
from daedalus.optimisers.descent import projected
from daedalus.testing import evaluated
from daedalus.units import cm

KEY = jax.random.key(0)


class Bench(Design):
    """Two fields of different ranges and a learned leaf."""

    x: jax.Array = parameter(0.0, 10.0, "m", doc="x")
    z: jax.Array = parameter(0.0, 1.0, "m", doc="z")
    net: jax.Array = learned(doc="net")


SPACE = Space.of(Bench(5.0, jnp.array([0.5, 0.5]), jnp.array([1.0])))


def told(slope, learned_slope=0.0, starts=1, variance=0.0):
    """An evaluation with the given derivative in the cube, the same for all starts."""
    cube = jnp.broadcast_to(jnp.asarray(slope), (starts, 3))
    leaf = jax.tree.map(lambda leaf: jnp.full((starts, 1), learned_slope), SPACE.point(SPACE.template).learned)
    root = jnp.broadcast_to(variance**0.5 * jnp.eye(3), (starts, 3, 3))
    return evaluated(jnp.ones(starts), gradient=Gradient(Point(cube, leaf), root))


def after(optimiser, slopes, rounds=10, start=None, **options):
    """The designs' values after being told the given slopes one after the other, shape (round, param)."""
    point = (
        SPACE.point(SPACE.template) if start is None else Point(jnp.asarray(start), SPACE.point(SPACE.template).learned)
    )
    state, values = optimiser.init(SPACE, point, key=KEY, rounds=rounds), []
    for slope in slopes:
        proposal = optimiser.ask(state, key=KEY)
        state = optimiser.tell(state, proposal, told(slope, starts=proposal.points.cube.shape[0], **options))
    cube = optimiser.ask(state, key=KEY).points.cube
    values.append(SPACE.values(SPACE.design(cube[0])))
    return np.asarray(values[-1])


FLAT = {"schedule": Constant(1.0)}


def test_adam_moves_by_the_step_in_the_parameters_own_unit():
    found = after(Adam(steps={"x": 50 * cm, "z": 1 * cm}, **FLAT), [[1e-3, -7.0, 4.0]])
    assert np.allclose(found, [4.5, 0.51, 0.49], atol=1e-5)


def test_adam_moves_by_a_share_of_the_range_where_no_step_is_named():
    found = after(Adam(steps={"z[1]": 1 * cm}, step_share=0.02, **FLAT), [[1.0, 1.0, 1.0]])
    assert np.allclose(found, [4.8, 0.48, 0.49], atol=1e-6)


def test_adam_is_kingmas_and_bas():
    # algorithm 1 by hand: g = 1, then -1; m = 0.1, -0.01; v = 0.01, 0.0199; decay rates 0.9 and 0.99
    first, second = 1.0, (-0.01 / (1 - 0.81)) / np.sqrt(0.0199 / (1 - 0.99**2))
    found = after(Adam(steps={"x": 1.0}, decay=(0.9, 0.99), **FLAT), [[1.0, 0, 0], [-1.0, 0, 0]])
    assert found[0] == pytest.approx(5.0 - first - second, abs=1e-6)


def test_sgd_first_move_has_the_wished_size_and_later_ones_follow_the_gradient():
    plain = SGD(steps={"x": 50 * cm, "z": 1 * cm}, momentum=0.0, **FLAT)
    assert np.allclose(after(plain, [[1e-3, -8.0, 4.0]]), [4.5, 0.51, 0.495], atol=1e-9)
    assert np.allclose(after(plain, [[1e-3, -8.0, 4.0], [5e-4, 8.0, 0.0]]), [4.25, 0.50, 0.495], atol=1e-9)


def test_sgd_waits_for_the_first_gradient_and_limits_moves():
    plain = SGD(steps={"x": 1.0}, momentum=0.0, longest=2.0, **FLAT)
    assert after(plain, [[0.0, 0, 0], [1.0, 0, 0]])[0] == pytest.approx(4.0)
    assert after(plain, [[1.0, 0, 0], [100.0, 0, 0]])[0] == pytest.approx(2.0)


def test_sgd_momentum():
    heavy = SGD(steps={"x": 1.0}, momentum=0.5, **FLAT)
    assert after(heavy, [[1.0, 0, 0], [1.0, 0, 0]])[0] == pytest.approx(5.0 - 1.0 - 1.5)


@given(st.lists(st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3), min_size=1, max_size=4))
def test_bounds_are_kept_exactly(slopes):
    for method in (Adam(step_share=0.7, **FLAT), SGD(step_share=0.7, **FLAT)):
        found = after(method, slopes)
        assert (found >= SPACE.lower).all()
        assert (found <= SPACE.upper).all()


def test_moments_do_not_wind_up_at_a_bound():
    # pushed against the lower bound for many rounds, released at the first gradient that points inside
    pushed = [[1.0, 1.0, 1.0]] * 30
    state_free = after(Adam(steps={"z": 1 * cm}, **FLAT), [*pushed, [-1.0, -1.0, -1.0]], start=[0.0, 0.0, 0.0])
    # the second moment remembers rounds without a gradient: a ratio of 0.54, but inwards at once
    assert np.allclose(state_free[1:], 0.0054, atol=1e-4)


def test_projection():
    cube, slope = jnp.array([0.0, 0.0, 1.0, 1.0, 0.5]), jnp.array([1.0, -1.0, 1.0, -1.0, 1.0])
    assert projected(slope, cube).tolist() == [0.0, -1.0, 1.0, 0.0, 1.0]


@pytest.mark.parametrize("method", [Adam, SGD])
def test_the_rate_of_learned_leaves_follows_the_schedule(method):
    still = {"momentum": 0.0} if method is SGD else {}
    method = method(learned_rate=0.3, schedule=Geometric(1.0, 0.25), **still)
    state, places = method.init(SPACE, SPACE.point(SPACE.template), key=KEY, rounds=3), []
    for _ in range(4):
        asked = method.ask(state, key=KEY)
        places.append(jax.tree.leaves(asked.points.learned)[0].item())
        state = method.tell(state, asked, told([0.0, 0, 0], learned_slope=1.0))
    assert np.diff(places) == pytest.approx([-0.3, -0.15, -0.075], abs=1e-6)


def test_learned_leaves_have_their_own_rate():
    method = Adam(learned_rate=0.3, **FLAT)
    state = method.init(SPACE, SPACE.point(SPACE.template), key=KEY, rounds=3)
    state = method.tell(state, method.ask(state, key=KEY), told([0.0, 0, 0], learned_slope=2.0))
    assert jax.tree.leaves(method.ask(state, key=KEY).points.learned)[0].item() == pytest.approx(0.7, abs=1e-6)


def test_starts():
    point = SPACE.point(SPACE.template)
    ask = lambda **options: (lambda m: m.ask(m.init(SPACE, point, key=KEY, rounds=3), key=KEY).points)(Adam(**options))
    anywhere, near = ask(starts=200).cube, ask(starts=200, spread=0.01).cube
    for cube in (anywhere, near):
        assert (cube[0] == point.cube).all()
    assert np.std(np.asarray(anywhere[1:])) == pytest.approx(12**-0.5, rel=0.1)
    assert np.std(np.asarray(near[1:])) == pytest.approx(0.01, rel=0.2)
    with pytest.raises(OptimiserError, match="0 starts"):
        ask(starts=0)
    with pytest.raises(OptimiserError, match="spread"):
        ask(starts=2, spread=-1.0)


def test_softness_follows_its_schedule():
    method = Adam(softness=Geometric(1.0, 0.01))
    state, found = method.init(SPACE, SPACE.point(SPACE.template), key=KEY, rounds=3), []
    for _ in range(3):
        proposal = method.ask(state, key=KEY)
        found.append(float(proposal.softness))
        state = method.tell(state, proposal, told([0.0, 0, 0]))
    assert found == pytest.approx([1.0, 0.1, 0.01])


@pytest.mark.parametrize(
    ("schedule", "values"),
    [(Constant(0.5), [0.5, 0.5, 0.5]), (Geometric(1.0, 0.01), [1.0, 0.1, 0.01]),
     (Cosine(1.0, 0.2), [1.0, 0.6, 0.2]),
     (OneCycle(0.5, 0.1, 0.0), [0.1, 1.0, 0.0]), (WarmUp(Constant(1.0), 1.0), [0.1, 0.5, 1.0]),
     (Latter(Cosine(1.0, 0.0), 0.5), [0.5, 0.5 * (1 - np.sqrt(0.5)), 0.0])],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_schedules(schedule, values):
    found = [float(schedule(jnp.asarray(done))) for done in (0.0, 0.5, 1.0)]
    assert found == pytest.approx(values)


def test_clipping():
    gradient = jax.tree.map(lambda leaf: leaf[0], told([3.0, 0.0, 4.0], variance=0.25).gradient)
    assert np.allclose(GlobalNorm(1.0)(gradient).cube, [0.6, 0.0, 0.8])
    assert np.allclose(GlobalNorm(10.0)(gradient).cube, [3.0, 0.0, 4.0])
    # sqrt((36 + 0 + 64) / 3) = 5.77 standard errors
    assert np.allclose(ErrorNorm(1.0)(gradient).cube, np.array([3.0, 0.0, 4.0]) / np.sqrt(100 / 3))
    noiseless = jax.tree.map(lambda leaf: leaf[0], told([3.0, 0.0, 4.0]).gradient)
    assert np.allclose(ErrorNorm(1.0)(noiseless).cube, [3.0, 0.0, 4.0])


def test_misuse():
    begin = lambda m: m.init(SPACE, SPACE.point(SPACE.template), key=KEY, rounds=3)
    with pytest.raises(OptimiserError, match="step 'y'"):
        begin(Adam(steps={"y": 1.0}))
    with pytest.raises(OptimiserError, match=r"step_share is 0\.0"):
        begin(SGD(step_share=0.0))
    state = begin(Adam())
    bare = evaluated(jnp.ones(1))
    with pytest.raises(OptimiserError, match="no gradient"):
        Adam().tell(state, Adam().ask(state, key=KEY), bare)


@pytest.mark.parametrize("optimiser", [Adam(), SGD()])
def test_a_descent_goes_on_from_where_known_constraints_put_it(optimiser):
    state = optimiser.init(SPACE, SPACE.point(SPACE.template), key=KEY, rounds=3)
    proposal = optimiser.ask(state, key=KEY)
    there = Point(jnp.array([[0.2, 0.9, 0.1]]), proposal.points.learned)
    state = optimiser.tell(state, dataclasses.replace(proposal, points=there), told([0.0, 0.0, 0.0]))
    np.testing.assert_array_equal(optimiser.ask(state, key=KEY).points.cube, there.cube)
