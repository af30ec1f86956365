"""Stage times: every part is named and timed on the evaluation's own events, and the slow one is found."""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from core.toys import OBJECTIVES, Coin, Position, Source, Window, build, first, place, ruler_problem, size
from daedalus.core import Derivative, Objective, Pipeline, Scenarios, Stage
from daedalus.errors import ProblemError
from daedalus.execution import PythonFunction
from daedalus.search.stage_times import beginning, parts, stage_times
from execution.hillside import height, hillside_problem

KEY = jax.random.key(4)
STEPS = 2000


class Detour(Stage):
    """Two thousand steps there and back."""

    steps: int
    name: ClassVar[str] = "detour"
    derivative: ClassVar[Derivative] = Derivative.NONE

    def __call__(self, events, *, key):
        step = lambda _, x: jnp.sin(jnp.cos(x) + jnp.exp(-(x**2)))
        return events.add(Position(jax.lax.fori_loop(0, self.steps, step, events[Position].x)))


def detour(steps):
    chain = lambda design, truth: Pipeline(
        [Source(truth), Detour(steps), Window(design.centre, design.width[0])], {"first": first}
    )
    return ruler_problem(build=chain, objectives=OBJECTIVES[:1])


@pytest.fixture(scope="module")
def rows():
    return stage_times(ruler_problem(), key=KEY, events=64, softness=1.0, repeats=2)


def test_every_part_is_named_in_its_order(rows):
    names = ["source", "window", "pass 1: first", "pass 2: second", "figures", "gradient"]
    assert [row.name for row in rows] == names


def test_the_source_in_front_is_a_stage():
    chain = lambda design, truth: Pipeline([Window(design.centre, design.width[0])], {"a": first, "first": first})
    problem = ruler_problem(build=chain, source=Source(jnp.zeros(())), objectives=OBJECTIVES[:1])
    stages = lambda count: beginning(problem, count).pipeline(problem.start, key=KEY).stages
    assert [[stage.name for stage in stages(count)] for count in (1, 2)] == [["source"], ["source", "window"]]
    passes = lambda count: beginning(problem, 2, count).pipeline(problem.start, key=KEY).passes
    assert [list(each) for each in passes(1)] == [["a", "first"]]


def test_a_problem_without_stages_and_sums_has_times_too():
    objective = Objective("size", size, "m")
    problem = ruler_problem(build=lambda design, truth: Pipeline([], {}), objectives=(objective,), metrics=())
    found = stage_times(problem, key=KEY, events=10, repeats=1)
    assert [row.name for row in found] == ["pass 1", "figures", "gradient"]


def test_the_parts_are_the_whole(rows):
    cumulative = np.array([row.cumulative for row in rows])
    assert sum(row.share for row in rows) == pytest.approx(1.0, abs=1e-9)
    assert (np.diff(cumulative) >= 0).all()
    assert cumulative[0] > 0
    np.testing.assert_allclose(np.cumsum([row.seconds for row in rows]), cumulative, rtol=1e-9)
    np.testing.assert_allclose([row.seconds / cumulative[-1] for row in rows], [row.share for row in rows], rtol=1e-9)


def test_a_beginning_takes_no_longer_than_the_whole():
    found = parts(["a", "b", "c", "d"], np.array([1.0, 5.0, 4.0, 8.0]))
    assert [row.cumulative for row in found] == [1.0, 4.0, 4.0, 8.0]
    assert [row.seconds for row in found] == [1.0, 3.0, 0.0, 4.0]
    assert [row.share for row in found] == [0.125, 0.375, 0.0, 0.5]


def test_the_heavy_stage_has_the_largest_share_and_without_derivatives_there_is_no_gradient():
    found = stage_times(detour(STEPS), key=KEY, events=128, repeats=3)
    assert [row.name for row in found][-1] == "figures"
    assert max(found, key=lambda row: row.share).name == "detour"


def flops(problem, softness=1.0):
    """Operations of the compiled sums of an evaluation."""
    partition = problem.partition(64)

    def run(point, key):
        return problem.summaries(point, key=key, partition=partition, softness=softness)[0]

    return jax.jit(run).lower(problem.space.point(problem.start), KEY).compile().cost_analysis()["flops"]


def test_no_work_of_a_beginning_is_saved():
    chain = lambda design, truth: Pipeline([Source(truth), Coin(), Detour(1)], {"first": first})
    problem = ruler_problem(build=chain)
    one, two, three = (flops(beginning(problem, count)) for count in (1, 2, 3))
    assert two - one > 64  # a draw for every event and scenario
    assert three - two > 64
    # what a coin decides is used, though no noun holds it
    sums = problem.summaries(problem.space.point(problem.start), key=KEY, partition=problem.partition(64))[0]
    cut = beginning(problem, 2).summaries(problem.space.point(problem.start), key=KEY, partition=problem.partition(64))
    np.testing.assert_array_equal(cut[0].accepted, sums.accepted)
    assert 0 < sums.accepted[0] < 64


@pytest.mark.parametrize("random", [False, True])
def test_a_beginning_sees_the_events_of_the_evaluation(random):
    problem = ruler_problem(scenarios=Scenarios(place, 2, random=random))
    partition, point = problem.partition(200, block=64), problem.space.point(problem.start)
    sums = lambda of: of.summaries(point, key=KEY, partition=partition)[0]
    whole = sums(problem)
    once = sums(beginning(problem, 2, 1))
    assert set(once.sums) == {"first", "accepted"}
    np.testing.assert_array_equal(once["first"]["x"], whole["first"]["x"])
    np.testing.assert_array_equal(sums(beginning(problem, 2, 2))["second"], whole["second"])
    np.testing.assert_array_equal(sums(beginning(problem, 2)).accepted, whole.accepted)
    assert not np.array_equal(sums(beginning(problem, 1)).accepted, whole.accepted)  # before the window


def test_a_foreign_problem_is_refused():
    with pytest.raises(ProblemError, match=r"'hillside' is evaluated by a foreign simulator.*own language"):
        stage_times(hillside_problem(PythonFunction(height, ("height",))), key=KEY, events=10)


def test_nothing_timed_is_refused():
    with pytest.raises(ProblemError, match="0 repeats"):
        stage_times(ruler_problem(), key=KEY, events=10, repeats=0)


def test_the_toy_is_differentiable():
    assert Derivative.NONE not in build(ruler_problem().start, jnp.zeros(())).derivative
