"""Three humps: a mixture of two components, whose category is drawn with probabilities that are the parameters.

Shirobokov et al., NeurIPS 2020, arXiv:2002.04632, as in their published code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, PyTree

from daedalus.catalogue import Recipe
from daedalus.core import Derivative, Design, Metric, Objective, Pipeline, Problem, Stage, Summaries
from daedalus.errors import ProblemError
from daedalus.events import Events, normals, uniforms
from daedalus.gradients import score_weight
from daedalus.optimisers import optimiser
from daedalus.studies.test_functions.design import HumpDesign, ShiftedDesign
from daedalus.studies.test_functions.submanifold import curved, on_curved

EVENTS = 3000  # per evaluation, as in the peers' measurements
LOWER, UPPER = np.array([-2.0, 2.0]), np.array([0.0, 5.0])  # ranges of x of the two components [1]
NOISE = 1.0  # standard deviation of the latent numbers, and again of what is observed [1]
EDGE = 10.0  # where the window closes [1]
OPTIMUM = np.array([0.0, 1.1625878])  # the minimum of `truth`, -0.945672; its mirror image has the same value
GRADIENTS = {"none": Derivative.NONE, "score": Derivative.NOISY, "marginal": Derivative.EXACT}

_NODES = 0.25 * np.arange(-32, 33)  # trapezoid over a normal number; its error is below rounding
_NODE_WEIGHTS = np.exp(-0.5 * _NODES**2) / np.sum(np.exp(-0.5 * _NODES**2))
_LEGENDRE = np.polynomial.legendre.leggauss(20)  # over x where h is small
_SMALL = 1.0  # |h| below which the mean over x is a quadrature, above it a difference of closed forms


class Components(eqx.Module):
    """The numbers nature draws for every event, one row per component."""

    x: Float[Array, "component event"]  # [1]


class Observations(eqx.Module):
    """What is observed of every component, and how much of it counts."""

    y: Float[Array, "component event"]  # [1]
    share: Float[Array, "component event"]  # one for the component that was drawn, or all probabilities [1]


class UniformComponents(Stage):
    """The source: x_i uniform between ``LOWER`` and ``UPPER`` of its component i."""

    name: ClassVar[str] = "components"
    derivative: ClassVar[Derivative] = Derivative.EXACT

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with `Components`."""
        lower, upper = jnp.asarray(LOWER)[:, None], jnp.asarray(UPPER)[:, None]
        return events.add(Components(lower + (upper - lower) * uniforms(key, events.index, 2)))


class Mixture(Stage):
    """The apparatus: mu_i ~ N(x_i h(q), 1), i ~ Cat(|q1|, |q2|) normalised, y ~ N(mu_i, 1).

    With ``gradient="none"`` the category is drawn and has no derivative; "score" draws it too and multiplies the
    event's weight with its `score_weight` (noisy); "marginal" counts both components with their probabilities
    (exact, and less noise). The three agree in expectation. Where a probability is zero the derivative of |q| is
    taken as zero, the mean of both sides.
    """

    q: Float[Array, "2"]  # place in the plane [1]
    gradient: str = eqx.field(static=True, default="none")

    name: ClassVar[str] = "mixture"

    @property
    def derivative(self) -> Derivative:
        """None, noisy or exact, as ``gradient`` says."""
        return GRADIENTS[self.gradient]

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with `Observations`; weighted where the category's score is kept."""
        mean = three_hump_function(self.q) * events[Components].x
        y = mean + np.sqrt(2.0) * NOISE * normals(key, events.index, 2)  # two normal numbers in a row are one
        chance = probabilities(self.q)
        if self.gradient == "marginal":
            return events.add(Observations(y, jnp.broadcast_to(chance[:, None], y.shape)))
        first = uniforms(key, events.index, 1, lane=1)[0] < chance[0]
        events = events.add(Observations(y, jnp.stack([first, ~first]).astype(y.dtype)))
        return events.reweight(score_weight(jnp.log(jnp.where(first, *chance)))) if self.gradient == "score" else events


def three_hump(gradient: str = "none") -> Problem:
    """The problem of the three humps in their plane, from (2, 0), where the outcome is -0.2266.

    Args:
        gradient: "none": the category has no derivative; "score": a noisy one; "marginal": an exact one.

    Raises:
        ProblemError: another word.
    """
    named = {"optimum": OPTIMUM, "mirror_optimum": -OPTIMUM}
    references = {name: HumpDesign(jnp.asarray(place)) for name, place in named.items()}
    return _problem("three_hump", HumpDesign(jnp.array([2.0, 0.0])), references, lambda p: p, gradient=gradient)


