"""Histograms: weighted counts in bins, sharp or soft, as sums over events.

A sharp bin has no derivative by what is binned. A soft one is the sharp one for a value blurred with a kernel: its
share of an event is a difference of the kernel's distribution at the bin's edges, which goes to 0 or 1 as the width
shrinks (Simpson and Heinrich, "neos", arXiv:2203.05570). Or bins compete for an event by a softmax (de Castro and
Dorigo, "INFERNO", Comput. Phys. Commun. 244 (2019) 170). Report results of sharp bins; soft ones are biased stand-ins.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from daedalus.gradients.relaxations import soft_step

Width = Float[Array, ""] | Float[Array, "#event"] | float


def interval_shares(
    values: Float[Array, "event"],
    edges: Float[Array, "edge"],
    *,
    width: Width | None = None,
    kernel: str = "gaussian",
    open_ends: bool = True,
) -> Float[Array, "bin event"]:
    """The share of every event in each of the bins between neighbouring edges [1].

    Sharp: 1 where edge_i <= value < edge_i+1, else 0; differentiable by nothing. Soft: K((value - edge_i) / width) -
    K((value - edge_i+1) / width), with exact derivatives by value, edges and width.

    With open ends the first bin reaches down to minus and the last up to plus infinity: every event is counted, the
    shares sum to one. Otherwise what lies outside is left out, and soft shares fade across the outermost edges.

    Args:
        values: what is binned [any unit].
        edges: in increasing order [same unit].
        width: of the kernel, positive, one or one per event [same unit]; None: sharp.
        kernel: one of `daedalus.gradients.relaxations.KERNELS`.
        open_ends: whether the outermost bins take what lies beyond their edges.

    Raises:
        GradientError: an unknown kernel.
    """
    inner = edges[1:-1] if open_ends else edges
    beyond = values - inner[:, None]
    above = (beyond >= 0).astype(values.dtype) if width is None else soft_step(beyond / width, 1.0, kernel)
    if open_ends:
        one = jnp.ones_like(values)[None]
        above = jnp.concatenate([one, above, 0 * one])
    return above[:-1] - above[1:]


def softmax_shares(
    logits: Float[Array, "bin event"], *, temperature: Float[Array, ""] | float | None = None
) -> Float[Array, "bin event"]:
    """The share of every event in bins that compete for it: softmax(logits / temperature), or all to the largest [1].

    Args:
        logits: one per bin [1].
        temperature: positive [1]; None: one for the largest logit (the first of equal ones), no derivative.
    """
    if temperature is None:
        return jax.nn.one_hot(jnp.argmax(logits, 0), len(logits), axis=0, dtype=logits.dtype)
    return jax.nn.softmax(logits / temperature, 0)


def counts(
    values: Float[Array, "event"],
    edges: Float[Array, "edge"],
    weight: Float[Array, "event"],
    *,
    width: Width | None = None,
    kernel: str = "gaussian",
    open_ends: bool = True,
) -> tuple[Float[Array, "bin"], Float[Array, "bin"]]:
    """The weighted counts of a histogram, and the variance of each from the spread of its events: sums over events.

    The variance is that of a Poisson number of events, the sum of (weight share)^2: for sharp bins the sum of squared
    weights.

    Args:
        values: what is binned [any unit].
        edges: in increasing order [same unit].
        weight: of every event [1].
        width: as for `interval_shares`; None: sharp.
        kernel: one of `daedalus.gradients.relaxations.KERNELS`.
        open_ends: whether the outermost bins take what lies beyond their edges; otherwise it is left out.

    Raises:
        GradientError: an unknown kernel.
    """
    shares = interval_shares(values, edges, width=width, kernel=kernel, open_ends=open_ends)
    return shares @ weight, shares**2 @ weight**2
