"""Test statistics: profile likelihood ratios for limits and for discovery.

Source: Cowan, Cranmer, Gross and Vitells, Eur. Phys. J. C 71 (2011) 1554 (arXiv:1007.1727), equations 12, 14 and 16.
"""

from __future__ import annotations

from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from daedalus.gradients.bounded_minimum import BoundedMinimum
from daedalus.inference.histfactory.fits import interest, profile_fits
from daedalus.inference.histfactory.model import BinnedModel, Observation

Statistic = Literal["q", "qtilde", "q0"]


class Profile(eqx.Module):
    """A test statistic and the fits it was made of."""

    value: Float[Array, ""]
    held: BoundedMinimum  # with the parameter of interest at the tested value
    free: BoundedMinimum

    @property
    def converged(self) -> Bool[Array, ""]:
        """Whether both fits did."""
        return self.held.converged & self.free.converged


def profile(
    model: BinnedModel, data: Observation, mu: Float[Array, ""] | float, statistic: Statistic = "qtilde"
) -> Profile:
    """The test statistic of a tested value of the parameter of interest.

    "qtilde": -2 ln L(mu) / L(mu^), the fitted mu^ not below zero, and zero where mu^ > mu: for upper limits. "q": the
    same with mu^ within the model's own bounds. "q0": -2 ln L(mu) / L(mu^), and zero where mu^ < mu: for a discovery,
    with mu = 0. The derivative by templates and data is exact where the statistic is not clipped.

    Args:
        model: the statistical model.
        data: what was measured.
        mu: the tested value.
        statistic: which.

    Raises:
        LikelihoodError: the model has no parameter of interest.
    """
    tested = jnp.asarray(mu, model.start.dtype)
    free, held = profile_fits(bounded(model, statistic), data, tested[None])
    held = jax.tree.map(lambda leaf: leaf[0], held)
    return Profile(ratio(model, held, free, tested, statistic), held, free)


def ratio(
    model: BinnedModel, held: BoundedMinimum, free: BoundedMinimum, mu: Float[Array, ""], statistic: Statistic
) -> Float[Array, ""]:
    """The test statistic made of two fits; see `profile`."""
    fitted = free.value[interest(model)]
    wrong_side = fitted < mu if statistic == "q0" else fitted > mu
    difference = 2.0 * (held.loss - free.loss)
    return jnp.where(wrong_side, 0.0, jnp.maximum(difference, 0.0))


def bounded(model: BinnedModel, statistic: Statistic) -> BinnedModel:
    """The model with the parameter of interest not below zero, where the statistic asks for that."""
    if statistic != "qtilde":
        return model
    own = jnp.arange(len(model.names)) == interest(model)
    return eqx.tree_at(lambda m: m.lower, model, jnp.where(own, jnp.maximum(model.lower, 0.0), model.lower))
