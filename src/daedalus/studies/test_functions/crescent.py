"""g06: a cubic in two parameters, whose two constraints leave a thin crescent.

Floudas and Pardalos, A Collection of Test Problems for Constrained Global Optimization, Springer 1990; g06 of Liang et
al., Problem definitions and evaluation criteria for the CEC 2006 special session, Nanyang 2006.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from daedalus.catalogue import Recipe
from daedalus.core import Constraint, Objective, Pipeline, Problem
from daedalus.optimisers import optimiser
from daedalus.studies.test_functions.design import CrescentDesign

OPTIMUM = (14.095, 0.8429607892154796)  # both constraints are active; the value is -6961.81388
OUTSIDE = (20.1, 5.84)  # the customary start, which violates the second constraint
INSIDE = (15.05, 5.0)  # in the middle of the crescent, where it is thickest: 0.1 wide
SCALE = 1000.0  # a change of the cubic that matters: the start inside is 3700 above the optimum [1]
CERTAIN_EVENTS = 2  # there is no noise: two, so that their agreement gives an error of zero
ROUNDING = 1e-9  # how far beyond a circle still counts as met; worth 2e-6 of the cubic [1]


def g06(known: bool = False) -> Problem:
    """The problem g06, from (20.1, 5.84), or from (15.05, 5) where the constraints are known.

    Args:
        known: the constraints are known beforehand, so that every evaluated design meets them; else they are measured.
    """
    return Problem(
        name="test_functions/g06",
        start=CrescentDesign(jnp.array(INSIDE if known else OUTSIDE)),
        build=lambda design, truth: Pipeline([], {}),
        objectives=(Objective("cubic", cubic, scale=SCALE, doc="(x1 - 10)^3 + (x2 - 20)^3"),),
        constraints=(
            Constraint(
                "outside",
                outside,
                lower=100.0,
                tolerance=ROUNDING,
                known=known,
                doc="square of the distance from (5, 5)",
            ),
            Constraint(
                "inside", inside, upper=82.81, tolerance=ROUNDING, known=known, doc="square of the distance from (6, 5)"
            ),
        ),
        doc="a cubic in two parameters within a thin crescent",
        events=CERTAIN_EVENTS,
        references={"optimum": CrescentDesign(jnp.array(OPTIMUM))},
    )


def g06_recipe(problem: Problem) -> Recipe:
    """How g06 is best run: by evolution with its constraints first."""
    return Recipe(optimiser("de"), 200, CERTAIN_EVENTS, scenarios=1, scoring_scenarios=1)


def cubic(design: Any, *_: Any) -> Float[Array, ""]:
    """The objective (x1 - 10)^3 + (x2 - 20)^3 [1]."""
    return (design.x[0] - 10.0) ** 3 + (design.x[1] - 20.0) ** 3


def outside(design: Any, *_: Any) -> Float[Array, ""]:
    """The square of the distance from (5, 5), which must be at least 100 [1]."""
    return jnp.sum((design.x - 5.0) ** 2)


def inside(design: Any, *_: Any) -> Float[Array, ""]:
    """The square of the distance from (6, 5), which must be at most 82.81 [1]."""
    return (design.x[0] - 6.0) ** 2 + (design.x[1] - 5.0) ** 2
