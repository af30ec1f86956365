"""Estimates from a log-likelihood that is a sum over events, scanned on a grid of hypotheses."""

from __future__ import annotations

from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.interpolate import CubicSpline

REFINEMENT = 8  # points per interval of the grid, after interpolation by a cubic spline [1]


def posterior_mean(
    log_likelihood: Float[Array, "*scenario node"], nodes: Float[np.ndarray, "node"]
) -> tuple[Float[Array, "*scenario"], Float[Array, "*scenario"]]:
    """The posterior mean and standard deviation under a flat prior over the range of the nodes.

    The scanned log-likelihood is refined with a natural cubic spline, a fixed linear map, so that the estimate is a
    smooth function of the sums. Where the data say nothing the estimate is the middle of the range.

    Args:
        log_likelihood: sums over events at every node [1].
        nodes: the hypotheses, increasing [any unit].

    Returns:
        Mean and standard deviation [unit of the nodes].
    """
    fine, matrix = _spline(tuple(float(node) for node in nodes))
    curve = log_likelihood @ jnp.asarray(matrix.T, log_likelihood.dtype)
    share = jax.nn.softmax(curve, axis=-1)
    points = jnp.asarray(fine, log_likelihood.dtype)
    mean = jnp.sum(share * points, -1)
    variance = jnp.sum(share * (points - mean[..., None]) ** 2, -1)
    return mean, jnp.sqrt(jnp.maximum(variance, 1e-30))


@lru_cache(maxsize=16)
def _spline(nodes: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Refined points, and the matrix that takes values at the nodes to values there."""
    coarse = np.array(nodes)
    fine = np.interp(np.arange((len(coarse) - 1) * REFINEMENT + 1) / REFINEMENT, np.arange(len(coarse)), coarse)
    return fine, CubicSpline(coarse, np.eye(len(coarse)), bc_type="natural")(fine)
