"""Figures of merit: one number that says what a measurement is expected to reach, for a search to minimise.

All are expectations from Asimov data, made so that a step of an optimiser means the same everywhere: logarithms of
p-values and of variances. Where a measurement cannot reach anything (a fit without an end, a parameter that nothing
depends on) the answer says so beside its value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from daedalus.gradients.bounded_minimum import BoundedMinimum
from daedalus.inference.histfactory.asymptotics import expected_discovery, log_tail, safe_root
from daedalus.inference.histfactory.fits import fit, interest, with_fixed
from daedalus.inference.histfactory.model import BinnedModel
from daedalus.inference.histfactory.uncertainties import expected_uncertainty, log_generalised_variance


class Merit(eqx.Module):
    """A figure of merit, and whether it could be found."""

    value: Float[Array, ""]  # less is better
    sound: Bool[Array, ""]  # all fits converged and the value is finite

    @property
    def loss(self) -> Float[Array, ""]:
        """The value, or infinity where it could not be found: an evaluation then has failed, and says so."""
        return jnp.where(self.sound, self.value, jnp.inf)


class Exclusion(eqx.Module):
    """What testing a signal is expected to give where there is none."""

    statistic: Float[Array, ""]  # q of the background's Asimov data
    log_cls: Float[Array, ""]  # ln of the median expected CLs
    held: BoundedMinimum  # the fit at the tested value


def expected_exclusion(model: BinnedModel, mu: Float[Array, ""] | float = 1.0) -> Exclusion:
    """The median CLs of a tested signal strength where there is no signal, other parameters at their start; one fit.

    The free fit to the Asimov data is known, the parameters they were made from, and CL_b is one half: ln CLs =
    ln Phi(-sqrt(q_A)) + ln 2 (Cowan, Cranmer, Gross and Vitells, Eur. Phys. J. C 71 (2011) 1554, equations 65 and 66;
    q and q-tilde agree here). The same as ``hypothesis_test(model, background, mu).log_expected[2]`` with a quarter of
    its fits.

    Args:
        model: the statistical model.
        mu: the tested value.

    Raises:
        LikelihoodError: the model has no parameter of interest.
    """
    own = jnp.arange(len(model.names)) == interest(model)
    alone, signal = jnp.where(own, 0.0, model.start), jnp.where(own, mu, model.start)
    data = model.asimov(alone)
    held = fit(with_fixed(model, own), data, start=signal)
    q = jnp.maximum(2.0 * (held.loss - model.negative_log_likelihood(alone, data)), 0.0)
    return Exclusion(q, log_tail(safe_root(q)) + jnp.log(2.0), held)


def expected_log_cls(model: BinnedModel) -> Merit:
    """Ln of the median CLs of the signal strength 1 where there is no signal [1]."""
    found = expected_exclusion(model)
    return _merit(found.log_cls, found.held.converged)


def expected_log_p0(model: BinnedModel) -> Merit:
    """Ln of the median p-value of no signal where there is one of strength 1 [1]."""
    found = expected_discovery(model)
    return _merit(found.log_p0, found.held.converged)


def expected_log_uncertainty(model: BinnedModel) -> Merit:
    """Ln of the expected standard deviation of a signal strength of 1, nuisances profiled [1]."""
    own = jnp.arange(len(model.names)) == interest(model)
    return _merit(jnp.log(expected_uncertainty(model, jnp.where(own, 1.0, model.start))), True)


def expected_log_volume(model: BinnedModel) -> Merit:
    """Half of ln of the generalised variance of all free parameters: ln of their error ellipsoid's volume [1].

    At a signal strength of zero, as the neos package has it.
    """
    own = jnp.arange(len(model.names)) == interest(model)
    at = jnp.where(own, 0.0, model.start)
    return _merit(0.5 * log_generalised_variance(model, at, ~model.fixed), True)


MERITS: Mapping[str, Callable[[BinnedModel], Merit]] = MappingProxyType(
    {
        "cls": expected_log_cls,
        "discovery": expected_log_p0,
        "uncertainty": expected_log_uncertainty,
        "generalised_variance": expected_log_volume,
    }
)


def _merit(value: Array, converged: Array | bool) -> Merit:
    return Merit(value, jnp.isfinite(value) & converged)
