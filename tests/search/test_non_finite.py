"""Where a number stops being finite: the first stage that makes it, or the figure."""

import dataclasses

import jax
import jax.numpy as jnp

from core.toys import OBJECTIVES, Source, Window, first, ruler_problem
from daedalus.core import Objective, Pipeline, Status
from daedalus.search import first_non_finite

KEY = jax.random.key(4)


def test_the_first_stage_is_named():
    chain = lambda design, truth: Pipeline(
        [Source(truth), Window(design.centre, 0 * design.width[0] + jnp.nan)], {"first": first}
    )
    problem = dataclasses.replace(ruler_problem(objectives=OBJECTIVES[:1]), build=chain)
    assert first_non_finite(problem, problem.start, key=KEY, events=5, softness=None) == "window"
    assert int(problem.evaluate(problem.start, key=KEY).status) == Status.FAILED


def test_the_sum_and_the_figure_are_named():
    chain = lambda design, truth: Pipeline([Source(truth)], {"first": first, "root": lambda *_: -jnp.log(0 * truth)})
    problem = ruler_problem(objectives=OBJECTIVES[:1], build=chain)
    where = lambda task: first_non_finite(task, task.start, key=KEY, events=5, softness=None)
    assert where(problem) == "root"
    lost = Objective("lost", lambda design, summaries, truths: jnp.log(-1 - summaries.weight[0]))
    assert where(ruler_problem(objectives=(lost,))) == "lost"
