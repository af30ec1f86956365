"""Finite differences: the derivative of a program about which nothing is known but its values."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from daedalus.gradients.errors import GradientError
from daedalus.gradients.estimate import Estimate

# Fornberg, Math. Comp. 51 (1988) 699, table 1: by order, places in steps and weights
STENCILS = {
    2: ((-1.0, 1.0), (-1 / 2, 1 / 2)),
    4: ((-2.0, -1.0, 1.0, 2.0), (1 / 12, -2 / 3, 2 / 3, -1 / 12)),
}


def central_differences(
    f: Callable[[Array, Array], Array],
    theta: Float[Array, "param"],
    *,
    step: Float[Array, "#param"] | Float[Array, ""] | float,
    key: Key[Array, ""],
    samples: int,
    order: int = 2,
    common: bool = True,
) -> Estimate:
    """The estimate of E[f(theta, key)] and its gradient by central differences, from independent keys.

    (f(+h) - f(-h)) / 2h, or with order 4 (f(-2h) - 8 f(-h) + 8 f(+h) - f(+2h)) / 12h, one parameter at a time.

    Bias: h^2/6 f''' with order 2, -h^4/30 f''''' with order 4. Variance: with common random numbers that of the
    derivative of one sample, where that exists, and like 1/h at a jump; with independent ones like 1/h^2. Cost:
    ``order`` evaluations per sample and parameter, and one for the value.

    Args:
        f: ``f(theta, key)``, a number.
        theta: the parameters.
        step: h, of all parameters or of each [unit of theta].
        key: decides all samples.
        samples: independent keys [1].
        order: of the formula, 2 or 4 [1].
        common: whether all evaluations of one sample share its key (common random numbers).

    Raises:
        GradientError: an unknown order.
    """
    if order not in STENCILS:
        raise GradientError(f"found the order {order}, expected one of {', '.join(map(str, STENCILS))}.")
    places, weights = (jnp.asarray(row, theta.dtype) for row in STENCILS[order])
    steps = jnp.broadcast_to(jnp.asarray(step, theta.dtype), theta.shape)
    moved = theta + places[:, None, None] * jnp.diag(steps)  # place, which parameter is moved, parameter

    def one(each: Key[Array, ""]) -> tuple[Array, Array]:
        here, there = jax.random.split(each)
        keys = jnp.broadcast_to(here, moved.shape[:2]) if common else jax.random.split(there, moved.shape[:2])
        return f(theta, here), weights @ jax.vmap(jax.vmap(f))(moved, keys) / steps

    return Estimate.of(*jax.vmap(one)(jax.random.split(key, samples)))
