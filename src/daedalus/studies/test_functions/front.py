"""ZDT1: thirty parameters, two objectives, and a front in closed form.

Zitzler, Deb and Thiele, Evol. Comput. 8 (2000) 173, function T1.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from daedalus.catalogue import Recipe
from daedalus.core import Metric, Objective, Pipeline, Problem, Summaries
from daedalus.optimisers import optimiser
from daedalus.studies.test_functions.design import UnitDesign

DIMENSIONS = 30
STEEPNESS = 9.0  # of g [1]
CERTAIN_EVENTS = 2  # there is no noise: two, so that their agreement gives an error of zero
FRONT = {"left": 0.0, "optimum": 0.25, "right": 1.0}  # places on the front by f1; "optimum" has the least f1 + f2


def zdt1() -> Problem:
    """The problem ZDT1, from the middle of its box; on the front f2 = 1 - sqrt(f1), where all x but x1 are 0."""
    place = lambda first: UnitDesign(jnp.zeros(DIMENSIONS).at[0].set(first))
    return Problem(
        name="test_functions/zdt1",
        start=UnitDesign(jnp.full(DIMENSIONS, 0.5)),
        build=lambda design, truth: Pipeline([], {}),
        objectives=(
            Objective("f1", _first, doc="x1"),
            Objective("f2", _second, doc="g - sqrt(f1 g), with g = 1 + 9 mean of the other x"),
        ),
        metrics=(Metric("distance", _distance, doc="g - 1: zero on the front only", always=True),),
        doc="two objectives of thirty parameters, whose front is known",
        events=CERTAIN_EVENTS,
        references={name: place(first) for name, first in FRONT.items()},
    )


def zdt1_recipe(problem: Problem) -> Recipe:
    """How ZDT1 is best run: by non-dominated sorting, 10 000 designs, ten a round."""
    return Recipe(optimiser("nsga2"), 1000, CERTAIN_EVENTS, scenarios=1, scoring_scenarios=1)


def objectives(x: Float[Array, "coordinate"]) -> Float[Array, "2"]:
    """The objectives f1 = x1 and f2 = g - sqrt(x1 g), g = 1 + 9 mean(x2 ...) [1].

    The derivative of the root at x1 = 0, which is infinite, is taken as zero.
    """
    g = 1.0 + STEEPNESS * jnp.mean(x[1:])
    product = x[0] * g
    root = jnp.where(product > 0, jnp.sqrt(jnp.where(product > 0, product, 1.0)), 0.0)
    return jnp.stack([x[0], g - root])


def _first(design: Any, summaries: Summaries, truths: PyTree) -> Float[Array, ""]:
    return objectives(design.x)[0]


def _second(design: Any, summaries: Summaries, truths: PyTree) -> Float[Array, ""]:
    return objectives(design.x)[1]


def _distance(design: Any, summaries: Summaries, truths: PyTree) -> Float[Array, ""]:
    return STEEPNESS * jnp.mean(design.x[1:])
