"""The checks themselves: what breaks a promise is found, and the text says how to mend it."""

from typing import ClassVar

import jax
import jax.numpy as jnp
import pytest

from core.toys import OBJECTIVES, Coin, Position, Source, ruler_problem
from daedalus.core import Derivative, Objective, Point, Proposal, Space, Stage
from daedalus.optimisers import RandomSearch
from daedalus.testing import (
    ConformanceError,
    check_gradient,
    check_objective,
    check_optimiser,
    check_stage,
    conformance,
)
from daedalus.testing.stages import settled_difference
from testing.cases import blank, panel

KEY = jax.random.key(1)


class BatchNumbers(Stage):
    """Draws by the batch's shape."""

    name: ClassVar[str] = "batch_numbers"
    derivative: ClassVar[Derivative] = Derivative.EXACT

    def __call__(self, events, *, key):
        return events.add(Position(jax.random.normal(key, events.index.shape)))


class HardEdge(Stage):
    """Cuts at a parameter and says its derivative is exact."""

    edge: jax.Array
    name: ClassVar[str] = "hard_edge"
    derivative: ClassVar[Derivative] = Derivative.EXACT

    def __call__(self, events, *, key):
        return events.accept(events[Position].x < self.edge)


class LostDerivative(Stage):
    """Stops a gradient and says its derivative is exact."""

    scale: jax.Array
    name: ClassVar[str] = "lost_derivative"
    derivative: ClassVar[Derivative] = Derivative.EXACT

    def __call__(self, events, *, key):
        return events.add(Position(events[Position].x * jax.lax.stop_gradient(self.scale)))


class Narrow(Stage):
    """Writes a precision down."""

    name: ClassVar[str] = "narrow"
    derivative: ClassVar[Derivative] = Derivative.EXACT

    def __call__(self, events, *, key):
        return events.add(Position(events[Position].x.astype(jnp.float32)))


SPREAD = Source(jnp.asarray(0.3))


def spread():
    return SPREAD(blank(), key=KEY)


def test_good_stages_conform():
    assert "pure" in str(check_stage(SPREAD, blank(), key=KEY))
    check_stage(Coin(), blank(), key=KEY)


@pytest.mark.parametrize(
    ("stage", "record", "complaint"),
    [
        (BatchNumbers(), blank, "gives permuted events other rows"),
        (HardEdge(jnp.asarray(1.0)), spread, "its parameters decide who stays alive"),
        (
            LostDerivative(jnp.asarray(2.0)),
            spread,
            "declares an exact derivative, but by its parameters it is 0",
        ),
        (Narrow(), spread, "is float32; expected float64"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_bad_stages_are_found(stage, record, complaint):
    with pytest.raises(ConformanceError, match=complaint):
        check_stage(stage, record(), key=KEY)


def summaries():
    problem = ruler_problem()
    point = problem.space.point(problem.start)
    return problem, problem.summaries(point, key=KEY, partition=problem.partition(50))


def test_objectives():
    problem, (sums, truths) = summaries()
    check_objective(OBJECTIVES[0], problem.start, sums, truths)
    greedy = Objective("greedy", lambda d, s, t: jnp.mean(s["first"]["x"]))
    with pytest.raises(ConformanceError, match=r"greedy changes .* when a scenario of weight zero holds"):
        check_objective(greedy, problem.start, sums, truths)
    careless = Objective("careless", lambda d, s, t: s.mean(s["first"]["x"] / s["first"]["count"]))
    with pytest.raises(ConformanceError, match=r"the derivative of careless by \['first'\] is not finite"):
        check_objective(careless, problem.start, sums, truths)


class Escaping(RandomSearch):
    """Leaves the cube."""

    def ask(self, state, *, key):
        proposal = RandomSearch.ask(self, state, key=key)
        cube = jnp.where(state.round > 0, proposal.points.cube * 1.5, proposal.points.cube)
        return Proposal(Point(cube, proposal.points.learned), proposal.softness)


def test_an_optimiser_that_leaves_the_cube_is_found():
    with pytest.raises(ConformanceError, match="Escaping leaves the cube"):
        check_optimiser(Escaping(batch=3), Space.of(panel()), rounds=3)


def test_gradient_report():
    problem = ruler_problem()
    report = check_gradient(problem, key=KEY, events=60, real=True, keys=3)
    assert (report.relative < 1e-6).all()
    assert (report.spread[:1] > 0).all()
    # the toy has no relaxed stage: the bias is that of the real differences' step only
    assert (abs(report.bias[:1]) < 0.1 * abs(report.derivative[:1]) + 5 * report.bias_error[:1]).all()
    assert str(report).startswith("gradient by 3 parameters")
    assert "width[1] [1/cm]" in str(report)
    named = check_gradient(problem, key=KEY, events=60, names=["centre"], keys=1)
    assert named.names == ("centre",)


def test_a_wrong_gradient_is_found():
    stopped = Objective("stopped", lambda d, s, t: d.centre * jax.lax.stop_gradient(d.centre))
    with pytest.raises(ConformanceError, match="the derivative by centre is off"):
        check_gradient(ruler_problem(objectives=(stopped,)), key=KEY, events=20, keys=1)


def test_a_bend_within_the_first_step_is_told_from_a_wrong_derivative():
    start = float(ruler_problem().start.centre)
    width = float(ruler_problem().space.upper[0] - ruler_problem().space.lower[0])
    bend = start + 1e-5 * width  # the first step goes twice as far
    bent = Objective("bent", lambda d, s, t: jnp.abs(d.centre - bend))
    report = check_gradient(ruler_problem(objectives=(bent,)), key=KEY, events=20, keys=1, names=["centre"])
    assert (report.relative < 1e-6).all()


def test_conformance_of_a_good_and_a_bad_problem():
    verdicts = conformance(ruler_problem())
    assert all(verdict.ok for verdict in verdicts), verdicts
    assert [verdict.name for verdict in verdicts] == [
        "space", "stage source", "stage window", "figure miss", "figure spread", "figure size",
        "problem", "gradient",
    ]  # fmt: skip
    greedy = Objective("greedy", lambda d, s, t: jnp.mean(s["first"]["x"]))
    failed = {
        verdict.name: verdict.text for verdict in conformance(ruler_problem(objectives=(greedy,))) if not verdict.ok
    }
    assert list(failed) == ["figure greedy"]
    assert failed["figure greedy"].startswith("ConformanceError: greedy changes")


def test_differences_are_taken_where_they_settle():
    # curved on a scale of 1e-3, flat behind a large constant, and one that no step of 1e-4 would get right
    assert settled_difference(lambda x: jnp.exp(x / 1e-3), 1e-4) == pytest.approx(1e3, rel=1e-8)
    assert settled_difference(lambda x: 10.0 + 1e-3 * x, 1e-4) == pytest.approx(1e-3, rel=1e-6)
    assert settled_difference(lambda x: 1.0 / (1.0 - x / 3e-4), 1e-4) == pytest.approx(1 / 3e-4, rel=1e-7)
