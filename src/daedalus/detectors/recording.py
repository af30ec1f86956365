"""Recording: the derivative of what was recorded by chance, through its probability."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

RAREST = 1e-4  # smallest probability of a hit, or of none, that a derivative is taken of [1]


def score_weight(recorded: Bool[Array, "plane event"], chance: Float[Array, "plane event"]) -> Float[Array, "event"]:
    """A weight that is one, exp(logp - stop_gradient(logp)), and carries the derivative of logp.

    logp is the log-probability of what was recorded, hits independent of each other. Expectations of weighted sums
    then have unbiased, noisy derivatives (score function; Mohamed et al., JMLR 21 (2020) 132, section 4).

    Args:
        recorded: what happened.
        chance: probability of each hit [1].
    """
    safe = jnp.clip(chance, RAREST, 1.0 - RAREST)
    log_chance = jnp.sum(jnp.where(recorded, jnp.log(safe), jnp.log1p(-safe)), 0)
    return jnp.exp(log_chance - jax.lax.stop_gradient(log_chance))
