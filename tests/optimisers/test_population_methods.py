"""Methods without gradients that keep a population or a record: laws, whole numbers and choices, constraints."""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optuna
import pytest
from scipy import stats

from daedalus.core import Design, Goals, Point, Space, parameter
from daedalus.errors import OptimiserError
from daedalus.optimisers import continuation
from daedalus.optimisers.annealing import Annealing
from daedalus.optimisers.cmaes import CMAES
from daedalus.optimisers.differential_evolution import DifferentialEvolution
from daedalus.optimisers.domination import crowding, fronts
from daedalus.optimisers.evolution_strategy import placed, shifted
from daedalus.optimisers.feasibility import best_first, better, sound_loss, violation
from daedalus.optimisers.grid import Grid
from daedalus.optimisers.levels import Levels
from daedalus.optimisers.niches import niched, reference_directions
from daedalus.optimisers.nsga import NSGA
from daedalus.optimisers.parzen import ParzenEstimator
from daedalus.optimisers.restarts import first_run, next_run
from daedalus.optimisers.sobol import Sobol
from daedalus.optimisers.variation import Variation
from daedalus.testing import evaluated

KEY = jax.random.key(3)


class Mixed(Design):
    """Two dials, a number and a choice."""

    dials: jax.Array = parameter(0.0, 1.0, "1", doc="dials")
    number: jax.Array = parameter(1.0, 5.0, "1", doc="a number", kind="whole")
    colour: jax.Array = parameter(0.0, 2.0, "1", doc="a choice", kind="choice", choices=("red", "green", "blue"))


class Dials(Design):
    """Dials only."""

    dials: jax.Array = parameter(0.0, 1.0, "1", doc="dials")


MIXED = Space.of(Mixed(jnp.array([0.9, 0.8]), 2.0, 0.0))
LEVELS = Levels.of(MIXED)


def dials(count, value=0.5):
    """A space of so many dials."""
    return Space.of(Dials(jnp.full(count, value)))


def searched(method, space, judge, rounds, goals=None):
    """Points, evaluations and last state of a search; ``judge(cube) -> evaluation``."""
    state = method.init(space, space.point(space.template), key=KEY, rounds=rounds, goals=goals or Goals())

    def measured(proposal):
        cube = jax.vmap(space.snapped)(proposal.points.cube)
        return dataclasses.replace(proposal, points=Point(cube, proposal.points.learned)), judge(cube)

    def one(state, number, measured=measured):
        proposal, evaluation = measured(method.ask(state, key=jax.random.fold_in(KEY, number)))
        return method.tell(state, proposal, evaluation), (proposal.points.cube, evaluation)

    if method.handles.traceable:
        state, found = jax.jit(lambda s: jax.lax.scan(one, s, jnp.arange(rounds)))(state)
        return *jax.tree.map(lambda leaf: leaf.reshape(leaf.shape[0] * leaf.shape[1], *leaf.shape[2:]), found), state
    found, compiled = [], jax.jit(measured)
    for number in range(rounds):
        state, row = one(state, number, compiled)
        found.append(row)
    return *jax.tree.map(lambda *leaves: np.concatenate(leaves), *found), state


# ---------------------------------------------------------------- levels and feasibility


def test_levels_are_the_spaces_own():
    cubes = jax.random.uniform(KEY, (50, 4))
    assert jnp.allclose(LEVELS.snapped(cubes), jax.vmap(MIXED.snapped)(cubes), atol=1e-15)
    assert LEVELS.index(jnp.array([0.3, 0.3, 0.5, 1.0])).tolist() == [0, 0, 2, 2]
    assert LEVELS.ordered.tolist() == [False, False, True, False]


def test_moves_change_whole_numbers_and_choices():
    cubes = LEVELS.spread(jax.random.uniform(KEY, (4000, 4)))
    moved = LEVELS.moved(cubes, cubes, key=KEY)
    change = np.asarray(LEVELS.index(moved) - LEVELS.index(cubes))
    assert set(change[:, 2]) == {-1, 1}
    from_red = np.asarray(LEVELS.index(moved))[np.asarray(LEVELS.index(cubes))[:, 3] == 0, 3]
    assert stats.binomtest(int((from_red == 1).sum()), len(from_red)).pvalue > 1e-3
    assert set(from_red) == {1, 2}
    assert moved.min() >= 0
    assert moved.max() <= 1


