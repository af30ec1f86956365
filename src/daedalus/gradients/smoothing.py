"""Randomised smoothing: the gradient of a function blurred with a Gaussian, where the function itself has none."""

from collections.abc import Callable

import jax
from jaxtyping import Array, Float, Key

from daedalus.gradients.estimate import Estimate


def randomised_smoothing(
    f: Callable[[Array, Array], Array],
    theta: Float[Array, "param"],
    *,
    width: Float[Array, "#param"] | Float[Array, ""] | float,
    key: Key[Array, ""],
    samples: int,
) -> Estimate:
    """The estimate of E[f(theta + width e, key)], e standard normal, and of its gradient, from antithetic pairs.

    d/dtheta E[f(theta + w e)] = E[(f(theta + w e) - f(theta - w e)) e / (2 w)]; f is only evaluated, and may jump.

    Bias: none for the smoothed function; **biased** for f itself, by w^2/2 times the derivative of its Laplacian and
    more where f jumps. Variance: grows with the number of parameters, and like 1/w at a jump. Cost: two evaluations
    per sample, whatever the number of parameters. Both sides of a pair share the key: common random numbers.
    Source: Nesterov and Spokoiny, Found. Comput. Math. 17 (2017) 527, section 2.

    Args:
        f: ``f(theta, key)``, a number.
        theta: the parameters.
        width: standard deviation of the blur, of all parameters or of each [unit of theta].
        key: decides all samples.
        samples: pairs [1].
    """

    def pair(each: Key[Array, ""]) -> tuple[Array, Array]:
        blur, common = jax.random.split(each)
        e = jax.random.normal(blur, theta.shape, theta.dtype)
        ahead, behind = f(theta + width * e, common), f(theta - width * e, common)
        return 0.5 * (ahead + behind), 0.5 * (ahead - behind) * e / width

    return Estimate.of(*jax.vmap(pair)(jax.random.split(key, samples)))
