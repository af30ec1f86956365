"""Upper limits by CLs: observed, and expected of the background alone with its bands."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.scipy.stats import norm
from jaxtyping import Array, Bool, Float

from daedalus.inference.histfactory.asymptotics import BANDS, hypothesis_test
from daedalus.inference.histfactory.fits import interest
from daedalus.inference.histfactory.model import BinnedModel, Observation
from daedalus.inference.histfactory.test_statistics import Statistic
from daedalus.inference.histfactory.uncertainties import expected_uncertainty

STEPS = 80  # of the search, doublings of a first guess that is not excluded included [1]


class UpperLimit(eqx.Module):
    """Values of the parameter of interest whose CLs is the level, with their implicit derivative."""

    observed: Float[Array, ""]
    expected: Float[Array, "5"]  # for the background alone, at its bands -2, -1, 0, +1, +2 sigma
    converged: Bool[Array, "6"]  # observed first; where not, the value is a guess and its derivative zero


def upper_limit(
    model: BinnedModel, data: Observation, *, level: float = 0.05, statistic: Statistic = "qtilde"
) -> UpperLimit:
    """The values of the parameter of interest above which CLs is below a level; six searches side by side.

    A first guess from the expected width sigma, mu = sigma (Phi^-1(1 - level Phi(N)) + N) (Cowan et al., Eur. Phys. J.
    C 71 (2011) 1554, equation 89), is doubled until it is excluded; then false position finds the root of ln CLs. The
    parameter's own upper bound does not hold: it bounds the fit, not the question.

    Args:
        model: the statistical model.
        data: what was measured.
        level: 1 - the confidence level [1].
        statistic: "qtilde" or "q".

    Raises:
        LikelihoodError: the model has no parameter of interest.
    """
    place, bands = interest(model), jnp.asarray((0.0, *(-band for band in BANDS)), model.start.dtype)
    still = jax.lax.stop_gradient((model, data))
    sigma = expected_uncertainty(still[0], still[0].start.at[place].set(0.0))
    guesses = jnp.where(jnp.isfinite(sigma), sigma, 1.0) * (norm.ppf(1.0 - level * norm.cdf(bands)) + bands)

    def limit(which: Array, guess: Array) -> tuple[Array, Array]:
        def excess(mu: Array, given: tuple[BinnedModel, Observation]) -> Array:
            found = hypothesis_test(*given, mu, statistic)
            return jnp.concatenate([found.log_cls[None], found.log_expected])[which] - math.log(level)

        root, small = _root(lambda mu: excess(mu, still), guess, -math.log(level))
        left, slope = jax.jvp(lambda mu: excess(mu, (model, data)), (root,), (jnp.ones_like(root),))
        sound = small & (slope < 0)  # one Newton step with the slope held has the implicit derivative
        step = jnp.where(sound, left / jax.lax.stop_gradient(jnp.where(sound, slope, 1.0)), 0.0)
        return root - step, sound

    found, converged = jax.vmap(limit)(jnp.arange(len(bands)), guesses)
    return UpperLimit(found[0], found[1:], converged)


class _Bracket(NamedTuple):
    """Where a decreasing function is above and below zero."""

    low: Array
    above: Array  # the value at low
    high: Array
    below: Array  # the value at high; positive until an end is found
    side: Array  # +1 where low moved last, -1 where high did
    last: Array
    value: Array  # at the last place
    steps: Array


def _root(function: Callable[[Array], Array], guess: Array, at_zero: float) -> tuple[Array, Array]:
    """The root of a decreasing function above zero, and whether it was found.

    By the Illinois variant of false position: Dowell and Jarratt, BIT 11 (1971) 168.
    """
    tolerance = float(jnp.finfo(guess.dtype).eps) ** 0.6

    def step(b: _Bracket) -> _Bracket:
        inside = b.high - b.below * (b.high - b.low) / jnp.where(b.below != b.above, b.below - b.above, 1.0)
        place = jnp.where(b.below > 0, 2.0 * b.high, inside)
        value = function(place)
        up, ended = value > 0, b.below <= 0  # up: the root lies above this place
        low, above = jnp.where(up, place, b.low), jnp.where(up, value, jnp.where(b.side < 0, 0.5 * b.above, b.above))
        kept = jnp.where(b.side > 0, 0.5 * b.below, b.below)
        high = jnp.where(up & ended, b.high, place)
        below = jnp.where(up & ended, kept, value)
        side = jnp.where(ended, jnp.where(up, 1, -1), 0)
        return _Bracket(low, above, high, below, side, place, value, b.steps + 1)

    going = lambda b: ~(jnp.abs(b.value) <= tolerance) & (b.steps < STEPS)
    zero, one = jnp.zeros((), int), jnp.ones_like(guess)
    start = _Bracket(0 * one, at_zero * one, 0.5 * guess, one, zero, guess, jnp.inf * one, zero)
    found = jax.lax.while_loop(going, step, start)
    return found.last, jnp.abs(found.value) <= tolerance