def test_feasible_first_then_loss_then_violation_then_failures():
    loss = jnp.array([3.0, 1.0, 2.0, jnp.inf, -5.0])
    rows = evaluated(loss, excess=jnp.array([[-1.0, -1.0], [0.0, -2.0], [0.5, -3.0], [0.0, 0.0], [0.1, 0.2]]))
    beyond = violation(rows)
    assert beyond.tolist() == pytest.approx([0, 0, 0.5, jnp.inf, 0.3])
    order = best_first(sound_loss(rows), beyond)
    assert order.tolist() == [1, 0, 4, 2, 3]
    for good, bad in itertools.combinations(order.tolist(), 2):
        assert better(loss[good], beyond[good], loss[bad], beyond[bad])
        assert not better(loss[bad], beyond[bad], loss[good], beyond[good])


# ---------------------------------------------------------------- grid and Sobol


def asked(method, space, rounds):
    """Everything a method asks for that does not care for answers."""
    return np.asarray(searched(method, space, lambda cube: evaluated(cube[:, 0]), rounds)[0])


def test_a_grid_asks_for_every_combination_once():
    cubes = asked(Grid(levels=3, batch=7), MIXED, 24)
    assert cubes[0].tolist() == MIXED.point(MIXED.template).cube.tolist()
    axis, whole = [0.0, 0.5, 1.0], [0.0, 0.5, 1.0]
    every = sorted(itertools.product(axis, axis, whole, [0.0, 0.5, 1.0]))
    assert sorted(map(tuple, cubes[1:82].tolist())) == every
    assert sorted(map(tuple, cubes[82:163].tolist())) == every


def test_a_grid_is_as_fine_as_there_is_room():
    cubes = asked(Grid(batch=10), dials(2), 4)
    every = np.array(list(itertools.product(np.linspace(0, 1, 6), repeat=2)))
    assert np.allclose(cubes[1:37][np.lexsort(cubes[1:37].T[::-1])], every)
    with pytest.raises(OptimiserError, match=r"2 x 2 x .* does not fit into 160 evaluations.*sobol"):
        Grid().init(dials(9), dials(9).point(dials(9).template), key=KEY, rounds=10)


def test_sobol_points_fill_every_slice_once():
    cubes = asked(Sobol(batch=3), dials(4), 11)[1:33]
    for column in cubes.T:  # a net in base two
        assert sorted(np.floor(32 * column)) == list(range(32))
    assert sorted(map(tuple, np.floor([4, 8] * cubes[:, :2]).tolist())) == sorted(itertools.product(range(4), range(8)))
    other = Sobol().init(dials(4), dials(4).point(dials(4).template), key=jax.random.key(9), rounds=2)
    assert not np.isin(np.asarray(other.cubes)[1:], cubes).any()


def test_sobol_gives_levels_equal_shares():
    cubes = asked(Sobol(batch=16), MIXED, 31)[1:481]
    for column, count in ((cubes[:, 2], 5), (cubes[:, 3], 3)):
        shares = np.unique(column, return_counts=True)[1]
        assert len(shares) == count
        assert np.ptp(shares) <= 5


# ---------------------------------------------------------------- constraints, failures, whole numbers, choices


def judge_mixed(cube):
    """Lowest at dials 0.5, number 4 and green, where the constraint touches; dials below 0.1 fail."""
    x, number, colour = cube[:, :2], 1 + 4 * cube[:, 2], 2 * cube[:, 3]
    loss = jnp.sum(x, 1) + 0.2 * jnp.abs(number - 4) + 0.2 * (jnp.round(colour) != 1)
    failed = jnp.min(x, 1) < 0.1
    return evaluated(jnp.where(failed, jnp.inf, loss), excess=(0.25 - x[:, :1] * x[:, 1:]))


METHODS = {
    "tpe": (ParzenEstimator(batch=2), 100, 1.12),
    "cmaes": (CMAES(), 60, 1.02),
    "annealing": (Annealing(), 150, 1.12),
    "de": (DifferentialEvolution(), 60, 1.02),
    "nsga2": (NSGA(population=16, batch=8), 60, 1.05),
}


