"""Hypothesis tests with the asymptotic laws of the test statistics: p-values, CLs with bands, significance.

Source: Cowan, Cranmer, Gross and Vitells, Eur. Phys. J. C 71 (2011) 1554 (arXiv:1007.1727), section 3; CLs: Read, J.
Phys. G 28 (2002) 2693. Valid for many events; toys tell where that holds.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.scipy.stats import norm
from jaxtyping import Array, Bool, Float

from daedalus.gradients.bounded_minimum import BoundedMinimum
from daedalus.inference.histfactory.fits import fit, interest, profile_fits, with_fixed
from daedalus.inference.histfactory.model import BinnedModel, Observation
from daedalus.inference.histfactory.test_statistics import Statistic, bounded, profile, ratio

BANDS = (2.0, 1.0, 0.0, -1.0, -2.0)  # downward fluctuations of the background, strongest exclusion first [sigma]


class HypothesisTest(eqx.Module):
    """The outcome of testing a value of the parameter of interest, in logarithms that do not underflow."""

    statistic: Float[Array, "*batch"]  # q
    asimov_statistic: Float[Array, "*batch"]  # q of the background's Asimov data: (mu / sigma)^2
    log_p_signal: Float[Array, "*batch"]  # ln CL_{s+b}, the p-value of signal and background
    log_p_background: Float[Array, "*batch"]  # ln CL_b
    log_expected: Float[Array, "*batch 5"]  # ln CLs expected of the background alone, at its bands -2 .. +2 sigma
    held: BoundedMinimum  # fit to the data at the tested value
    free: BoundedMinimum  # fit to the data
    background: BoundedMinimum  # fit to the data without signal, which Asimov data are made from
    asimov: BoundedMinimum  # fit to the Asimov data at the tested value

    @property
    def log_cls(self) -> Float[Array, "*batch"]:
        """Ln CLs, the figure to minimise where an exclusion is wanted [1]."""
        return self.log_p_signal - self.log_p_background

    @property
    def cls(self) -> Float[Array, "*batch"]:
        """CLs = CL_{s+b} / CL_b [1]."""
        return jnp.exp(self.log_cls)

    @property
    def expected(self) -> Float[Array, "*batch 5"]:
        """CLs expected of the background alone, at its bands -2, -1, 0, +1, +2 sigma [1]."""
        return jnp.exp(self.log_expected)

    @property
    def converged(self) -> Bool[Array, "*batch"]:
        """Whether all fits did."""
        fits = (self.held, self.free, self.background, self.asimov)
        return jnp.stack([found.converged for found in fits]).all(0)


def hypothesis_test(
    model: BinnedModel, data: Observation, mu: Float[Array, ""] | float = 1.0, statistic: Statistic = "qtilde"
) -> HypothesisTest:
    """A tested value of the parameter of interest: CLs with bands, by four fits of which three run side by side.

    The free fit to Asimov data is known without fitting: the parameters they were made from. Differentiable by
    templates and data, through the fits (implicitly) and the Asimov data.

    Args:
        model: the statistical model.
        data: what was measured, or Asimov data for what is expected.
        mu: the tested value.
        statistic: "qtilde" or "q", see `profile`.

    Raises:
        LikelihoodError: the model has no parameter of interest.
    """
    mu = jnp.asarray(mu, model.start.dtype)
    model = bounded(model, statistic)
    free, both = profile_fits(model, data, jnp.stack([mu, jnp.zeros_like(mu)]))
    held, background = (jax.tree.map(lambda leaf, i=i: leaf[i], both) for i in (0, 1))
    asimov = model.asimov(background.value)
    asimov_held = _held(model, asimov, mu, background.value)
    asimov_loss = model.negative_log_likelihood(background.value, asimov)
    q = ratio(model, held, free, mu, statistic)
    q_asimov = jnp.maximum(2.0 * (asimov_held.loss - asimov_loss), 0.0)
    root = safe_root(q_asimov)
    signal, alone = _log_tails(safe_root(q), root, statistic)
    expected = jnp.stack([_log_cls_at(band, root) for band in BANDS])
    return HypothesisTest(q, q_asimov, signal, alone, expected, held, free, background, asimov_held)


class Discovery(eqx.Module):
    """The outcome of testing the absence of a signal."""

    statistic: Float[Array, "*batch"]  # q0
    significance: Float[Array, "*batch"]  # Z = sqrt(q0) [sigma]
    log_p0: Float[Array, "*batch"]  # logarithm of the p-value, the figure to minimise where a discovery is wanted
    held: BoundedMinimum
    free: BoundedMinimum

    @property
    def p0(self) -> Float[Array, "*batch"]:
        """The p-value 1 - Phi(Z) [1]."""
        return jnp.exp(self.log_p0)

    @property
    def converged(self) -> Bool[Array, "*batch"]:
        """Whether both fits did."""
        return self.held.converged & self.free.converged


def discovery(model: BinnedModel, data: Observation) -> Discovery:
    """The significance of a signal: the p-value of data without one; with Asimov data, what is expected.

    Args:
        model: the statistical model.
        data: what was measured.

    Raises:
        LikelihoodError: the model has no parameter of interest.
    """
    found = profile(model, data, 0.0, "q0")
    significance = safe_root(found.value)
    return Discovery(found.value, significance, log_tail(significance), found.held, found.free)


def expected_discovery(model: BinnedModel, mu: Float[Array, ""] | float = 1.0) -> Discovery:
    """The median significance of a signal of a given strength, other parameters at their start; one fit.

    Args:
        model: the statistical model.
        mu: the signal's strength.

    Raises:
        LikelihoodError: the model has no parameter of interest.
    """
    place = interest(model)
    truth = model.start.at[place].set(mu)
    data = model.asimov(truth)
    held = _held(model, data, jnp.zeros((), truth.dtype), truth)
    q = jnp.maximum(2.0 * (held.loss - model.negative_log_likelihood(truth, data)), 0.0)
    significance = safe_root(q)
    free = eqx.tree_at(lambda f: (f.value, f.loss), held, (truth, model.negative_log_likelihood(truth, data)))
    return Discovery(q, significance, log_tail(significance), held, free)


def safe_root(q: Float[Array, ""]) -> Float[Array, ""]:
    """The square root, with the derivative zero at zero, where a statistic is clipped, and at infinity."""
    moves = (q > 0) & (q < jnp.inf)
    return jnp.where(moves, jnp.sqrt(jnp.where(moves, q, 1.0)), jnp.where(q > 0, q, 0.0))


def log_tail(z: Float[Array, ""]) -> Float[Array, ""]:
    """Ln (1 - Phi(z)), with the derivative zero at infinity."""
    return jnp.where(z == jnp.inf, -jnp.inf, norm.logcdf(-jnp.where(z == jnp.inf, 0.0, z)))


def _held(model: BinnedModel, data: Observation, mu: Array, start: Array) -> BoundedMinimum:
    own = jnp.arange(len(model.names)) == interest(model)
    return fit(with_fixed(model, own), data, start=jnp.where(own, mu, start))


def _log_tails(root: Array, root_asimov: Array, statistic: Statistic) -> tuple[Array, Array]:
    """Ln CL_{s+b} and ln CL_b; equations 57, 59, 65 and 66 of the source in terms of the roots of q and q_A."""
    distance = root - root_asimov
    if statistic == "qtilde":
        safe = jnp.where(root_asimov > 0, root_asimov, 1.0)
        distance = jnp.where(root > root_asimov, distance * (root + root_asimov) / (2.0 * safe), distance)
    return log_tail(distance + root_asimov), log_tail(distance)


def _log_cls_at(band: float, root_asimov: Array) -> Array:
    """Ln CLs expected of a background that fluctuates downwards by so many standard deviations."""
    return log_tail(band + root_asimov) - log_tail(jnp.asarray(band, root_asimov.dtype))
