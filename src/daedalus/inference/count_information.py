"""Fisher information of expected counts, and the uncertainty of one parameter after the others are profiled."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from daedalus.gradients.positive_solve import equilibrated_solve

LEAST_COUNT = 1e-6  # expected events below which a bin counts as if it expected so many [1]
_ROUNDINGS = 8.0  # of the information on a parameter: below these none is left [1]

Widths = Float[np.ndarray, "param"] | Float[Array, "param"]


def count_information(
    expected: Float[Array, "bin"], slopes: Float[Array, "param bin"], *, least: float = LEAST_COUNT
) -> Float[Array, "param param"]:
    """Fisher information of independent Poisson counts: I_ij = sum over bins of (dn/di) (dn/dj) / n.

    It is the Hessian of the negative log-likelihood for Asimov data (counts equal to n), exactly, for the terms with
    second derivatives of n cancel there (Cowan, Cranmer, Gross and Vitells, Eur. Phys. J. C 71 (2011) 1554). A bin that
    expects fewer than ``least`` counts as if it expected so many: one without expectation and without slopes tells
    nothing, and one of few simulated events cannot pretend to tell much.

    Slopes with statistical errors pretend to more information than there is, by the sum of their covariances over n.

    Args:
        expected: n, expected counts [events].
        slopes: derivatives of n by the parameters [events / the parameter's unit].
        least: the smallest count that is divided by [events].

    Returns:
        The information [1 / (product of the parameters' units)].
    """
    return (slopes / jnp.maximum(expected, least)) @ slopes.T


def prior_information(widths: Widths) -> Float[Array, "param param"]:
    """The information of independent Gaussian constraints: 1 / width^2 on the diagonal, none for an infinite width.

    Args:
        widths: standard deviations of what is known beforehand [the parameters' units].
    """
    return jnp.diag(1.0 / jnp.asarray(widths) ** 2)


def profiled_information(information: Float[Array, "param param"], interest: int = 0) -> Float[Array, ""]:
    """The information on one parameter that is left when all others are profiled: I_ss - I_sn (I_nn)^-1 I_ns.

    It is 1 / (I^-1)_ss, the inverse of the expected variance. A nuisance parameter that nothing depends on and nothing
    constrains takes nothing away. Of nuisance parameters that cannot be told from each other, a constraint of the size
    of rounding picks one. Zero, or rounding, where the parameter cannot be told from the others.

    Args:
        information: of the counts and constraints together, symmetric and not negative.
        interest: the parameter's number [1].

    Returns:
        The information [1 / the parameter's unit squared].
    """
    if len(information) == 1:
        return information[0, 0]
    rest = np.delete(np.arange(len(information)), interest)
    mixed, nuisance = information[rest, interest], information[jnp.ix_(rest, rest)]
    return information[interest, interest] - mixed @ equilibrated_solve(nuisance, mixed[:, None])[:, 0]


def profiled_uncertainty(information: Float[Array, "param param"], interest: int = 0) -> Float[Array, ""]:
    """The expected standard deviation of one parameter after all others are profiled [the parameter's unit].

    The square root of the objective of de Castro and Dorigo, Comput. Phys. Commun. 244 (2019) 170. It
    reaches the Cramer-Rao bound of the counts. Information below its own rounding counts as none is left: the answer is
    then finite, as large as the rounding allows, and its derivative zero; infinite where there is none to begin with.

    Args:
        information: of the counts and constraints together, symmetric and not negative.
        interest: the parameter's number [1].
    """
    own = information[interest, interest]
    floor = _ROUNDINGS * jnp.finfo(own.dtype).eps * jax.lax.stop_gradient(own)
    left = jnp.maximum(profiled_information(information, interest), floor)
    return jnp.where(left > 0, 1.0 / jnp.sqrt(jnp.where(left > 0, left, 1.0)), jnp.inf)


def log_generalised_variance(information: Float[Array, "param param"]) -> Float[Array, ""]:
    """The logarithm of the determinant of the least covariance of all parameters, -ln det I [1].

    For units of the parameters that are counted as one; infinite where a combination of them cannot be measured. Wilks,
    Biometrika 24 (1932) 471.

    Args:
        information: of the counts and constraints together, symmetric and not negative.
    """
    pivots, matrix = [], information
    while len(matrix):
        pivots.append(matrix[0, 0])
        safe = jnp.where(matrix[0, 0] > 0, matrix[0, 0], 1.0)
        matrix = matrix[1:, 1:] - jnp.outer(matrix[1:, 0], matrix[0, 1:]) / safe
    each = jnp.stack(pivots)
    positive = jnp.all(each > 0)
    return jnp.where(positive, -jnp.sum(jnp.log(jnp.where(each > 0, each, 1.0))), jnp.inf)
