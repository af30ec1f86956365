"""Relaxations: smooth stand-ins for steps and choices, and derivatives for what has none."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.scipy.special import ndtr
from jaxtyping import Array, Float, Shaped

from daedalus.gradients.errors import GradientError

# Cumulative distributions of kernels of width one: what convolution makes of a step.
KERNELS: dict[str, Callable[[Array], Array]] = {
    "logistic": jax.nn.sigmoid,
    "gaussian": ndtr,
    "uniform": lambda x: jnp.clip(0.5 + 0.5 * x, 0, 1),
    "epanechnikov": lambda x: 0.5 + 0.25 * jnp.clip(x, -1, 1) * (3 - jnp.clip(x, -1, 1) ** 2),
}


@jax.custom_jvp
def straight_through(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The nearest whole numbers, with the derivative of the identity (Bengio et al., arXiv:1308.3432): biased."""
    return jnp.round(x)


@straight_through.defjvp
def _identity(primals: tuple, tangents: tuple) -> tuple:
    return straight_through(*primals), *tangents


def soft_step(
    x: Float[Array, "*shape"], width: Float[Array, ""] | float, kernel: str = "logistic"
) -> Float[Array, "*shape"]:
    """The step 1(x > 0) convolved with a kernel of the given width: K(x / width), with K the kernel's distribution.

    Exact for the smooth step, **biased** for the sharp one: E[K(x / w)] is the expectation with a blurred x, off by
    terms of order w^2. The derivative is one kernel of area one at x = 0.

    Args:
        x: what is cut on.
        width: standard deviation ("gaussian"), scale ("logistic", the sigmoid) or half the full width ("uniform",
            "epanechnikov") of the kernel [unit of x].
        kernel: which.

    Raises:
        GradientError: an unknown kernel.
    """
    if kernel not in KERNELS:
        raise GradientError(f"found the kernel {kernel!r}, expected one of {', '.join(KERNELS)}.")
    return KERNELS[kernel](x / width)


def pick(table: Float[Array, "row *entry"], index: Shaped[Array, ""] | float) -> Float[Array, "*entry"]:
    """The row of a table at an index, with straight lines between the rows: a choice that has a derivative.

    Exact at whole numbers, where the derivative is that of the line ahead (behind, at the last row); an index outside
    picks the nearest row and has derivative zero. The lines are **biased** for a choice: no row lies between two.

    Args:
        table: what belongs to each choice, one row each.
        index: which, counted from zero [1].
    """
    last = len(table) - 1
    inside = jnp.clip(jnp.asarray(index, table.dtype), 0, last)
    row = jnp.clip(jnp.floor(inside), 0, max(last - 1, 0)).astype(int)
    outside = (index < 0) | (index > last)
    share = jnp.where(outside, inside, index) - row  # not the clipped one, whose derivative is halved at the ends
    return table[row] + share * (table[jnp.minimum(row + 1, last)] - table[row])
