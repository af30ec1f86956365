"""Calibration: linear corrections of biased estimates, fitted on other scenarios than those they correct."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float


def cross_fitted_residuals(
    estimate: Float[Array, "scenario"], truth: Float[Array, "scenario"], weight: Float[Array, "scenario"]
) -> Float[Array, "scenario"]:
    """The errors left after a linear correction truth = a + b estimate that never saw the scenario it corrects.

    Leaving one scenario out of a weighted linear regression changes its residual r to r / (1 - h), with h the
    diagonal of the hat matrix (Allen, Technometrics 16 (1974) 125, PRESS): the closed form of refitting the
    correction once per scenario. Needs three scenarios of positive weight, or the correction is undetermined.

    Args:
        estimate: estimates, finite even where the weight is zero [unit of the truth].
        truth: true values [any unit].
        weight: zero for scenarios that do not take part, else usually one [1].

    Returns:
        Corrected minus true values [unit of the truth].
    """
    total = jnp.maximum(jnp.sum(weight), 1e-30)
    mean_x, mean_y = jnp.sum(weight * estimate) / total, jnp.sum(weight * truth) / total
    x, y = estimate - mean_x, truth - mean_y
    spread = jnp.maximum(jnp.sum(weight * x**2), 1e-30)
    slope = jnp.sum(weight * x * y) / spread
    leverage = weight / total + weight * x**2 / spread
    return (slope * x - y) / jnp.maximum(1.0 - leverage, 1e-6)
