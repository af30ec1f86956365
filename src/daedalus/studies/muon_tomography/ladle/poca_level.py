"""The fill level from the weighted mean height of the points of closest approach, as in the reference code.

The recipe is the one documented for TomOpt's ladle benchmark: weight = acceptance in x and y * efficiency /
sigma_z^2, with sigma_z clipped to its 16 to 84 % quantiles and the weight at its 84 % quantile. Three passes: the
quantiles of sigma_z, those of the weight, the weighted sums.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import erf
from jaxtyping import Array, Float, PyTree
from scipy.special import expit

from daedalus.core import Summaries
from daedalus.events import Events, Scatterings
from daedalus.inference.quantiles import cumulative_counts, quantile
from daedalus.studies.muon_tomography.ladle.scenario import VOXEL
from daedalus.studies.muon_tomography.scanner import SIDE

LOWER_TAIL, UPPER_TAIL = 0.15865, 0.84135  # one standard deviation to either side of the median
SMOOTHNESS = 1.0  # width of the acceptance in x and y, in units of half the ladle's side [1]
FARTHEST = 10 * SIDE  # points farther than ten footprints from the origin are dropped [m]
NOTHING = 1e-12  # sum of weights up to which a scan says nothing [1/m2]
LEAST_VARIANCE = 1e-4  # of a point's height, (1 cm)^2: above rounding where one point makes up a scan [m2]
_LOG_SIGMA = np.linspace(np.log(1e-4), np.log(30.0), 64)  # nodes of the sigma_z quantiles, log m
_LOG_WEIGHT = np.linspace(np.log(1e-3), np.log(1e6), 64)  # nodes of the weight quantiles, log 1/m2


class SigmaCounts(eqx.Module):
    """Pass 1: how often sigma_z lies below each node."""

    def __call__(self, events: Events, earlier: PyTree) -> Float[Array, "node"]:
        """Cumulative counts of log sigma_z."""
        found = events[Scatterings]
        weight = _accepted(events) * found.probability
        return cumulative_counts(jnp.log(found.sigma_z), weight, jnp.asarray(_LOG_SIGMA, weight.dtype))


class WeightCounts(eqx.Module):
    """Pass 2: how often the unclipped weight lies below each node."""

    def __call__(self, events: Events, earlier: PyTree) -> Float[Array, "node"]:
        """Cumulative counts of the log of the weight."""
        accepted, weight = _accepted(events) * events[Scatterings].probability, _weight(events, earlier)
        log_weight = jnp.log(jnp.maximum(weight, 1e-30))
        return cumulative_counts(log_weight, accepted, jnp.asarray(_LOG_WEIGHT, accepted.dtype))


class PocaSums(eqx.Module):
    """Pass 3: the sums of w and w^2, each times 1, z and z^2, over the points of closest approach."""

    def __call__(self, events: Events, earlier: PyTree) -> Float[Array, "2 3"]:
        """The sums; rows w and w^2, columns powers of z [1/m2 and 1/m4, times m to the power]."""
        largest = jnp.exp(quantile(earlier["weight_counts"], jnp.asarray(_LOG_WEIGHT), UPPER_TAIL))
        weight = jnp.minimum(_weight(events, earlier), largest) * _accepted(events)
        z = jnp.where(weight > 0, events[Scatterings].z, 0.0)
        return jnp.stack([jnp.stack([jnp.sum(w * z**power) for power in range(3)]) for w in (weight, weight**2)])


def poca_passes() -> tuple[dict[str, Any], ...]:
    """The three passes of the estimate."""
    return {"sigma_counts": SigmaCounts()}, {"weight_counts": WeightCounts()}, {"poca": PocaSums()}


def poca_level(summaries: Summaries) -> Float[Array, "scenario"]:
    """The weighted mean height of the points of closest approach [m], before any bias correction."""
    sums = summaries["poca"][..., 0, :]
    known = sums[..., 0] > NOTHING
    return jnp.where(known, sums[..., 1] / jnp.where(known, sums[..., 0], 1.0), 0.0)


def poca_expected_mse(summaries: Summaries, truth: Float[Array, "scenario"]) -> Float[Array, ""]:
    """The mean squared error [m2] that the scatter of the points leads one to expect, for smooth optimisation.

    With V the variance of a scan's weighted mean, sum w^2 (z - zbar)^2 / ((sum w)^2 - sum w^2), and a the slope of the
    means against the true levels, the best linear estimate has the error T V / (V + a^2 T), T the variance of the
    levels (Gauss and Markov with a prior); it is T where one point, or none, tells nothing of its own scatter. The
    mean over scans is far less noisy than the squared errors themselves, and blind to curvature.
    """
    sums, mean = summaries["poca"], poca_level(summaries)
    total = sums[..., 0, 0]
    known = total > NOTHING
    share = 1.0 / jnp.where(known, total, 1.0)  # relative weights, so that no square under- or overflows
    s0, s1, s2 = (sums[..., 1, power] * share**2 for power in range(3))
    squares = s2 - 2.0 * mean * s1 + mean**2 * s0
    scatter = jnp.where(known, jnp.maximum(squares, 0.0) + LEAST_VARIANCE * s0, 1.0)
    points = jnp.where(known, jnp.maximum(1.0 - s0, 0.0), 0.0)
    centred = truth - summaries.mean(truth)
    prior = summaries.mean(centred**2)
    slope = summaries.mean(centred * mean) / jnp.maximum(prior, 1e-30)
    return summaries.mean(prior * scatter / (scatter + slope**2 * prior * points))


def _accepted(events: Events) -> Float[Array, "event"]:
    found = events[Scatterings]
    near = (jnp.abs(found.x) < FARTHEST) & (jnp.abs(found.y) < FARTHEST) & found.found
    return jnp.where(near, events.effective_weight, 0.0)


def _weight(events: Events, earlier: PyTree) -> Float[Array, "event"]:
    """Acceptance in x and y * efficiency / clipped sigma_z^2 [1/m2]."""
    found = events[Scatterings]
    nodes = jnp.asarray(_LOG_SIGMA, found.z.dtype)
    low, high = (jnp.exp(quantile(earlier["sigma_counts"], nodes, p)) for p in (LOWER_TAIL, UPPER_TAIL))
    sigma = jnp.clip(found.sigma_z, low, high)
    across = _side_weight(found.x, found.sigma_x) * _side_weight(found.y, found.sigma_y)
    return across * found.probability / sigma**2


def _side_weight(position: Float[Array, "event"], sigma: Float[Array, "event"]) -> Float[Array, "event"]:
    """The expected weight of a point along one axis: per voxel, probability times 2 s((1 - |d|) / w) / s(1 / w) - 1.

    d is the voxel centre's distance from the middle in units of half the side and s the logistic function.
    """
    edges = np.linspace(0.0, SIDE, round(SIDE / VOXEL) + 1)
    distance = np.abs(0.5 * (edges[1:] + edges[:-1]) - SIDE / 2) / (SIDE / 2)
    weight = 2.0 * (expit((1.0 - distance) / SMOOTHNESS) / expit(1.0 / SMOOTHNESS) - 0.5)
    steps = np.diff(weight, prepend=0.0, append=0.0)  # summation by parts: one Gaussian integral per edge
    edge, half = jnp.asarray(edges, position.dtype)[:, None], jnp.asarray(-0.5 * steps, position.dtype)[:, None]
    return jnp.maximum(jnp.sum(half * erf((edge - position) * (np.sqrt(0.5) / sigma)), axis=0), 0.0)  # but for rounding
