"""Evaluations: what one design turned out to be worth, with errors, status and, if asked, the gradient."""

from __future__ import annotations

import enum

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from daedalus.core.space import Point


class Status(enum.IntEnum):
    """How an evaluation ended."""

    OK = 0
    FAILED = 1  # a figure or a gradient is not finite
    INFEASIBLE = 2  # a constraint is violated by more than two standard errors
    EMPTY = 3  # no event accepted in any scenario
    TIMEOUT = 4


class Gradient(eqx.Module):
    """The derivative of the machine's loss with respect to a point, and the covariance of its cube part.

    The covariance is that of the parts' contributions to the sums; how the loss weighs the sums is held fixed, so
    that where the loss is curved in them (a squared error near its minimum) the true covariance is larger.
    """

    value: Point
    covariance: Float[Array, "*start param param"]  # of the derivative with respect to the cube [loss unit squared]


class Evaluation(eqx.Module):
    """The result of evaluating one design: figures by name, their standard errors, and how it went."""

    values: dict[str, Float[Array, "*start"]]  # objectives, constraints, metrics [house units]
    errors: dict[str, Float[Array, "*start"]]  # standard errors [house units]
    loss: Float[Array, "*start"]  # what the machine minimises: sum of direction * value / scale; inf if EMPTY [1]
    status: Int[Array, "*start"]  # a `Status`
    accepted: Float[Array, "*start"]  # mean accepted weight per scenario [events]
    empty: Int[Array, "*start"]  # scenarios without an accepted event
    gradient: Gradient | None = None


def status_of(loss: Array, gradient: Gradient | None, empty_all: Array, violated: Array) -> Array:
    """The status of an evaluation from its numbers; the worst one wins."""
    finite = jnp.isfinite(loss)
    if gradient is not None:
        finite &= jnp.all(jnp.isfinite(gradient.value.cube))
    bad = jnp.where(finite, jnp.where(violated, Status.INFEASIBLE, Status.OK), Status.FAILED)
    return jnp.where(empty_all, Status.EMPTY, bad).astype(jnp.int32)
