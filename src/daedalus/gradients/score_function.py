"""The score function estimator: the derivative goes through the probability of the sample."""

from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from daedalus.gradients.errors import GradientError
from daedalus.gradients.estimate import Estimate

Baseline = Literal["none", "mean", "optimal"]


def score_function(
    f: Callable[[Any, Array], Array],
    sample: Callable[[Array, Array], Any],
    theta: Float[Array, "param"],
    *,
    log_density: Callable[[Any, Array], Array],
    key: Key[Array, ""],
    samples: int,
    baseline: Baseline | str = "mean",
) -> Estimate:
    """The score function estimate of E[f(z, theta)] and its gradient, where z has a density p(z | theta).

    d/dtheta E[f] = E[(f - b) d/dtheta ln p(z | theta) + df/dtheta], for any b that does not know z.

    Bias: none, whatever f does with z (cuts, counts, foreign programs); z may be whole. But p must be differentiable
    in theta, and which z are possible must not depend on theta. Variance: grows with the spread of f - b and with the
    number of variates whose density theta enters. Cost: one evaluation and one gradient of ln p per sample.
    The standard error is right for many samples: a baseline makes the contributions faintly dependent.
    Source: Mohamed et al., JMLR 21 (2020) 132, section 4; also called likelihood ratio method, and REINFORCE.

    Args:
        f: ``f(z, theta)``, a number.
        sample: ``sample(theta, key)``, one draw of z; it need not be differentiable.
        theta: the parameters.
        log_density: ``log_density(z, theta)``, ln p(z | theta).
        key: decides all samples.
        samples: how many [1].
        baseline: b. "none": 0. "mean": the mean of f over all other samples (Kool, van Hoof and Welling, ICLR 2019
            workshop). "optimal": for each parameter the constant of smallest variance, E[f s^2] / E[s^2] with s the
            score (Greensmith, Bartlett and Baxter, JMLR 5 (2004) 1471), for each half of the samples from the other.

    Raises:
        GradientError: an unknown baseline.
    """
    z = jax.vmap(sample, (None, 0))(theta, jax.random.split(key, samples))
    values, direct = jax.vmap(jax.value_and_grad(f, argnums=1), (0, None))(z, theta)
    scores = jax.vmap(jax.grad(log_density, argnums=1), (0, None))(z, theta)
    centred = values[:, None] - _baseline(values, scores, baseline)
    return Estimate.of(values, centred * scores + direct)


def _baseline(values: Array, scores: Array, name: str) -> Array | float:
    """For each sample and parameter the mean of other samples' values: unbiased by construction."""
    if name == "none":
        return 0.0
    if name == "mean":
        return ((jnp.sum(values) - values) / (len(values) - 1))[:, None]
    if name == "optimal":  # not leave-one-out: errors would be too small where it takes away nearly all of the spread
        half = jnp.arange(len(values)) % 2
        other = lambda each: jax.ops.segment_sum(each, half, 2)[1 - half]
        total = other(scores**2)
        return jnp.where(total > 0, other(scores**2 * values[:, None]) / jnp.where(total > 0, total, 1), 0)
    raise GradientError(f"found the baseline {name!r}, expected one of none, mean, optimal.")


def score_weight(log_density: Float[Array, "*event"]) -> Float[Array, "*event"]:
    """The weight exp(ln p - stop_gradient(ln p)): one in value, d ln p in derivative.

    A stage that drew something with the probability p multiplies its events' weights with it; the derivative of every
    weighted sum behind is then the score function estimate, to any order (Foerster et al., ICML 2018, "DiCE").

    Args:
        log_density: ln p of what was drawn, with the drawn values themselves not differentiated.
    """
    return jnp.exp(log_density - jax.lax.stop_gradient(log_density))
