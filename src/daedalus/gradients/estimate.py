"""Estimates: an expectation and its gradient as independent samples say, each with its standard error."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from daedalus.gradients.errors import GradientError


class Estimate(eqx.Module):
    """An expectation and its gradient, with standard errors; the answer of every estimator of this package.

    The errors are those of a mean of independent contributions. They say how far chance may have led the estimate
    from what the estimator estimates, and nothing about a bias of the estimator.
    """

    value: Float[Array, "*start"]
    value_error: Float[Array, "*start"]
    gradient: Float[Array, "*start param"]
    covariance: Float[Array, "*start param param"]  # of the gradient: its error, not the spread of a sample
    samples: int = eqx.field(static=True)  # independent contributions [1]

    @property
    def gradient_error(self) -> Float[Array, "*start param"]:
        """The standard error of each component of the gradient."""
        return jnp.sqrt(jnp.diagonal(self.covariance, axis1=-2, axis2=-1))

    @staticmethod
    def of(values: Float[Array, "sample"], contributions: Float[Array, "sample param"]) -> Estimate:
        """The means of independent values and contributions to the gradient, with the covariance of the means.

        Raises:
            GradientError: fewer than two samples, which have no spread.
        """
        samples = len(values)
        if samples < 2:
            raise GradientError(f"found {samples} sample(s), expected at least 2: an error needs a spread.")
        gradient = jnp.mean(contributions, 0)
        off = contributions - gradient
        covariance = off.T @ off / (samples * (samples - 1.0))
        error = jnp.std(values, ddof=1) / samples**0.5
        return Estimate(jnp.mean(values), error, gradient, covariance, samples)
