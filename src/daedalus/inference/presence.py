"""Whether something is there: calibrated probabilities from a score, fitted on other scenarios."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

FOLDS = 8  # parts of the scenarios, each calibrated on the others [1]
RIDGE = 0.5  # prior worth of the slope, so that separable scores have a finite one [1]
_STEPS = 30  # Newton steps; the loss is convex


def cross_fitted_probability(
    score: Float[Array, "scenario"],
    present: Bool[Array, "scenario"],
    weight: Float[Array, "scenario"],
    *,
    folds: int = FOLDS,
) -> Float[Array, "scenario"]:
    """The probability of presence in every scenario, from a calibration that never saw its part of the scenarios.

    A logistic function of the standardised score (Platt, Advances in Large Margin Classifiers (1999) 61) with a weak
    Gaussian prior on its slope. The derivative with respect to the scores is that of the fits' equations, exact.

    Args:
        score: higher where presence is likelier; finite [1].
        present: the truth.
        weight: zero for scenarios that do not take part [1].
        folds: parts of the scenarios [1].

    Returns:
        Probabilities [1].
    """
    part = jnp.arange(len(score)) // 2 % folds  # neighbours together: designs of scenarios alternate the truth

    def fitted(number: Array) -> Array:
        used = weight * (part != number)
        mean = jnp.sum(used * score) / jnp.maximum(jnp.sum(used), 1e-30)
        spread = jnp.sqrt(jnp.sum(used * (score - mean) ** 2) / jnp.maximum(jnp.sum(used), 1e-30) + 1e-12)
        standard = (score - mean) / spread
        line = logistic_line(standard, present, used)
        return jax.nn.sigmoid(line[0] + line[1] * standard)

    every = jax.vmap(fitted)(jnp.arange(folds))
    return jnp.take_along_axis(every, part[None, :], 0)[0]


def logistic_line(
    score: Float[Array, "scenario"], present: Bool[Array, "scenario"], weight: Float[Array, "scenario"]
) -> Float[Array, "2"]:
    """Offset and slope of the logistic function of the greatest penalised likelihood; implicit derivative.

    Args:
        score: of order one [1].
        present: the truth.
        weight: of each scenario [1].
    """
    slope = jax.grad(partial(_loss, present=present))
    curvature = jax.hessian(partial(_loss, present=present))

    def newton(line: Array, held: tuple[Array, Array], theta: tuple[Array, Array]) -> Array:
        (a, b), (_, c) = curvature(line, held)
        down, across = slope(line, theta)
        return jnp.stack([c * down - b * across, a * across - b * down]) / (a * c - b * b)

    def step(_: Array, line: Array) -> Array:
        move = newton(line, held, held)
        return line - move * jnp.minimum(1.0, 2.0 / jnp.maximum(jnp.max(jnp.abs(move)), 1e-12))

    theta = (score, weight)
    held = jax.lax.stop_gradient(theta)
    line = jax.lax.stop_gradient(jax.lax.fori_loop(0, _STEPS, step, jnp.zeros(2, score.dtype)))
    return line - newton(line, held, theta)  # a last step, whose derivative is that of the equation


def _loss(line: Array, theta: tuple[Array, Array], *, present: Array) -> Array:
    score, weight = theta
    logit = line[0] + line[1] * score
    prior = 0.5 * RIDGE * (line[1] ** 2 + 0.1 * line[0] ** 2)
    return jnp.sum(weight * (jax.nn.softplus(logit) - present * logit)) + prior
