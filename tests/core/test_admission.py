"""Known constraints: every design that is evaluated meets them, and moves no farther than it must."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float

from daedalus.core import Constraint, Design, Objective, Pipeline, Point, Problem, parameter
from daedalus.errors import ProblemError
from daedalus.optimisers import Adam, RandomSearch
from daedalus.search import optimise

KEY = jax.random.key(2)


class Frame(Design):
    """Two lengths and a number of bars."""

    sides: Float[Array, "2"] = parameter(0.0, 2.0, "m", doc="its sides")
    bars: Float[Array, ""] = parameter(1, 5, "1", doc="how many", kind="whole")


def area(design, summaries, truths):
    return (design.sides[0] - 1.9) ** 2 + (design.sides[1] - 1.8) ** 2 + 0.1 * (design.bars - 4) ** 2


def accepted(events, earlier):
    return jnp.sum(events.effective_weight)


def problem(*constraints, start=(0.5, 0.5, 2.0)):
    design = Frame(jnp.array(start[:2]), jnp.asarray(start[2]))
    chain = lambda design, truth: Pipeline([], {"n": accepted})
    return Problem("frame", design, chain, (Objective("area", area, "m2"),), constraints=constraints, events=2)


LENGTH = Constraint("length", lambda d: d.sides[0] + d.sides[1], upper=1.5, known=True)
CIRCLE = Constraint("circle", lambda d: jnp.sum(d.sides**2), lower=0.3, upper=1.0, known=True)
EQUAL = Constraint("equal", lambda d: d.sides[0] - d.sides[1], 0.0, 0.0, tolerance=1e-4, known=True)
MIXED = Constraint("mixed", lambda d: d.sides[0] * d.bars, upper=2.0, known=True)
CASES = {
    "length": (LENGTH,),
    "circle": (CIRCLE,),
    "equal": (EQUAL,),
    "both": (LENGTH, CIRCLE, EQUAL),
    "mixed": (MIXED,),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("whole", [True, False])
def test_every_point_is_made_to_meet_known_constraints(case, whole):
    task = problem(*CASES[case])
    wished = Point(jax.random.uniform(KEY, (200, 3)), task.space.point(task.start).learned)
    cubes = jax.jit(lambda p: task.admitted(p, whole=whole).cube)(wished)
    assert bool(jnp.all((cubes >= 0) & (cubes <= 1)))
    beyond = lambda c: jnp.max(jnp.stack([jnp.max(k.excess(k.function(task.space.design(c)))) for k in CASES[case]]))
    assert bool(jnp.all(jax.vmap(beyond)(cubes) <= 0))
    place = jax.vmap(task.space.snapped)(wished.cube) if whole else wished.cube
    good = np.asarray(jax.vmap(beyond)(place) <= 0)
    np.testing.assert_array_equal(np.asarray(cubes)[good], np.asarray(place)[good])  # the good ones stay where they are


def test_the_move_onto_a_plane_is_the_shortest():
    task = problem(LENGTH)
    wished = Point(jnp.array([[0.9, 0.6, 0.25]]), task.space.point(task.start).learned)
    (cube,) = task.admitted(wished, whole=True).cube
    np.testing.assert_allclose(cube[:2], [0.9 - 0.375, 0.6 - 0.375], atol=1e-5)  # sum of 1.5 in a cube of two metres


def test_what_no_least_move_reaches_goes_back_towards_the_start():
    island = Constraint(
        "island", lambda d: jnp.where(jnp.max(jnp.abs(d.sides - 0.5)) < 0.1, -1.0, 1.0), upper=0.0, known=True
    )
    task = problem(island)
    wished = Point(jnp.array([[0.9, 0.9, 0.25]]), task.space.point(task.start).learned)
    (cube,) = task.admitted(wished, whole=True).cube
    np.testing.assert_allclose(cube[:2], [0.3, 0.3], atol=1e-6)  # the edge of the island on the way


@pytest.mark.parametrize("optimiser", [RandomSearch(batch=8), Adam(step_share=0.1)], ids=["random", "adam"])
def test_no_evaluation_is_spent_on_an_inadmissible_design(optimiser):
    task = problem(LENGTH)
    history = optimise(task, optimiser, key=KEY, rounds=15)
    assert (history["sides[0] [m]"] + history["sides[1] [m]"]).max() <= 1.5
    assert set(history["status"]) == {"ok"}
    assert history["length"].max() <= 1.5
    if isinstance(optimiser, Adam):
        best = history.best_row()
        assert history["sides[0] [m]"][best] == pytest.approx(0.8, abs=0.05)  # nearest to (1.9, 1.8) on the line
        assert history["bars [1]"][best] == 4.0


def test_a_start_that_violates_a_known_constraint_is_refused():
    with pytest.raises(ProblemError, match="violates the known constraint length"):
        problem(LENGTH, start=(1.0, 1.0, 2.0))


@pytest.mark.parametrize(
    "bounds", [{}, {"lower": 2.0, "upper": 1.0}, {"upper": 1.0, "scale": 0.0}, {"lower": 1.0, "upper": 1.0}]
)
def test_constraints_that_say_nothing_are_refused(bounds):
    with pytest.raises(ProblemError, match="constraint 'c'"):
        Constraint("c", lambda d: d.sides[0], **bounds)


def test_excess_is_in_scales_and_has_a_row_for_every_bound():
    both = Constraint("c", lambda d: d.sides[0], 1.0, 3.0, scale=2.0, tolerance=0.5)
    np.testing.assert_allclose(both.excess(jnp.asarray(4.0)), [-1.75, 0.25])
    assert Constraint("c", lambda d: d.sides[0], upper=3.0).sides == 1
