"""Known constraints: every design that is evaluated meets them, and moves no farther than it must."""

import dataclasses

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


def shortened(design):
    """Both sides in proportion, so that they add up to 1.5 m at most: a repair that is not the least move."""
    share = jnp.minimum(1.0, 1.5 / jnp.sum(design.sides))
    return dataclasses.replace(design, sides=design.sides * share * (1.0 - 1e-12))


def longest(design):
    return design.sides[0] + design.sides[1]


def wished(task, *cubes):
    """Places in the cube that a search would like to go to."""
    return Point(jnp.array(cubes), task.space.point(task.start).learned)


REPAIRED = Constraint("length", longest, upper=1.5, known=True, repair=shortened)


@pytest.mark.parametrize("whole", [True, False])
def test_a_repair_takes_the_place_of_least_moves(whole):
    task = problem(REPAIRED)
    points = wished(task, [0.9, 0.6, 0.2], [0.5, 0.95, 0.8], [1.2, -0.3, 0.5])
    cubes = jax.jit(lambda p: task.admitted(p, whole=whole).cube)(points)
    inside = np.clip(points.cube, 0.0, 1.0)
    expected = inside[:, :2] * 0.75 / inside[:, :2].sum(1, keepdims=True)  # a sum of 1.5 m in a cube of two metres
    np.testing.assert_allclose(cubes[:, :2], expected, atol=1e-9)
    bars = np.asarray(jax.vmap(task.space.snapped)(points.cube))[:, 2] if whole else inside[:, 2]
    np.testing.assert_allclose(cubes[:, 2], bars, atol=1e-12)


@pytest.mark.parametrize("whole", [True, False])
def test_a_repair_leaves_what_meets_the_constraint(whole):
    still = Constraint("length", longest, upper=1.5, known=True, repair=lambda design: design)
    task = problem(still)
    points = wished(task, [0.3, 0.4, 0.2], [0.0, 0.0, 0.0], [0.7491, 0.0, 0.83])
    cubes = jax.jit(lambda p: task.admitted(p, whole=whole).cube)(points)
    place = jax.vmap(task.space.snapped)(points.cube) if whole else points.cube
    np.testing.assert_array_equal(cubes, place)  # whole numbers, too, are between two where they may be


def test_where_a_repair_does_not_help_least_moves_do():
    """For one of the points alone: the others stay as repaired."""

    def half(design):  # shortens frames of few bars, and leaves others as they are
        return jax.tree.map(lambda new, old: jnp.where(design.bars < 3, new, old), shortened(design), design)

    task = problem(dataclasses.replace(REPAIRED, repair=half))
    points = wished(task, [0.9, 0.6, 0.0], [0.9, 0.6, 1.0], [0.1, 0.2, 1.0])
    few, many, fine = task.admitted(points, whole=True).cube
    np.testing.assert_allclose(few[:2], [0.9 / 2, 0.6 / 2], atol=1e-9)
    np.testing.assert_allclose(many[:2], [0.9 - 0.375, 0.6 - 0.375], atol=1e-5)
    np.testing.assert_allclose(fine[:2], [0.1, 0.2], atol=1e-15)


def test_least_moves_go_on_from_where_a_repair_ends():
    task = problem(REPAIRED, EQUAL)
    (cube,) = task.admitted(wished(task, [0.9, 0.6, 0.5]), whole=True).cube
    assert float(longest(task.space.design(cube))) <= 1.5
    np.testing.assert_allclose(cube[:2], [0.375, 0.375], atol=1e-4)  # from (0.45, 0.30), onto the diagonal


def test_repairs_follow_each_other_in_the_order_of_the_constraints():
    narrow = lambda design: dataclasses.replace(design, sides=jnp.minimum(design.sides, 0.5))
    thin = Constraint("thin", lambda d: jnp.max(d.sides), upper=0.5, known=True, repair=narrow)
    task = problem(REPAIRED, thin, start=(0.4, 0.4, 2.0))
    (cube,) = task.admitted(wished(task, [0.9, 0.3, 0.5]), whole=True).cube
    np.testing.assert_allclose(cube[:2], [0.25, 0.1875], atol=1e-9)  # 1.8 and 0.6 m, 1.125 and 0.375 m, then 0.5 m
    turned = problem(thin, REPAIRED, start=(0.4, 0.4, 2.0))
    (other,) = turned.admitted(wished(turned, [0.9, 0.3, 0.5]), whole=True).cube
    np.testing.assert_allclose(other[:2], [0.25, 0.25], atol=1e-9)  # 0.5 and 0.5 m are short already


def test_a_repair_that_leaves_the_cube_or_finds_nothing_is_not_trusted():
    broad = lambda design: dataclasses.replace(design, sides=5.0 - design.sides)
    task = problem(Constraint("length", longest, upper=1.5, known=True, repair=broad))
    (cube,) = task.admitted(wished(task, [0.9, 0.6, 0.5]), whole=True).cube
    assert bool(jnp.all((cube >= 0) & (cube <= 1)))
    assert float(longest(task.space.design(cube))) <= 1.5
    lost = lambda design: dataclasses.replace(design, sides=design.sides * jnp.nan)
    task = problem(Constraint("length", longest, upper=1.5, known=True, repair=lost))
    (cube,) = task.admitted(wished(task, [0.9, 0.6, 0.5]), whole=True).cube
    np.testing.assert_allclose(cube[:2], [0.25, 0.25], atol=1e-12)  # the start


def test_a_repair_of_what_only_an_evaluation_tells_is_refused():
    with pytest.raises(ProblemError, match="'length' is measured and has a repair; expected known=True"):
        Constraint("length", lambda design, summaries, truths: design.sides[0], upper=1.0, repair=shortened)


def test_a_search_walks_along_a_repaired_edge():
    task = problem(REPAIRED)
    history = optimise(task, Adam(step_share=0.1), key=KEY, rounds=15)
    assert (history["sides[0] [m]"] + history["sides[1] [m]"]).max() <= 1.5
    assert history["area"].min() == pytest.approx(2 * 1.1**2, abs=0.02)  # four bars, nearest place on the line


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
