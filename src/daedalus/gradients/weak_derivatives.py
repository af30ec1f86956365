"""The weak derivative estimator: the derivative of a density as a difference of two densities (measure-valued)."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from daedalus.gradients.estimate import Estimate
from daedalus.gradients.families import Family, Triple


def weak_derivative(
    f: Callable[[Array, Array], Array],
    family: Callable[[Array], Family],
    theta: Float[Array, "param"],
    *,
    key: Key[Array, ""],
    samples: int,
) -> Estimate:
    """The weak derivative estimate of E[f(z, theta)] and its gradient, where z follows ``family(theta)``.

    With dp/dlambda_j = c_j (p_j+ - p_j-) for a parameter of component j,
    dE[f]/dlambda_j = c_j E[f(z with z_j from p_j+) - f(z with z_j from p_j-)]; then the chain rule to theta.

    Bias: none, whether f is smooth, cuts or counts. Variance: often small, and not sensitive to the number of
    variates. Cost: up to two evaluations per sample, component and parameter; no derivative of f by z is needed.
    Source: Mohamed et al., JMLR 21 (2020) 132, section 6, after Pflug (1989); also called measure-valued derivative.

    Args:
        f: ``f(z, theta)``, a number.
        family: ``family(theta)``, the distribution of z: `Gaussian`, `Exponential`, `Gamma`, `Poisson`, `Bernoulli`.
        theta: the parameters.
        key: decides all samples.
        samples: how many [1].
    """
    law = family(theta)

    def one(each: Key[Array, ""]) -> tuple[Array, Array, Array]:
        nominal, sides = jax.random.split(each)
        z = law.sample(nominal)
        value, direct = jax.value_and_grad(f, argnums=1)(z, theta)
        return value, jnp.stack([_slope(f, theta, z, triple) for triple in law.triples(z, sides)]), direct

    values, slopes, direct = jax.vmap(one)(jax.random.split(key, samples))
    like = slopes.shape[2:]
    parameters = lambda point: jnp.stack([jnp.broadcast_to(leaf, like) for leaf in jax.tree.leaves(family(point))])
    jacobian = jax.jacobian(parameters)(theta)  # of the family's parameters with respect to theta
    return Estimate.of(values, direct + slopes.reshape(samples, -1) @ jacobian.reshape(-1, len(theta)))


def _slope(f: Callable[[Array, Array], Array], theta: Array, z: Array, triple: Triple) -> Array:
    """The derivative of E[f] with respect to one parameter of each component, from one draw."""
    numbers = jnp.arange(z.size).reshape(z.shape)
    swapped = lambda side: jnp.where(numbers == jnp.arange(z.size)[(..., *(None,) * z.ndim)], side, z)
    values = lambda side: jax.vmap(f, (0, None))(swapped(side), theta)
    return triple.constant * (values(triple.plus) - values(triple.minus)).reshape(z.shape)
