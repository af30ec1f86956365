"""Schedules: how a step size or a softness changes from the first round to the last."""

from __future__ import annotations

import abc

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float


class Schedule(eqx.Module):
    """A factor [1] as a function of the share of rounds done: 0 in the first round, 1 in the last."""

    @abc.abstractmethod
    def __call__(self, done: Float[Array, ""]) -> Float[Array, ""]:
        """The factor at a share of the rounds."""


class Constant(Schedule):
    """The same factor in every round."""

    value: float = 1.0

    def __call__(self, done: Float[Array, ""]) -> Float[Array, ""]:
        """The factor at a share of the rounds."""
        return jnp.full_like(done, self.value)


class Geometric(Schedule):
    """Equal ratios from round to round: first (last / first)^done; both positive."""

    first: float = 1.0
    last: float = 0.1

    def __call__(self, done: Float[Array, ""]) -> Float[Array, ""]:
        """The factor at a share of the rounds."""
        return self.first * (self.last / self.first) ** done


class Cosine(Schedule):
    """Half a cosine from ``first`` to ``last`` (Loshchilov and Hutter, ICLR 2017, equation 5)."""

    first: float = 1.0
    last: float = 0.0

    def __call__(self, done: Float[Array, ""]) -> Float[Array, ""]:
        """The factor at a share of the rounds."""
        return self.last + (self.first - self.last) * 0.5 * (1 + jnp.cos(jnp.pi * done))


class OneCycle(Schedule):
    """Up from ``first`` to 1 at the share ``peak``, then down to ``last``, by half cosines.

    The one-cycle policy of Smith and Topin (arXiv:1708.07120, section 3) in its cosine form.
    """

    peak: float = 0.3
    first: float = 0.1
    last: float = 0.01

    def __call__(self, done: Float[Array, ""]) -> Float[Array, ""]:
        """The factor at a share of the rounds."""
        rise = Cosine(self.first, 1.0)(done / self.peak)
        fall = Cosine(1.0, self.last)((done - self.peak) / (1 - self.peak))
        return jnp.where(done < self.peak, rise, fall)


class Latter(Schedule):
    """The last part of another schedule, from a share of its rounds on, spread over all rounds."""

    whole: Schedule
    begin: float = 0.5

    def __call__(self, done: Float[Array, ""]) -> Float[Array, ""]:
        """The factor at a share of the rounds."""
        return self.whole(self.begin + (1.0 - self.begin) * done)


class WarmUp(Schedule):
    """A straight rise over the first ``share`` of the rounds, multiplied onto another schedule."""

    after: Schedule
    share: float = 0.1

    def __call__(self, done: Float[Array, ""]) -> Float[Array, ""]:
        """The factor at a share of the rounds."""
        # the first round moves by a tenth already: a round without a move would be a wasted evaluation
        return self.after(done) * jnp.clip(done / self.share, 0.1, 1.0)