@pytest.mark.parametrize("name", METHODS)
def test_constraints_failures_whole_numbers_and_choices(name):
    method, rounds, reached = METHODS[name]
    cubes, rows, _ = searched(method, MIXED, judge_mixed, rounds, Goals(1, 1))
    lawful = np.flatnonzero(np.asarray(violation(rows)) == 0)
    best = lawful[np.argmin(np.asarray(rows.loss)[lawful])]
    assert 1.0 <= rows.loss[best] < reached
    assert cubes[best, 2] == 0.75
    assert cubes[best, 3] == 0.5
    late = np.asarray(violation(rows))[len(rows.loss) // 2 :]
    assert np.mean(np.isinf(late)) < 0.15  # a failure in three among random points
    assert np.mean(late == 0) > 0.25


# ---------------------------------------------------------------- Parzen estimator


def told_three_times(method, space, goals=None):
    """A state that has learned from three rounds."""
    return searched(method, space, lambda cube: evaluated(jnp.sum((cube - 0.3) ** 2, 1)), 3, goals)[2]


@pytest.mark.parametrize("method", [ParzenEstimator(batch=3, startup=4), CMAES(), CMAES(batch=3)], ids=repr)
def test_a_state_read_back_continues_where_it_was(method):
    state = told_three_times(method, MIXED)
    ask = lambda state: method.ask(state, key=KEY).points.cube
    warm = ask(state)
    continuation._followers.clear()
    leaves, tree = jax.tree.flatten(state)
    cold = jax.tree.unflatten(tree, [leaf if isinstance(leaf, jax.Array) else leaf.copy() for leaf in leaves])
    assert (ask(cold) == warm).all()
    other = told_three_times(method, dials(4))  # takes turns with it
    ask(other)
    assert (ask(state) == warm).all()


def test_optunas_verbosity_is_left_alone(capfd):
    before = optuna.logging.get_verbosity()
    told_three_times(ParzenEstimator(), MIXED)
    assert optuna.logging.get_verbosity() == before
    assert "study" not in capfd.readouterr().err


def judge_pair(cube):
    """Two objectives whose sum is lowest at the ends of their front, a quarter of a circle."""
    rest = jnp.sum(cube[:, 1:], 1)
    scores = jnp.stack([cube[:, 0], jnp.sqrt(1 - cube[:, 0] ** 2) + rest], 1)
    return evaluated(jnp.sum(scores, 1), scores=scores)


def test_the_parzen_estimator_searches_a_front():
    cubes = searched(ParzenEstimator(batch=4), dials(4, 0.9), judge_pair, 30, Goals(2))[0]
    height = np.sum(cubes[:, 1:], 1)
    assert np.median(height[-40:]) < 0.4 * np.median(height[:12])
    assert np.mean(np.abs(cubes[-40:, 0] - 0.5) < 0.3) > 0.3


# ---------------------------------------------------------------- NSGA


def test_fronts_are_those_of_the_definition():
    scores = jnp.asarray(np.random.default_rng(1).integers(0, 6, (30, 2)), float)
    beyond = jnp.where(jnp.arange(30) % 5 == 0, 1.0, 0.0).at[3].set(jnp.inf)
    found = np.asarray(fronts(scores, beyond))
    s, v = np.asarray(scores), np.asarray(beyond)
    over = lambda i, j: v[i] < v[j] or (v[i] == v[j] and (s[i] <= s[j]).all() and (s[i] < s[j]).any())
    for row in range(30):
        above = [found[other] for other in range(30) if over(other, row)]
        assert found[row] == (max(above) + 1 if above else 0)
    assert found[3] == found.max()


def test_crowding_is_the_gap_between_neighbours():
    scores = jnp.array([[0.0, 4.0], [1.0, 2.0], [4.0, 0.0], [9.0, 9.0], [jnp.inf, jnp.inf]])
    found = crowding(scores, jnp.array([0, 0, 0, 1, 2]))
    assert found[1] == pytest.approx(4 / 4 + 4 / 4)
    assert jnp.isinf(found[jnp.array([0, 2, 3, 4])]).all()


def test_children_keep_the_mean_of_their_parents_and_stay_inside():
    flat, vary = Levels.of(dials(3)), Variation(1.0, 10.0, 0.0, 10.0)
    one, other = jnp.full((20000, 3), 0.45), jnp.full((20000, 3), 0.55)
    first, second = jax.jit(lambda key: vary.crossed(one, other, flat, key=key))(KEY)
    assert jnp.allclose(first + second, 1.0)
    spread = np.asarray(jnp.abs(first - second) / 0.1)[np.asarray(first != one) & np.asarray(first != other)]
    assert np.mean(spread < 1) == pytest.approx(0.5, abs=0.02)
    # Deb and Agrawal's density (n + 1) b^n / 2 below one: its mean there is (n + 1) / (n + 2)
    assert np.mean(spread[spread < 1]) == pytest.approx(11 / 12, abs=0.005)
    wild = jax.jit(lambda p, key: Variation(1.0, 0.0, 1.0, 0.0)(*p, flat, key=key))(
        jax.random.uniform(KEY, (2, 99, 3)), KEY
    )
    assert wild.min() >= 0
    assert wild.max() <= 1


def test_no_child_is_a_copy():
    parents = LEVELS.spread(jax.random.uniform(KEY, (500, 4)))
    children = jax.jit(lambda key: Variation(0.0, 10.0, 0.0, 10.0)(parents, parents[::-1], LEVELS, key=key))(KEY)
    assert jnp.all(jnp.sum(children != jnp.concatenate([parents, parents[::-1]]), 1) == 1)


def hypervolume(scores):
    """The area dominated by two objectives below (1.1, 1.1)."""
    area, low = 0.0, 1.1
    for x, y in sorted(scores[(scores < 1.1).all(1)].tolist()):
        area, low = area + (1.1 - x) * max(low - y, 0.0), min(low, y)
    return area


def judge_zdt1(cube):
    """Zitzler, Deb, Thiele, Evol. Comput. 8 (2000) 173, equation 7: dominated area 0.8767 below (1.1, 1.1)."""
    rest = 1 + 9 * jnp.mean(cube[:, 1:], 1)
    scores = jnp.stack([cube[:, 0], rest * (1 - jnp.sqrt(cube[:, 0] / rest))], 1)
    return evaluated(jnp.sum(scores, 1), scores=scores)


@pytest.mark.parametrize("variant", ["nsga2", "nsga3"])
def test_nsga_reaches_the_front_of_zdt1(variant):
    rows = searched(NSGA(variant=variant), dials(30), judge_zdt1, 1000, Goals(2))[1]
    assert 0.99 * 0.8767 < hypervolume(np.asarray(rows.scores)) < 0.8767


def test_reference_directions_are_das_and_dennis():
    directions = reference_directions(3, 91)
    assert directions.shape == (91, 3)
    assert np.allclose(directions.sum(1), 1)
    assert set(np.round(12 * directions.ravel(), 9)) == set(range(13))
    assert len(reference_directions(3, 90)) == 78
    assert reference_directions(4, 1).tolist() == np.eye(4)[::-1].tolist()


def test_niches_keep_all_directions_inhabited():
    angle = jnp.concatenate([jnp.linspace(0.0, jnp.pi / 2, 5), jnp.full(15, 0.3)])
    scores = jnp.stack([jnp.sin(angle), 5 * jnp.cos(angle)], 1)  # of different scales
    keep = jax.jit(lambda s: niched(s, fronts(s, jnp.zeros(20)), jnp.asarray(reference_directions(2, 5)), 5))
    kept = keep(scores)
    assert 0 in kept.tolist()
    assert 4 in kept.tolist()
    assert jnp.sum(kept >= 5) <= 1


# ---------------------------------------------------------------- CMA-ES


def test_cma_es_learns_a_rotated_valley():
    turn = stats.ortho_group.rvs(5, random_state=4)
    stretch = 10 ** np.linspace(0, 2, 5)
    loss = lambda cube: evaluated(jnp.sum((((cube - 0.4) @ turn) * stretch) ** 2, 1))
    rows = searched(CMAES(), dials(5, 0.8), loss, 250)[1]
    assert rows.loss[0] > 100
    assert rows.loss.min() < 1e-6


def test_cma_es_finds_a_lowest_point_on_the_bounds():
    rows = searched(CMAES(), dials(3), lambda cube: evaluated(jnp.sum(cube, 1)), 120)[1]
    assert rows.loss.min() < 1e-4


def test_runs_that_have_ended_are_followed_by_larger_ones():
    method = CMAES(restarts="ipop", batch=8, population=16)
    state = searched(method, dials(2), lambda cube: evaluated(jnp.sum((cube - 0.2) ** 2, 1)), 220)[2]
    assert state.run.number >= 1
    assert state.run.size == 2**state.run.number
    assert len(method.ask(state, key=KEY).points.cube) == 8


def test_small_runs_alternate_with_large_ones():
    run, sizes = first_run(jnp.full(2, 0.5), 0.1), []
    for number in range(30):
        rows = 100 * int(run.size)
        run = next_run(run, rows, 0.1, alternate=True, key=jax.random.fold_in(KEY, number))
        sizes.append((bool(run.small), int(run.size), float(run.sigma)))
    large = [size for small, size, _ in sizes if not small]
    assert large == [2**n for n in range(1, len(large) + 1)]
    assert {small for small, _, _ in sizes} == {True, False}
    assert all(0.001 <= sigma <= 0.1 and size <= large[-1] / 2 for small, size, sigma in sizes if small)
    assert 0.3 < float(run.used[1] / run.used[0]) < 3


def test_the_order_of_a_round_does_not_matter():
    method, state = CMAES(), told_three_times(CMAES(), MIXED)
    proposal = method.ask(state, key=KEY)
    evaluation, split = judge_mixed(proposal.points.cube), state
    for rows in ([4, 2], [7, 0], [1, 3, 5, 6]):
        part = jax.tree.map(lambda leaf, rows=rows: leaf[np.array(rows)], (proposal.points, evaluation))
        split = method.tell(split, dataclasses.replace(proposal, points=part[0]), part[1])
    whole = method.tell(state, proposal, evaluation)
    assert (method.ask(split, key=KEY).points.cube == method.ask(whole, key=KEY).points.cube).all()


def test_draws_are_mirrored_at_the_bounds():
    draws = jnp.array([[-0.2, 1.3, 0.6, 0.5], [2.1, -1.5, -3.0, 1.0]])
    points = placed(draws, LEVELS)
    assert jnp.allclose(points, jnp.array([[0.2, 0.7, 0.5, 0.5], [0.1, 0.5, 0.0, 1.0]]))
    found = points.at[:, :2].add(0.05)
    assert jnp.allclose(placed(shifted(draws, found, LEVELS), LEVELS), found)
    assert jnp.allclose(shifted(draws, found, LEVELS)[0], jnp.array([-0.25, 1.25, 0.6, 0.5]))


# ---------------------------------------------------------------- annealing and differential evolution


def test_annealing_climbs_with_boltzmanns_probability():
    method, count = Annealing(walks=20000, cycles=1, temperature=0.5), 20000
    state = method.init(dials(1), dials(1).point(dials(1).template), key=KEY, rounds=10)
    proposal = method.ask(state, key=KEY)
    compiled = jax.jit(lambda state, loss, error: method.tell(state, proposal, evaluated(loss, error=error)))
    tell = lambda state, loss, error=0.0: compiled(state, jnp.full(count, loss), jnp.full(count, error))
    state = tell(tell(tell(state, 0.0), 1.0), -9.0)  # the moves set the scale of differences
    scale = float(state.scale)
    rise, cooling = 0.3 * scale, 0.5 * 0.01 ** (3 / 10)
    share = jnp.mean(tell(state, -9.0 + rise).loss > -9.0)
    assert share == pytest.approx(np.exp(-0.3 / cooling), abs=0.015)
    noisy = jnp.mean(tell(state, -9.0 + rise, error=rise).loss > -9.0)
    assert noisy == pytest.approx(np.exp(-1.0), abs=0.015)


def test_differential_evolution_descends_a_long_valley():
    def valley(cube):  # Rosenbrock's, in 6 dimensions, between -2 and 2
        x = 4 * cube - 2
        return evaluated(jnp.sum(100 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1 - x[:, :-1]) ** 2, 1))

    cubes, rows, state = searched(DifferentialEvolution(population=24), dials(6, 0.2), valley, 500)
    assert rows.loss.min() < 1e-4
    assert jnp.allclose(cubes[jnp.argmin(rows.loss)], 0.75, atol=1e-2)
    assert (state.means != 0.5).all()
    assert state.archived > 24


BAD = {
    "NSGA has the variant": lambda: NSGA(variant="nsga4"),
    "crossover is 2": lambda: NSGA(crossover=2.0),
    "Grid has a batch": lambda: Grid(levels=1),
    "batch of Sobol": lambda: Sobol(batch=0),
    "ParzenEstimator has": lambda: ParzenEstimator(startup=0),
    "CMAES has sigma": lambda: CMAES(sigma=0.0),
    "ipop, bipop": lambda: CMAES(restarts="often"),
    "Annealing has": lambda: Annealing(walks=0),
    "DifferentialEvolution has": lambda: DifferentialEvolution(population=3),
}


@pytest.mark.parametrize("text", BAD)
def test_options_are_checked(text):
    with pytest.raises(OptimiserError, match=text):
        BAD[text]()
