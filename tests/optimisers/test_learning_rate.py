"""Suggested steps: a share of the step that lowers the loss most, field by field, in the field's own unit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from core.toys import OBJECTIVES, Shutter, Source, first, ruler_problem
from daedalus.core import Design, Objective, Pipeline, Problem, parameter
from daedalus.errors import OptimiserError
from daedalus.optimisers import Adam
from daedalus.optimisers.learning_rate import suggested_steps

KEY = jax.random.key(0)


class Desk(Design):
    """Three fields, one of them idle, one at its bound."""

    x: jax.Array = parameter(0.0, 10.0, "m", doc="x")
    z: jax.Array = parameter(0.0, 1.0, "cm", doc="z")
    idle: jax.Array = parameter(0.0, 4.0, "1", doc="no effect")


def bowl(design, summaries, truths):
    return (design.x - 4.1) ** 2 + 30 * jnp.sum((design.z - jnp.array([0.32, -2.0])) ** 2)


DESK = Problem(
    name="desk",
    start=Desk(9.0, jnp.array([0.8, 0.0]), 1.0),
    build=lambda design, truth: Pipeline([], {}),
    objectives=(Objective("bowl", bowl),),
    events=2,
)


def test_steps_are_a_quarter_of_those_with_the_deepest_fall():
    found = suggested_steps(DESK, key=KEY)
    # x: 5 of 5, 2.5, 1.25 ... comes nearest to 4.1; z: 0.5 of 0.5, 0.25 ..., its second element held at the bound
    assert dict(found) == pytest.approx({"x": 1.25, "z": 0.125, "idle": 0.08})
    assert str(found).splitlines() == [
        "x: 1.25 m, 0.25 of 5 m, which lowers the loss most: by 24 +- 0",
        "z: 12.5 cm, 0.25 of 50 cm, which lowers the loss most: by 6.9 +- 0",
        "idle: 0.08, a share of 0.02 of the range: no step makes the loss fall for certain",
    ]


def test_adam_takes_them():
    method = Adam(steps=suggested_steps(DESK, key=KEY, share=0.5))
    state = method.init(DESK.space, DESK.space.point(DESK.start), key=KEY, rounds=3)
    assert np.allclose(state.steps, [0.25, 0.25, 0.25, 0.02])


def test_common_random_numbers_make_falls_certain_that_losses_are_not():
    # the mean position of 30 events has an error of 0.2 m, the source's place; the falls are a tenth of its square
    problem = ruler_problem(objectives=OBJECTIVES[:1], events=30)
    found = suggested_steps(problem, key=KEY)
    assert set(found) == {"centre", "width"}
    assert "+-" in found.reasons["centre"]
    assert 0.01 < found["centre"] < 1.0


def test_misuse():
    chain = lambda design, truth: Pipeline([Source(truth), Shutter(jnp.ones(()))], {"first": first})
    blind = ruler_problem(build=chain, objectives=OBJECTIVES[:1])
    with pytest.raises(OptimiserError, match="stages all have a derivative"):
        suggested_steps(blind, key=KEY)
    with pytest.raises(OptimiserError, match=r"share 0\.0"):
        suggested_steps(DESK, key=KEY, share=0.0)
