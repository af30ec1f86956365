"""Class templates: how often events of two classes are seen, and where in a statistic that tells them apart."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.stats import norm
from jaxtyping import Array, Float, Int

from daedalus.inference.count_information import count_information, profiled_uncertainty

BINS = 96  # of the statistic [1]
LARGEST = 9.0  # of arcsinh(statistic), where the outermost bins begin [1]


def class_templates(
    weight: Float[Array, "event"],
    statistic: Float[Array, "event"],
    spread: Float[Array, "event"],
    number: Int[Array, "event"],
    *,
    classes: int = 2,
) -> Float[Array, "class bin"]:
    """The sums of weights in bins of a statistic, every event normally distributed around its own value.

    Bins are even in arcsinh(statistic) and open at the ends: as fine near zero, where the classes meet, as they are
    wide far from it. Sums over events, with an exact derivative.

    Args:
        weight: of the events [1].
        statistic: a likelihood ratio's logarithm, say [1].
        spread: its standard deviation [same unit].
        number: of the event's class.
        classes: their number [1].
    """
    edges = np.sinh(np.linspace(-LARGEST, LARGEST, BINS - 1))
    below = jax.vmap(lambda edge: norm.cdf((edge - statistic) / spread))(jnp.asarray(edges, statistic.dtype))
    ends = jnp.zeros_like(below[:1]), jnp.ones_like(below[:1])
    share = jnp.diff(jnp.concatenate([ends[0], below, ends[1]]), axis=0)
    return jax.nn.one_hot(number, classes, axis=0, dtype=weight.dtype) @ (weight * share).T


def flux_errors(templates: Float[Array, "class bin"], expected: Float[Array, "class"]) -> Float[Array, "class"]:
    """The relative error of the flux of every class, that of the others fitted with the same events [1].

    The Cramer-Rao bound of an extended likelihood in bins: n_b = sum over classes of f_c N_c t_cb, with all f = 1.

    Args:
        templates: the probability that an event of a class is seen in each bin [1].
        expected: events of every class that take part, N [events].
    """
    slopes = expected[:, None] * templates
    information = count_information(jnp.sum(slopes, 0), slopes)
    return jnp.stack([profiled_uncertainty(information, number) for number in range(len(expected))])
