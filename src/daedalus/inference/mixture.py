"""Mixtures: the extended likelihood of unbinned events from processes with unknown yields, and its information.

Barlow, Nucl. Instrum. Methods A 297 (1990) 496. With yields n_k and densities p_k the intensity of events is
lambda(x) = sum over k of n_k p_k(x), and -ln L = sum n_k - sum over events of w ln lambda(x).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from daedalus.gradients.bounded_minimum import BoundedMinimum, bounded_minimum

Intensity = Callable[[Float[Array, "param"], Float[Array, "axis node"]], Float[Array, "node"]]


def log_intensity(
    yields: Float[Array, "process"], log_densities: Float[Array, "process event"]
) -> Float[Array, "event"]:
    """The logarithm of the intensity of a mixture, ln sum_k n_k p_k, event by event [ln of events / volume].

    Minus infinity where the sum is not positive: a yield may be negative as long as the intensity is not.

    Args:
        yields: n_k, expected events of each process [events].
        log_densities: ln p_k at every event [ln of 1 / volume].
    """
    largest = jax.lax.stop_gradient(jnp.max(log_densities, 0))
    largest = jnp.where(jnp.isfinite(largest), largest, 0.0)
    total = yields @ jnp.exp(log_densities - largest)
    return jnp.where(total > 0, jnp.log(jnp.where(total > 0, total, 1.0)) + largest, -jnp.inf)


def log_intensity_sum(
    yields: Float[Array, "process"],
    log_densities: Float[Array, "process event"],
    weight: Float[Array, "event"],
) -> Float[Array, ""]:
    """The sum over events of weight times `log_intensity`: what blocks of events add up [1].

    Args:
        yields: n_k [events].
        log_densities: ln p_k at every event [ln of 1 / volume].
        weight: of every event; events of weight zero do not count, whatever their densities [1].
    """
    each = log_intensity(yields, jnp.where(weight != 0, log_densities, 0.0))
    return jnp.sum(jnp.where(weight != 0, weight * each, 0.0))


def extended_log_likelihood(
    yields: Float[Array, "process"],
    log_densities: Float[Array, "process event"],
    weight: Float[Array, "event"] | None = None,
) -> Float[Array, ""]:
    """The logarithm of the extended likelihood, sum over events of w ln lambda - sum of n_k, up to a constant [1].

    Args:
        yields: n_k [events].
        log_densities: ln p_k at every event [ln of 1 / volume].
        weight: of every event; one by default [1].
    """
    every = jnp.ones(log_densities.shape[1], log_densities.dtype) if weight is None else weight
    return log_intensity_sum(yields, log_densities, every) - jnp.sum(yields)


def best_fit(
    log_likelihood: Callable[[Float[Array, "param"], Any], Float[Array, ""]],
    start: Float[Array, "param"],
    data: PyTree,
    *,
    lower: Float[Array, "param"] | None = None,
    upper: Float[Array, "param"] | None = None,
) -> BoundedMinimum:
    """The parameters of largest likelihood within bounds, near a start, with their implicit derivative by the data.

    For problems whose events fit in memory, up to some tens of parameters; see `bounded_minimum`.

    Args:
        log_likelihood: ``log_likelihood(parameters, data)``, twice differentiable.
        start: of the parameters [their units].
        data: any tree: events, or what they depend on.
        lower: bounds; none by default. Yields want 0 where a density has regions of its own [the parameters' units].
        upper: bounds; none by default [the parameters' units].
    """
    wide = jnp.full_like(start, jnp.inf)
    low, high = -wide if lower is None else lower, wide if upper is None else upper
    negative = lambda parameters, given: -log_likelihood(parameters, given)
    return bounded_minimum(negative, start, data, lower=low, upper=high)


def intensity_information(
    intensity: Intensity,
    parameters: Float[Array, "param"],
    nodes: Float[Array, "axis node"],
    weights: Float[Array, "node"],
) -> Float[Array, "param param"]:
    """Fisher information of all events unbinned: the integral of (d lambda/di) (d lambda/dj) / lambda, by quadrature.

    No summary of the same events, binned or not, has more. A sum over nodes: large grids may come in pieces. Nodes
    without intensity tell nothing.

    Args:
        intensity: lambda, a function of parameters and nodes [events / volume].
        parameters: where [their units].
        nodes: of the quadrature [the observables' units].
        weights: of the quadrature [volume].

    Returns:
        The information [1 / (product of the parameters' units)].
    """
    value, along = jax.linearize(lambda at: intensity(at, nodes), parameters)
    slopes = jax.vmap(along)(jnp.eye(len(parameters), dtype=parameters.dtype))
    share = jnp.where(value > 0, weights / jnp.where(value > 0, value, 1.0), 0.0)
    return (slopes * share) @ slopes.T
