"""Guards: points left out or drawn back where numbers are not finite, and searches ended that ran away."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from core.toys import OBJECTIVES, Source, Window, first, ruler_problem
from daedalus.core import Objective, Pipeline
from daedalus.errors import RunError
from daedalus.optimisers import Adam, RandomSearch, optimiser
from daedalus.search import Guards, optimise
from daedalus.search.guards import replayed
from daedalus.search.shrinking import Shrinking

KEY = jax.random.key(9)


def holed(low=1.90, high=1.98):
    """The ruler with a hole: windows whose centre lies in it are nowhere."""

    def chain(design, truth):
        centre = design.centre
        lost = jnp.where((centre > low) & (centre < high), jnp.nan, centre)
        return Pipeline([Source(truth), Window(lost, design.width[0])], {"first": first})

    return ruler_problem(build=chain, objectives=OBJECTIVES[:1])


def run(problem, method=None, **options):
    options = {"key": KEY, "rounds": 8, "events": 32, "chunk": 2, **options}
    return optimise(problem, method or Adam(steps={"centre": 0.05}), **options)


def test_a_point_that_is_not_finite_is_left_out_and_the_search_goes_on():
    history = run(holed(), guards=Guards(unsound="skip"))
    failed = history["status"] == "failed"
    hole = (history["centre [m]"] > 1.90) & (history["centre [m]"] < 1.98)
    np.testing.assert_array_equal(failed, hole)
    assert failed.any()
    assert not failed[-1]
    assert np.all(np.isinf(history["loss"][failed]))  # worth nothing
    assert history["centre [m]"][-1] < 1.90  # carried across by its momentum


def test_a_point_that_is_not_finite_is_drawn_back_half_way():
    history = run(holed(low=-9.0), guards=Guards(unsound="shrink"), rounds=12)
    centre, failed = history["centre [m]"], history["status"] == "failed"
    np.testing.assert_array_equal(failed, centre < 1.98)
    assert failed.any()
    first_failure = int(np.argmax(failed))
    sound = centre[first_failure - 1]
    skipped = run(holed(low=-9.0), guards=Guards(unsound="skip"), rounds=12)["centre [m]"]
    np.testing.assert_array_equal(skipped[: first_failure + 1], centre[: first_failure + 1])
    assert centre[first_failure + 1] == pytest.approx(0.5 * (sound + skipped[first_failure + 1]), abs=1e-9)
    assert not failed[first_failure + 2 :].all()  # it comes back to where there is something


def test_drawing_back_changes_nothing_while_all_is_sound():
    plain, guarded = run(ruler_problem(objectives=OBJECTIVES[:1])), None
    guarded = run(ruler_problem(objectives=OBJECTIVES[:1]), guards=Guards(unsound="shrink"))
    np.testing.assert_array_equal(plain["loss"], guarded["loss"])


OTHERS = [
    pytest.param(name, marks=pytest.mark.slow) for name in ("random", "tpe", "sgd", "nsga2", "linear", "annealing")
]


@pytest.mark.parametrize("name", ["cmaes", "lbfgs", "gp", *OTHERS])
@pytest.mark.parametrize("policy", ["skip", "shrink"])
def test_every_method_goes_on_around_a_hole(name, policy):
    history = run(holed(0.5, 1.7), optimiser(name), rounds=4, guards=Guards(unsound=policy))
    assert history["round"].max() == 3
    assert np.isfinite(history["loss"][history["status"] == "ok"]).all()


def test_a_search_that_finds_nothing_for_long_gives_up():
    nowhere = holed(-9.0, 9.0)
    with pytest.raises(RunError, match="round 0 to 4 of 'ruler': no point had a finite loss and gradient") as caught:
        run(nowhere, guards=Guards(unsound="skip", give_up=5), rounds=20)
    assert len(caught.value.history) == 6  # the chunk in which the fifth round was


@pytest.mark.parametrize("method", [Adam(steps={"centre": 0.05}), RandomSearch(batch=3)])
def test_a_fault_holds_all_that_is_needed_to_meet_it_again(method):
    problem, seen = holed(-9.0), []
    guards = Guards(unsound="skip")
    history = run(problem, method, guards=guards, watch=[lambda progress: seen.extend(progress.faults)])
    assert [fault.row for fault in seen] == np.where(history["status"] == "failed")[0].tolist()
    partition, gradient = problem.partition(32), method.handles.gradients
    for fault in seen[:2]:
        again = replayed(problem, fault, KEY, partition, gradient=gradient)
        assert not np.isfinite(float(again.loss))
        assert fault.place == "window"
        assert float(problem.space.design(fault.point).centre) == history["centre [m]"][fault.row]
    elsewhere = dataclasses.replace(seen[0], point=problem.space.point(problem.start))
    assert np.isfinite(float(replayed(problem, elsewhere, KEY, partition, gradient=gradient).loss))


def climbing():
    """A problem whose derivative has the wrong sign."""

    def height(design, summaries, truths):
        value = 1e4 * (design.centre - 2.0) ** 2 + 10 * (design.centre - 2.0)
        return 2 * jax.lax.stop_gradient(value) - value

    return ruler_problem(objectives=(Objective("height", height),))


def test_a_search_that_has_diverged_is_ended():
    with pytest.raises(RunError, match=r"'ruler' has diverged: the loss was 0 in its first round") as caught:
        run(climbing(), Adam(step_share=0.1), rounds=60)
    assert 10 < len(caught.value.history) < 60
    whole = run(climbing(), Adam(step_share=0.1), rounds=60, guards=Guards(divergence=np.inf))
    assert len(whole) == 60


@pytest.mark.parametrize("wrong", [{"give_up": 0}, {"divergence": 0.0}, {"patience": 0}])
def test_wrong_guards_are_refused(wrong):
    with pytest.raises(RunError, match="expected"):
        Guards(**wrong)


def test_a_shrinking_method_handles_what_the_method_handles():
    assert Shrinking(optimiser("nsga2")).handles == optimiser("nsga2").handles
