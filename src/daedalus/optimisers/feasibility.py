"""Feasibility first: how evaluations with measured constraints, or without a loss, are compared.

What meets the constraints is better than what does not; of two that do the lower loss wins, of two that do not the
smaller violation (Deb, Comput. Methods Appl. Mech. Engrg. 186 (2000) 311, section 3).
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from daedalus.core import Evaluation


def violation(evaluation: Evaluation) -> Float[Array, "start"]:
    """The sum of what is beyond the bounds of the constraints [scales]; inf where there is no loss."""
    beyond = jnp.sum(jnp.maximum(evaluation.excess, 0.0), -1)
    return jnp.where(evaluation.sound, beyond, jnp.inf)


def sound_loss(evaluation: Evaluation) -> Float[Array, "start"]:
    """The loss; inf where there is none."""
    return jnp.where(evaluation.sound, evaluation.loss, jnp.inf)


def better(
    loss: Float[Array, "*start"],
    violation: Float[Array, "*start"],
    than: Float[Array, "*start"],
    than_violation: Float[Array, "*start"],
) -> Bool[Array, "*start"]:
    """Whether evaluations are at least as good as others."""
    return (violation < than_violation) | ((violation == than_violation) & (loss <= than))


def best_first(loss: Float[Array, "start"], violation: Float[Array, "start"]) -> Int[Array, "start"]:
    """The order of evaluations from the best to the worst."""
    return jnp.lexsort((loss, violation))
