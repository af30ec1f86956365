"""Uncertainties of a binned model's parameters: information, covariance, pulls and impacts."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from daedalus.gradients.bounded_minimum import BoundedMinimum
from daedalus.gradients.positive_solve import positive_solve
from daedalus.inference.histfactory.fits import fit, interest, with_fixed
from daedalus.inference.histfactory.model import BinnedModel, Observation

Matrix = Float[Array, "param param"]


def hessian(model: BinnedModel, data: Observation, parameters: Float[Array, "param"]) -> Matrix:
    """The second derivatives of -ln L by all parameters, exact: the observed information."""
    return jax.hessian(model.negative_log_likelihood)(parameters, data)


def fisher_information(model: BinnedModel, parameters: Float[Array, "param"]) -> Matrix:
    """The information that the measurement is expected to give on all parameters.

    I = J' diag(1 / nu) J + constraints, J = d nu / d theta, with 1 / width^2 of a normal auxiliary measurement and
    scale / theta of a Poisson one: the Hessian of -ln L for Asimov data, made of first derivatives only. A bin in which
    nothing is expected counts nothing (its information is not finite where a parameter could fill it).

    Args:
        model: the statistical model.
        parameters: where.
    """
    rate = model.expected(parameters)
    slope = jax.jacfwd(model.expected)(parameters)
    weight = jnp.where(rate > 0, 1.0 / jnp.where(rate > 0, rate, 1.0), 0.0)
    safe = jnp.where(model.poisson, parameters, 1.0)
    known = jnp.where(model.gaussian, model.width**-2, 0.0) + jnp.where(model.poisson, model.width / safe, 0.0)
    return slope.T @ (weight[:, None] * slope) + jnp.diag(known)


def covariance(information: Matrix, free: Bool[Array, "param"]) -> Matrix:
    """The covariance of the free parameters, the others held; zero in the rows and columns of those.

    For an information matrix the Cramer-Rao bound, for a Hessian at a minimum the usual estimate. Infinite where the
    information is singular, or no information because it is not positive.

    Args:
        information: of all parameters.
        free: which parameters are.
    """
    both = free[:, None] & free[None, :]
    one = jnp.eye(len(free), dtype=information.dtype)
    found = positive_solve(jnp.where(both, information, one), one)
    return jnp.where(both, jnp.where(jnp.isfinite(found), found, jnp.inf), 0.0)


def expected_covariance(model: BinnedModel, parameters: Float[Array, "param"]) -> Matrix:
    """The covariance that the measurement is expected to reach, nuisances profiled: the Cramer-Rao bound."""
    return covariance(fisher_information(model, parameters), ~model.fixed)


def expected_uncertainty(model: BinnedModel, parameters: Float[Array, "param"] | None = None) -> Float[Array, ""]:
    """The expected standard deviation of the parameter of interest, nuisances profiled: INFERNO's loss as a root.

    Source: de Castro and Dorigo, Comput. Phys. Commun. 244 (2019) 170, section 3. The derivative by whatever the
    templates depend on is exact.

    Args:
        model: the statistical model.
        parameters: where; the model's start by default.

    Raises:
        LikelihoodError: the model has no parameter of interest.
    """
    place = interest(model)
    return jnp.sqrt(expected_covariance(model, model.start if parameters is None else parameters)[place, place])


def log_generalised_variance(
    model: BinnedModel, parameters: Float[Array, "param"], chosen: Bool[Array, "param"]
) -> Float[Array, ""]:
    """The logarithm of the determinant of the expected covariance of some parameters, the others profiled [1].

    Wilks, Biometrika 24 (1932) 471: the square of the volume of their error ellipsoid, up to a constant.

    Args:
        model: the statistical model.
        parameters: where.
        chosen: which parameters; fixed ones do not count.
    """
    chosen = chosen & ~model.fixed
    both = chosen[:, None] & chosen[None, :]
    matrix = expected_covariance(model, parameters)
    return jnp.linalg.slogdet(jnp.where(both, matrix, jnp.eye(len(chosen), dtype=matrix.dtype)))[1]


def fitted_covariance(model: BinnedModel, data: Observation, found: BoundedMinimum) -> Matrix:
    """The covariance of a fit's parameters: the inverse Hessian of the free ones, those at a bound held.

    Its derivative by templates and data is exact, the fitted parameters' included.

    Args:
        model: the statistical model.
        data: what was measured.
        found: the fit.
    """
    return covariance(hessian(model, data, found.value), found.free)


class Pulls(eqx.Module):
    """How constrained parameters moved in a fit; zero and one for free ones."""

    pull: Float[Array, "param"]  # (fitted - nominal) / width before the fit [1]
    constraint: Float[Array, "param"]  # width after the fit / before [1]


def pulls(model: BinnedModel, data: Observation, found: BoundedMinimum) -> Pulls:
    """The pulls of a fit.

    A Poisson auxiliary measurement of scale tau counts as one of width tau^-1/2.

    Args:
        model: the statistical model.
        data: what was measured.
        found: the fit.
    """
    known = model.gaussian | model.poisson
    before = jnp.where(model.poisson, model.width**-0.5, model.width)
    nominal = jnp.where(model.poisson, data.auxiliary / model.width, data.auxiliary)
    after = jnp.sqrt(jnp.diagonal(fitted_covariance(model, data, found)))
    pull = jnp.where(known, (found.value - nominal) / before, 0.0)
    return Pulls(pull, jnp.where(known & found.free, after / before, 1.0))


class Impacts(eqx.Module):
    """What a parameter's own uncertainty does to the parameter of interest: its shift when held a deviation off."""

    down: Float[Array, "param"]  # shift with the parameter held one fitted standard deviation below [poi]
    up: Float[Array, "param"]  # and above [poi]
    converged: Bool[Array, "param"]  # both fits


def impacts(model: BinnedModel, data: Observation, found: BoundedMinimum) -> Impacts:
    """The impacts of all parameters on the parameter of interest, by two fits each, all at once.

    Args:
        model: the statistical model.
        data: what was measured.
        found: the fit.

    Raises:
        LikelihoodError: the model has no parameter of interest.
    """
    place = interest(model)
    width = jnp.sqrt(jnp.diagonal(fitted_covariance(model, data, found)))
    size = len(model.names)

    def held(number: Array, sign: Array) -> BoundedMinimum:
        value = jnp.clip(found.value + sign * width * (jnp.arange(size) == number), model.lower, model.upper)
        return fit(with_fixed(model, jnp.arange(size) == number), data, start=value)

    both = jax.vmap(jax.vmap(held, (None, 0)), (0, None))(jnp.arange(size), jnp.array([-1.0, 1.0]))
    shift = jnp.where(found.free[:, None], both.value[:, :, place] - found.value[place], 0.0)
    return Impacts(shift[:, 0], shift[:, 1], both.converged.all(1))
