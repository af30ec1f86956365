"""Toys: pseudo-experiments, which tell what the asymptotic laws only approximate."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from daedalus.inference.histfactory.fits import interest, profile_fits
from daedalus.inference.histfactory.model import BinnedModel, Observation
from daedalus.inference.histfactory.test_statistics import Statistic, bounded, profile

TOGETHER = 256  # toys that are fitted side by side [1]


def toys(model: BinnedModel, parameters: Float[Array, "param"], number: int, *, key: Key[Array, ""]) -> Observation:
    """Pseudo-experiments: counts and auxiliary measurements drawn from their laws, leading axis toy.

    Args:
        model: the statistical model.
        parameters: the truth.
        number: how many [1].
        key: decides all draws.
    """
    mean = model.asimov(parameters)
    counts, normal, counted = jax.random.split(key, 3)
    shape = (number, len(model.names))
    drawn = jax.random.normal(normal, shape, parameters.dtype) * model.width + mean.auxiliary
    events = jax.random.poisson(counted, jnp.where(model.poisson, mean.auxiliary, 1.0), shape).astype(parameters.dtype)
    auxiliary = jnp.where(model.gaussian, drawn, jnp.where(model.poisson, events, 0.0))
    found = jax.random.poisson(counts, mean.counts, (number, *mean.counts.shape)).astype(parameters.dtype)
    return Observation(found, auxiliary)


class Statistics(eqx.Module):
    """The test statistic of many toys, and whether its fits converged."""

    value: Float[Array, "toy"]
    converged: Bool[Array, "toy"]


def toy_statistics(
    model: BinnedModel, data: Observation, mu: Float[Array, ""] | float, statistic: Statistic = "qtilde"
) -> Statistics:
    """The test statistic of every toy, `TOGETHER` at a time, so that memory stays flat.

    Args:
        model: the statistical model.
        data: toys, leading axis toy.
        mu: the tested value.
        statistic: which.
    """

    def one(toy: Observation) -> tuple[Array, Array]:
        found = profile(model, toy, mu, statistic)
        return found.value, found.converged

    return Statistics(*jax.lax.map(one, data, batch_size=TOGETHER))


class ToyTest(eqx.Module):
    """A tested value of the parameter of interest, by counting toys."""

    statistic: Float[Array, ""]  # of the data
    p_signal: Float[Array, ""]  # CL_{s+b}: share of toys with signal at least as extreme
    p_background: Float[Array, ""]  # CL_b: share of toys without
    toys: Float[Array, "2"]  # toys with and without signal whose fits converged; the others do not count

    @property
    def cls(self) -> Float[Array, ""]:
        """CLs = CL_{s+b} / CL_b [1]."""
        return self.p_signal / self.p_background

    @property
    def cls_error(self) -> Float[Array, ""]:
        """Its standard error, from two binomial laws [1]."""
        share = jnp.stack([self.p_signal, self.p_background])
        relative = jnp.sqrt(jnp.sum((1.0 - share) / (jnp.maximum(share, 1e-30) * self.toys)))
        return self.cls * relative


def toy_test(
    model: BinnedModel,
    data: Observation,
    mu: Float[Array, ""] | float = 1.0,
    statistic: Statistic = "qtilde",
    *,
    number: int,
    key: Key[Array, ""],
) -> ToyTest:
    """CLs by toys, drawn with the nuisances that fit the data best at the tested value and without signal.

    For "q0" the p-value of the absence of a signal is ``p_signal`` with mu = 0.

    Args:
        model: the statistical model.
        data: what was measured.
        mu: the tested value.
        statistic: which.
        number: toys of each hypothesis [1].
        key: decides all draws.

    Raises:
        LikelihoodError: the model has no parameter of interest.
    """
    interest(model)
    mu = jnp.asarray(mu, model.start.dtype)
    seen = profile(model, data, mu, statistic)
    _, truths = profile_fits(bounded(model, statistic), data, jnp.stack([mu, jnp.zeros_like(mu)]))

    def share(truth: Array, key: Key[Array, ""]) -> tuple[Array, Array]:
        found = toy_statistics(model, toys(model, truth, number, key=key), mu, statistic)
        extreme = found.converged & (found.value >= seen.value)
        return jnp.sum(extreme) / jnp.sum(found.converged), jnp.sum(found.converged)

    with_signal, without = (share(truths.value[i], own) for i, own in enumerate(jax.random.split(key)))
    counted = jnp.stack([with_signal[1], without[1]]).astype(mu.dtype)
    return ToyTest(seen.value, with_signal[0], without[0], counted)
