"""Learned leaves of a search: kept of few rows, and the very ones that were evaluated there."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from app import curve
from core.toys import OBJECTIVES, ruler, ruler_problem
from daedalus.core import History, Objective, training_key
from daedalus.core.leaves import leaves_of
from daedalus.errors import DesignError, OptimiserError, RunError
from daedalus.optimisers import SGD, Adam, optimiser
from daedalus.search import optimise
from daedalus.search.checkpoint import Checkpoint, arrays_of
from daedalus.search.comparison import incumbents
from daedalus.search.kept import best_and_last

KEY = jax.random.key(7)
SIZES = {"key": KEY, "events": 48, "chunk": 3}
METHOD = Adam(learned_rate=0.02, starts=3, spread=0.2)
ROUNDS = 8


@pytest.fixture(scope="module")
def searched():
    """A search for a sensor and its network from three starts."""
    problem = curve.sensor(scenarios=2)
    return problem, optimise(problem, METHOD, rounds=ROUNDS, **SIZES)


def assert_same(one, other):
    assert list(one) == list(other)
    for row, leaves in one.items():
        for name, leaf in leaves.items():
            np.testing.assert_array_equal(other[row][name], leaf)


def test_of_every_start_the_last_row_is_kept_and_the_best(searched):
    _, history = searched
    best = int(np.argmin(history["loss"]))
    assert sorted(history.learned) == sorted({best, 21, 22, 23})
    assert best_and_last(history) == (best, [21, 22, 23])
    assert history.best_row() == best
    firsts = [history.learned[row]["net.layers[0].weight"] for row in (21, 22, 23)]
    assert len({leaf.tobytes() for leaf in firsts}) == 3
    assert not any(np.shares_memory(firsts[0], leaf) for leaf in firsts[1:])


def test_the_leaves_give_the_loss_that_was_found_there(searched):
    problem, history = searched
    for row in history.learned:
        place, number = history.design(problem, row), int(history["round"][row])
        key = jax.random.fold_in(training_key(KEY, number), 1)
        softness = float(history["softness"][row])
        found = problem.evaluate(place, key=key, events=48, softness=softness, gradient=True)
        assert float(found.loss) == pytest.approx(history["loss"][row], rel=1e-12)
        untrained = problem.evaluate(history.hardware(problem, row), key=key, events=48, softness=softness)
        assert abs(float(untrained.loss) - history["loss"][row]) > 1e-3


def test_a_search_in_two_halves_keeps_the_same(searched):
    problem, history = searched
    last = []
    half = optimise(problem, METHOD, rounds=ROUNDS, watch=(last.append, stop_after(3)), **SIZES)
    since = Checkpoint(last[-1].done, arrays_of(last[-1].state), half)
    assert len(half) < len(history)
    again = optimise(problem, METHOD, rounds=ROUNDS, since=since, **SIZES)
    assert_same(history.learned, again.learned)


def stop_after(rounds):
    def watch(progress):
        if progress.done >= rounds:
            raise KeyboardInterrupt

    return watch


def test_what_is_kept_grows_with_starts_and_not_with_rounds():
    problem, seen = curve.fit(), []
    watch = (lambda progress: seen.append(sorted(progress.history.learned)),)
    optimise(problem, SGD(), key=KEY, rounds=12, events=20, chunk=2, watch=watch)
    assert all(len(rows) <= 2 for rows in seen)
    assert [rows[-1] for rows in seen] == [1, 3, 5, 7, 9, 11]


def test_failed_rows_are_not_kept():
    problem = curve.fit()
    early = lambda design, sums, truths: jnp.where(design.net.layers[1].bias[0] == 0, 1.0, jnp.nan)
    leaves = leaves_of(problem.space.point(problem.start).learned)
    start = problem.space.trained(problem.start, {name: 0 * leaf for name, leaf in leaves.items()})
    curse = Objective("curse", early)
    cursed = dataclasses.replace(problem, start=start, objectives=(*problem.objectives, curse))
    with pytest.raises(RunError, match="not finite") as failed:
        optimise(cursed, Adam(), key=KEY, rounds=4, events=20, chunk=2)
    history = failed.value.history
    assert set(history["status"]) == {"ok", "failed"}
    assert all(history["status"][row] == "ok" for row in history.learned)


def test_designs_without_leaves_keep_nothing():
    bare = without_leaves()
    history = optimise(bare, Adam(), key=KEY, rounds=2, events=20)
    assert history.learned == {}
    assert history.complete.all()
    history.design(bare, 0)


def test_methods_without_gradients_keep_the_leaves_of_the_start():
    problem = curve.sensor()
    history = optimise(problem, optimiser("random", batch=3), key=KEY, rounds=2, events=20)
    assert history.learned == {}
    other = dataclasses.replace(problem.start, net=curve.network(8, depth=1))
    other = dataclasses.replace(other, net=jax.tree.map(lambda a: a + 1 if hasattr(a, "shape") else a, other.net))
    with pytest.raises(DesignError, match="other learned leaves than 'curve/sensor'"):
        optimise(problem, optimiser("random"), key=KEY, rounds=1, events=20, start=other)
    for row in range(len(history)):
        design = history.design(problem, row)
        np.testing.assert_array_equal(design.net.layers[0].weight, problem.start.net.layers[0].weight)
        assert float(design.noise) == pytest.approx(history["noise [1]"][row])


def test_incumbents_are_rows_whose_leaves_are_kept(searched):
    _, history = searched
    found = incumbents(history, len(history))
    assert set(found) <= set(history.learned)
    assert found[-1] == history.best_row()
    assert len(incumbents(History(history.columns), len(history))) > len(found)


@pytest.mark.parametrize("name", ["random", "cmaes", "tpe", "grid"])
def test_nothing_to_vary_is_refused(name):
    with pytest.raises(OptimiserError, match="no free parameter but learned leaves"):
        optimise(curve.fit(), optimiser(name), key=KEY, rounds=1, events=20)


def test_nothing_at_all_is_refused():
    problem = dataclasses.replace(curve.sensor(), frozen=("noise",))
    history = optimise(problem, Adam(), key=KEY, rounds=2, events=20)
    assert "noise [1]" not in history.columns
    with pytest.raises(OptimiserError, match="no free parameter at all"):
        optimise(without_leaves(frozen=("centre", "width")), Adam(), key=KEY, rounds=2, events=20)
    with pytest.raises(OptimiserError, match="2 starts of a design without free parameters"):
        optimise(curve.fit(), Adam(starts=2), key=KEY, rounds=2, events=20)
    with pytest.raises(OptimiserError, match="adam"):
        optimise(curve.fit(), optimiser("newton"), key=KEY, rounds=2, events=20)


def without_leaves(**changes):
    """The ruler with a correction that is no number to be learned."""
    start = dataclasses.replace(ruler(), offset={"a": np.array([1, 0])})
    return ruler_problem(objectives=OBJECTIVES[:1], start=start, **changes)
