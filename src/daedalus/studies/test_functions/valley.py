"""Rosenbrock's valley without its factor of a hundred, seen through noise; plain, hidden in many parameters, or mixed.

Shirobokov et al., NeurIPS 2020, arXiv:2002.04632, as in their published code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, PyTree

from daedalus.catalogue import Recipe
from daedalus.core import Derivative, Design, Metric, Objective, Pipeline, Problem, Stage, Summaries
from daedalus.errors import ProblemError
from daedalus.events import Events, normals, uniforms
from daedalus.gradients import pick
from daedalus.optimisers import optimiser
from daedalus.studies.test_functions.design import BENDS, CentredDesign, MixedDesign, ShiftedDesign
from daedalus.studies.test_functions.submanifold import flat, on_flat

EVENTS = 3000  # per evaluation, as in the peers' measurements
CERTAIN_EVENTS = 2  # without noise: two, so that their agreement gives an error of zero
REACH = 10.0  # x is uniform in -10 to 10 [1]
LATENT = 1.0  # standard deviation of the latent number about x [1]
FLOOR, GROWTH = 0.1, 0.5  # the observation's standard deviation is 0.1 + 0.5 |latent| [1]
CURVATURES = np.array([-1.0, 1.0, 0.0])  # of the valley's floor, in the order of BENDS [1]
GRADIENTS = {"none": Derivative.NONE, "straight_through": Derivative.BIASED}
HEIGHTS = np.array([0.0, 0.0, 0.5])  # added to the valley, likewise [1]


class Latent(eqx.Module):
    """The number nature draws for every event."""

    x: Float[Array, "event"]  # [1]


class Response(eqx.Module):
    """What is observed."""

    y: Float[Array, "event"]  # [1]


class UniformLatent(Stage):
    """The source: x uniform in -10 to 10."""

    name: ClassVar[str] = "latent"
    derivative: ClassVar[Derivative] = Derivative.EXACT

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with `Latent`."""
        return events.add(Latent(REACH * (2.0 * uniforms(key, events.index, 1)[0] - 1.0)))


