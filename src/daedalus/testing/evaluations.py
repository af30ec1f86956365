"""Evaluations made by hand, to try optimisers without a problem."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from daedalus.core import Evaluation, Gradient, Status


def evaluated(
    loss: Float[Array, "start"],
    *,
    error: Float[Array, "start"] | float = 0.0,
    scores: Float[Array, "start objective"] | None = None,
    excess: Float[Array, "start row"] | None = None,
    gradient: Gradient | None = None,
) -> Evaluation:
    """The evaluation of points whose loss is given; one that is infinite has failed, and its figures are NaN.

    Args:
        loss: what the machine minimises [1].
        error: its standard error, and that of every score and excess [1].
        scores: of the objectives [1]; the loss alone by default.
        excess: beyond the bounds of measured constraints [scales]; none by default.
        gradient: the derivative of the loss.
    """
    sound = jnp.isfinite(loss)
    nothing = jnp.where(sound, 0.0, jnp.nan).astype(loss.dtype)
    scores = (nothing + jnp.where(sound, loss, 0.0))[:, None] if scores is None else scores + nothing[:, None]
    rows = jnp.zeros((len(loss), 0), loss.dtype) if excess is None else excess + nothing[:, None]
    errors = nothing + jnp.asarray(error, loss.dtype)
    violated = jnp.any(rows > 2 * errors[:, None], axis=1)
    status = jnp.where(sound, jnp.where(violated, Status.INFEASIBLE, Status.OK), Status.FAILED)
    return Evaluation(
        values={"loss": scores[:, 0]},
        errors={"loss": errors},
        loss=loss,
        loss_error=errors,
        scores=scores,
        score_errors=jnp.broadcast_to(errors[:, None], scores.shape),
        excess=rows,
        excess_errors=jnp.broadcast_to(errors[:, None], rows.shape),
        status=status.astype(jnp.int32),
        accepted=jnp.ones_like(loss),
        effective=jnp.ones_like(loss),
        empty=jnp.zeros(len(loss), jnp.int32),
        gradient=gradient,
    )
