"""The loop: starts, chunks, watchers, interrupts, and how it stops where numbers are unsound."""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from core.toys import OBJECTIVES, Shutter, Source, Window, build, first, limited, ruler_problem
from daedalus.core import Capabilities, Derivative, Pipeline, scoring_key, training_key
from daedalus.core.history import CLOCK_COLUMNS
from daedalus.errors import DesignError, OptimiserError, RunError
from daedalus.optimisers import Adam, RandomSearch
from daedalus.search import optimise

KEY = jax.random.key(9)
PROBLEM = ruler_problem(objectives=OBJECTIVES[:1])


def run(problem=PROBLEM, optimiser=None, **options):
    options = {"key": KEY, "rounds": 5, "events": 32, "chunk": 2, **options}
    return optimise(problem, optimiser or Adam(step_share=0.02, starts=2), **options)


@pytest.fixture(scope="module")
def history():
    return run()


def test_rows_rounds_and_starts(history):
    assert len(history) == 10
    assert history["round"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert history["start"].tolist() == [0, 1] * 5
    assert history["row"].tolist() == list(range(10))
    assert set(history["status"]) == {"ok"}


def test_the_first_start_is_the_given_design_exactly(history):
    assert history["centre [m]"][0] == 2.0
    assert history["width[1] [cm]"][0] == 200.0
    assert history["centre [m]"][1] != 2.0


def test_the_same_search_gives_the_same_history(history):
    again = run()
    for name in history.columns:
        if name not in CLOCK_COLUMNS:
            np.testing.assert_array_equal(again[name], history[name], err_msg=name)


def test_chunks_do_not_change_the_result(history):
    whole = run(chunk=5)
    assert np.allclose(whole["loss"], history["loss"], rtol=1e-12)


def test_watchers_see_every_chunk_and_an_interrupt_keeps_what_there_is():
    seen = []

    def watch(progress):
        seen.append((progress.done, progress.rounds, len(progress.history)))
        if progress.done == 4:
            raise KeyboardInterrupt

    history = run(watch=[watch])
    assert seen == [(2, 5, 4), (4, 5, 8)]
    assert len(history) == 8


def test_watchers_see_the_last_points_with_their_learned_leaves(history):
    seen = []
    run(watch=[lambda progress: seen.append(progress.points)])
    assert len(seen) == 3
    for start in (0, 1):
        design = PROBLEM.space.design(jax.tree.map(lambda leaf, start=start: leaf[start], seen[-1]))
        assert float(design.centre) == pytest.approx(float(history["centre [m]"][-2 + start]), abs=1e-12)
        moved = design.offset["a"] - PROBLEM.start.offset["a"]
        assert float(moved[0]) != 0.0  # the loss knows this one
        assert float(moved[1]) == 0.0  # and not that one


def test_a_non_finite_loss_names_round_and_stage_and_keeps_the_history():
    def chain(design, truth):
        # once the search has moved, the window is nowhere
        lost = jnp.where(design.centre < 1.98, jnp.nan, design.centre)
        return Pipeline([Source(truth), Window(lost, design.width[0])], {"first": first})

    problem = ruler_problem(build=chain, objectives=OBJECTIVES[:1])
    with pytest.raises(RunError, match=r"round 1 of 'ruler'.*not finite.*window") as caught:
        run(problem, Adam(steps={"centre": 0.1}))
    kept = caught.value.history
    assert kept["status"].tolist()[:2] == ["ok", "failed"]


def test_nothing_accepted_stops_the_search():
    chain = lambda design, truth: Pipeline([Source(truth), Shutter(jnp.zeros(()))], {"first": first})
    problem = ruler_problem(build=chain, objectives=OBJECTIVES[:1])
    with pytest.raises(RunError, match="no event was accepted in any of the 2 scenarios"):
        run(problem, RandomSearch(batch=2), rounds=1)


@pytest.mark.parametrize("batch", [1, 12])
def test_points_that_see_nothing_are_worth_nothing_and_the_search_goes_on(batch):
    chain = lambda design, truth: Pipeline([Source(truth), Shutter(design.centre)], {"first": first})
    problem = ruler_problem(build=chain, objectives=OBJECTIVES[:1])
    history = run(problem, RandomSearch(batch=batch), rounds=36 // batch)
    blind = history["centre [m]"] <= 0
    assert 3 < blind.sum() < 20  # a quarter of the range
    np.testing.assert_array_equal(history["status"], np.where(blind, "empty", "ok"))
    np.testing.assert_array_equal(np.isinf(history["loss"]), blind)
    assert not blind[history.best_row()]


def test_a_gradient_optimiser_is_refused_across_a_stage_without_derivative():
    chain = lambda design, truth: Pipeline([Source(truth), Shutter(jnp.ones(()))], {"first": first})
    problem = ruler_problem(build=chain, objectives=OBJECTIVES[:1])
    assert problem.pipeline(problem.start, key=KEY).derivative == Derivative.NONE
    with pytest.raises(OptimiserError, match="Adam needs gradients, but stage shutter of 'ruler'"):
        run(problem)


class Careless(RandomSearch):
    """A method that knows nothing of constraints."""

    handles: ClassVar[Capabilities] = Capabilities()


def test_measured_constraints_need_an_optimiser_that_handles_them():
    with pytest.raises(OptimiserError, match="Careless does not handle measured constraints"):
        run(ruler_problem(constraints=(limited(2.0),)), Careless())
    run(ruler_problem(constraints=(limited(2.0),)), RandomSearch(batch=2), rounds=1)


def test_the_start_must_lie_within_bounds():
    start = jax.tree.map(lambda leaf: leaf + 10, PROBLEM.start)
    with pytest.raises(DesignError, match="centre is 12 m"):
        run(start=start)


def test_another_start():
    start = PROBLEM.space.design(jnp.array([0.25, 0.5, 0.5]))
    start = PROBLEM.space.design(PROBLEM.space.point(start))
    history = run(start=start, rounds=1, optimiser=RandomSearch(batch=1))
    assert history["centre [m]"][0] == 0.0


def test_scoring_keys_are_never_training_keys():
    data = lambda key: tuple(np.asarray(jax.random.key_data(key)).tolist())
    training = {data(training_key(KEY, n)) for n in range(50)}
    scoring = {data(scoring_key(KEY, n)) for n in range(50)}
    assert not training & scoring
    assert len(scoring) == 50


def test_the_toy_has_an_exact_derivative():
    assert build(PROBLEM.start, jnp.zeros(())).derivative == Derivative.EXACT
