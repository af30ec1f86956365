"""Evaluations: what one design turned out to be worth, with errors, status and, if asked, the gradient."""

from __future__ import annotations

import enum

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from daedalus.core.space import Point


class Status(enum.IntEnum):
    """How an evaluation ended."""

    OK = 0
    FAILED = 1  # a figure or a gradient is not finite, or a foreign program failed
    INFEASIBLE = 2  # a constraint is violated by more than two standard errors
    EMPTY = 3  # no event accepted in any scenario
    TIMEOUT = 4  # a foreign program did not end in time


class Gradient(eqx.Module):
    """The derivative of the machine's loss with respect to a point, and the covariance of its cube part.

    Under `Pressure` the loss includes the constraints' terms. The covariance is that of the parts' contributions to
    the sums; how the loss weighs the sums is held fixed, so that where the loss is curved in them (a squared error
    near its minimum) the true covariance is larger. It is kept as a root, one row per part, for its size grows as the
    square of the number of parameters.
    """

    value: Point
    root: Float[Array, "*start part param"]  # of the covariance of the derivative by the cube [loss unit]

    @property
    def covariance(self) -> Float[Array, "*start param param"]:
        """The covariance of the derivative with respect to the cube [loss unit squared]."""
        return jnp.swapaxes(self.root, -2, -1) @ self.root


class Pressure(eqx.Module):
    """What an augmented Lagrangian adds to the loss that is differentiated.

    For every row g of ``Evaluation.excess``, (max(0, m + w g)^2 - m^2) / (2 w): Rockafellar, J. Optim. Theory Appl.
    12 (1973) 555, equation 1.
    """

    multipliers: Float[Array, "*start row"]  # m [1]
    weight: Float[Array, "*start"]  # w [1]

    def __call__(self, excess: Float[Array, "row"]) -> Float[Array, ""]:
        """The addition of one start for the given excesses [1]."""
        pushed = jnp.maximum(0.0, self.multipliers + self.weight * excess)
        return jnp.sum(pushed**2 - self.multipliers**2) / (2 * self.weight)


class Evaluation(eqx.Module):
    """The result of evaluating one design: figures by name, their standard errors, and how it went.

    ``scores`` and ``excess`` are the same figures as the machine reads them: less is better, and not above zero is met.
    """

    values: dict[str, Float[Array, "*start"]]  # objectives, constraints, metrics [house units]
    errors: dict[str, Float[Array, "*start"]]  # standard errors [house units]
    loss: Float[Array, "*start"]  # what the machine minimises: the sum of the scores; inf where there is none [1]
    loss_error: Float[Array, "*start"]  # its standard error, NaN where it is unknown [1]
    scores: Float[Array, "*start objective"]  # direction * value / scale of every objective [1]
    score_errors: Float[Array, "*start objective"]  # [1]
    excess: Float[Array, "*start row"]  # beyond each bound of the measured constraints [scales]
    excess_errors: Float[Array, "*start row"]  # [scales]
    status: Int[Array, "*start"]  # a `Status`
    accepted: Float[Array, "*start"]  # mean accepted weight per scenario [events]
    effective: Float[Array, "*start"]  # mean of Kish's effective number per scenario [events]
    empty: Int[Array, "*start"]  # scenarios without an accepted event
    gradient: Gradient | None = None

    @property
    def sound(self) -> Array:
        """Which evaluations can be learned from: a finite loss, and a finite gradient if there is one."""
        return jnp.isfinite(self.loss) & (self.status != Status.FAILED)


def status_of(loss: Array, gradient: Gradient | None, empty_all: Array, violated: Array) -> Array:
    """The status of an evaluation from its numbers; the worst one wins."""
    finite = jnp.isfinite(loss)
    if gradient is not None:
        finite &= jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(gradient.value)]))
    bad = jnp.where(finite, jnp.where(violated, Status.INFEASIBLE, Status.OK), Status.FAILED)
    return jnp.where(empty_all, Status.EMPTY, bad).astype(jnp.int32)