class Reading(Stage):
    """The apparatus: latent ~ N(x, 1), y ~ N(value + latent, 0.1 + 0.5 |latent|); without noise y is the value.

    The mean of y is the value; its variance is V + 0.01 + 0.1 E|latent| + 0.25 V = 43.4 with V = 103 / 3, so that
    the mean of 3000 has the standard deviation 0.120. The derivative is exact (pathwise) in the value.
    """

    value: Float[Array, ""]  # what is read [1]
    noise: bool = eqx.field(static=True, default=True)
    behind: Derivative = eqx.field(static=True, default=Derivative.EXACT)  # what the value's own derivative is like

    name: ClassVar[str] = "reading"

    @property
    def derivative(self) -> Derivative:
        """That of the value."""
        return self.behind

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with `Response`."""
        if not self.noise:
            return events.add(Response(jnp.broadcast_to(self.value, events.weight.shape)))
        first, second = normals(key, events.index, 2)
        latent = events[Latent].x + LATENT * first
        return events.add(Response(self.value + latent + (FLOOR + GROWTH * jnp.abs(latent)) * second))


def rosenbrock(
    q: Float[Array, "coordinate"], curvature: Float[Array, ""] | float = 1.0, height: Float[Array, ""] | float = 0.0
) -> Float[Array, ""]:
    """The valley: height + sum over i of (q[i+1] - curvature q[i]^2)^2 + (1 - q[i])^2 [1].

    Rosenbrock, Comput. J. 3 (1960) 175, has curvature 1, height 0 and a factor 100 before the first square.
    """
    return height + jnp.sum((q[1:] - curvature * q[:-1] ** 2) ** 2 + (1.0 - q[:-1]) ** 2)


def rosenbrock_10(noise: bool = True) -> Problem:
    """The problem of the valley in ten parameters, from 2 everywhere (value 45) to 1 everywhere (value 0).

    Args:
        noise: observe with noise, 0.12 per evaluation; without, the valley's closed form is read.
    """
    optimum = {"optimum": ShiftedDesign(jnp.ones(10))}
    return _problem("rosenbrock_10", ShiftedDesign(jnp.full(10, 2.0)), optimum, plain_valley, noise=noise)


def submanifold_rosenbrock_100(noise: bool = True) -> Problem:
    """The problem of the valley of q = p A with a hundred p and ten q, from 0 everywhere (value 9).

    Args:
        noise: observe with noise, 0.12 per evaluation; without, the valley's closed form is read.
    """
    optimum = {"optimum": CentredDesign(jnp.asarray(on_flat(np.ones(10))))}
    start = CentredDesign(jnp.zeros(100))
    return _problem("submanifold_rosenbrock_100", start, optimum, hidden_valley, noise=noise)


def whole_rosenbrock(noise: bool = True, gradient: str = "none") -> Problem:
    """The problem of a valley in two parameters, a whole number and a choice of its bend.

    It starts at 2, 2, 2 in the mirrored valley (value 74); the optimum is 1, 1, 1 in the bent one (value 0). Every
    choice has a minimum of its own.

    Args:
        noise: observe with noise, 0.12 per evaluation; without, the valley's closed form is read.
        gradient: "none", or "straight_through": whole numbers and choices as if they were not whole, which is biased.

    Raises:
        ProblemError: another word.
    """
    if gradient not in GRADIENTS:
        raise ProblemError(f"the gradient is {gradient!r}; expected one of {', '.join(GRADIENTS)}.")
    design = lambda p, steps, bend: MixedDesign(jnp.full(2, p), jnp.asarray(steps), jnp.asarray(BENDS.index(bend)))
    start, optimum = design(2.0, 2.0, "mirrored"), {"optimum": design(1.0, 1.0, "bent")}
    return _problem("whole_rosenbrock", start, optimum, mixed_valley, noise=noise, behind=GRADIENTS[gradient])


def valley_recipe(problem: Problem) -> Recipe:
    """How a valley is best run: with the curvature that its exact gradient shows from place to place."""
    return Recipe(optimiser("lbfgs"), 20, problem.events, scenarios=1, scoring_scenarios=1)


def whole_recipe(problem: Problem) -> Recipe:
    """How the mixed valley is best run: by evolution, which takes whole numbers and choices as what they are."""
    return Recipe(optimiser("de"), 100, problem.events, scenarios=1, scoring_scenarios=1)


def plain_valley(design: Any) -> Float[Array, ""]:
    """The valley of the parameters themselves [1]."""
    return rosenbrock(design.p)


def hidden_valley(design: Any) -> Float[Array, ""]:
    """The valley of ten directions among a hundred parameters [1]."""
    return rosenbrock(flat(design.p))


def mixed_valley(design: MixedDesign) -> Float[Array, ""]:
    """The valley of two parameters and a whole number, bent as chosen [1]; the choice's derivative is biased."""
    curvature, height = pick(jnp.stack([jnp.asarray(CURVATURES), jnp.asarray(HEIGHTS)], 1), design.bend)
    return rosenbrock(jnp.append(design.p, design.steps), curvature, height)


def _problem(
    name: str,
    start: Design,
    references: Mapping[str, Design],
    value: Callable[[Any], Array],
    *,
    noise: bool,
    behind: Derivative = Derivative.EXACT,
) -> Problem:
    def build(design: Any, truth: PyTree) -> Pipeline:
        reading = Reading(value(design), noise, behind)
        return Pipeline([UniformLatent(), reading] if noise else [reading], {"reading": _reading})

    def truth(design: Any, summaries: Summaries, truths: PyTree) -> Float[Array, ""]:
        return value(design)

    return Problem(
        name=f"test_functions/{name}",
        start=start,
        build=build,
        objectives=(Objective("outcome", _mean, doc="mean of the readings"),),
        metrics=(Metric("truth", truth, doc="the outcome's expectation, in closed form", always=True),),
        doc="Rosenbrock's valley without its factor of a hundred" + (", read with noise" if noise else ""),
        events=EVENTS if noise else CERTAIN_EVENTS,
        references=references,
    )


def _mean(design: Design, summaries: Summaries, truths: PyTree) -> Float[Array, ""]:
    return summaries.mean(summaries["reading"] / jnp.maximum(summaries.accepted, 1e-30))


def _reading(events: Events, earlier: dict[str, Array]) -> Float[Array, ""]:
    return jnp.sum(events.effective_weight * events[Response].y)