def submanifold_hump_40(gradient: str = "none") -> Problem:
    """The problem of the three humps behind q = B tanh(A p) with forty p, from 2 everywhere, where it is -0.2073.

    Args:
        gradient: "none": the category has no derivative; "score": a noisy one; "marginal": an exact one.

    Raises:
        ProblemError: another word.
    """
    named = {"optimum": OPTIMUM, "mirror_optimum": -OPTIMUM}
    references = {name: ShiftedDesign(jnp.asarray(on_curved(place))) for name, place in named.items()}
    return _problem("submanifold_hump_40", ShiftedDesign(jnp.full(40, 2.0)), references, curved, gradient=gradient)


def hump_recipe(problem: Problem) -> Recipe:
    """How the three humps are best run: by a model of the loss, which asks for no derivative and leaves basins."""
    return Recipe(optimiser("gp"), 80, EVENTS, scenarios=1, scoring_scenarios=1)


def three_hump_function(q: Float[Array, "2"]) -> Float[Array, ""]:
    """The three-hump function h = 2 q1^2 - 1.05 q1^4 + q1^6 / 6 + q1 q2 + q2^2 [1]."""
    first, second = q
    square = first**2
    return square * (2.0 - 1.05 * square + square**2 / 6.0) + first * second + second**2


def probabilities(q: Float[Array, "2"]) -> Float[Array, "2"]:
    """The probabilities |q_i| / (|q1| + |q2|) of the components [1]; a half each at the origin."""
    size = q * jnp.sign(q)  # not abs, whose derivative at zero is one
    total = jnp.sum(size)
    return jnp.where(total > 0, size / jnp.where(total > 0, total, 1.0), 0.5)


def window(y: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """What an observation is worth: sig(y - 10) - sig(y), about -1 between 0 and 10, else about 0 [1]."""
    return jax.nn.sigmoid(y - EDGE) - jax.nn.sigmoid(y)


def true_outcome(q: Float[Array, "2"]) -> Float[Array, ""]:
    """The expectation of `window` at a place in the plane [1], by quadrature, to rounding.

    Given h, an observation is x_i h plus a normal number of variance two. The mean over uniform x is a difference of
    softplus functions over h (where h is small a Gauss-Legendre sum), that over the normal number a trapezoid sum.
    """
    h = three_hump_function(q)
    noise, weights = np.sqrt(2.0) * NOISE * _NODES, _NODE_WEIGHTS
    area = lambda y: jax.nn.softplus(y - EDGE) - jax.nn.softplus(y)  # of which `window` is the derivative
    steep = jnp.where(jnp.abs(h) < _SMALL, _SMALL, h)
    edge = lambda bound: area(bound[:, None] * steep + noise) @ weights
    closed = (edge(UPPER) - edge(LOWER)) / (steep * (UPPER - LOWER))
    gentle = jnp.where(jnp.abs(h) < _SMALL, h, 0.0)
    x = 0.5 * (UPPER + LOWER)[:, None] + 0.5 * (UPPER - LOWER)[:, None] * _LEGENDRE[0]
    summed = (window(gentle * x[..., None] + noise) @ weights) @ (0.5 * _LEGENDRE[1])
    return probabilities(q) @ jnp.where(jnp.abs(h) < _SMALL, summed, closed)


def _problem(
    name: str,
    start: Design,
    references: Mapping[str, Design],
    plane: Callable[[Array], Array],
    *,
    gradient: str,
) -> Problem:
    if gradient not in GRADIENTS:
        raise ProblemError(f"the gradient is {gradient!r}; expected one of {', '.join(GRADIENTS)}.")

    def build(design: Any, truth: PyTree) -> Pipeline:
        return Pipeline([UniformComponents(), Mixture(plane(design.p), gradient)], {"worth": _worth})

    def truth(design: Any, summaries: Summaries, truths: PyTree) -> Float[Array, ""]:
        return true_outcome(plane(design.p))

    return Problem(
        name=f"test_functions/{name}",
        start=start,
        build=build,
        objectives=(Objective("outcome", outcome, doc="mean of sig(y - 10) - sig(y)"),),
        metrics=(Metric("truth", truth, doc="the outcome's expectation, by quadrature", always=True),),
        doc="three-hump mixture: the category of an event is drawn with probabilities that are the parameters",
        events=EVENTS,
        references=references,
    )


def outcome(design: Design, summaries: Summaries, truths: PyTree) -> Float[Array, ""]:
    """The mean worth of the observations [1]."""
    return summaries.mean(summaries["worth"] / jnp.maximum(summaries.accepted, 1e-30))


def _worth(events: Events, earlier: dict[str, Array]) -> Float[Array, ""]:
    seen = events[Observations]
    return jnp.sum(events.effective_weight * jnp.sum(seen.share * window(seen.y), 0))
