"""Domination: which of several evaluations with several objectives are better, and which stand alone."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int


def dominates(scores: Float[Array, "row objective"], violation: Float[Array, "row"]) -> Bool[Array, "row row"]:
    """Which rows dominate which: the first axis the second.

    Of two rows the one with the smaller violation of the constraints dominates; where these are equal (both meet
    them) the one that is nowhere worse and somewhere better (Deb, Pratap, Agarwal, Meyarivan, IEEE Trans. Evol.
    Comput. 6 (2002) 182, definition 1).
    """
    less, equal = violation[:, None] < violation, violation[:, None] == violation
    nowhere_worse = jnp.all(scores[:, None] <= scores, -1)
    somewhere_better = jnp.any(scores[:, None] < scores, -1)
    return less | (equal & nowhere_worse & somewhere_better)


def fronts(scores: Float[Array, "row objective"], violation: Float[Array, "row"]) -> Int[Array, "row"]:
    """The number of the front of each row: 0 where nothing dominates it, 1 where only rows of front 0 do, and so on."""
    above = dominates(scores, violation)

    def peel(carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        front, left, number = carry
        free = left & ~jnp.any(above & left[:, None], 0)
        return jnp.where(free, number, front), left & ~free, number + 1

    rows = scores.shape[0]
    begin = (jnp.zeros(rows, jnp.int32), jnp.ones(rows, bool), jnp.zeros((), jnp.int32))
    return jax.lax.while_loop(lambda carry: jnp.any(carry[1]), peel, begin)[0]


def crowding(scores: Float[Array, "row objective"], front: Int[Array, "row"]) -> Float[Array, "row"]:
    """The room around each row in its own front: the gap between its neighbours, summed over objectives [shares].

    The ends of a front have infinite room (Deb et al. 2002, section III.B).
    """
    total = jnp.zeros(scores.shape[0], scores.dtype)
    rows = jnp.arange(scores.shape[0])
    for column in jnp.where(jnp.isfinite(scores), scores, 0.0).T:
        order = jnp.lexsort((column, front))
        value, group = column[order], front[order]
        lowest = jax.ops.segment_min(column, front, len(rows))[group]
        span = jax.ops.segment_max(column, front, len(rows))[group] - lowest
        inside = (group == jnp.roll(group, 1)) & (group == jnp.roll(group, -1)) & (rows > 0) & (rows < len(rows) - 1)
        gap = (jnp.roll(value, -1) - jnp.roll(value, 1)) / jnp.where(span > 0, span, 1.0)
        total = total.at[order].add(jnp.where(inside, gap, jnp.inf))
    return total
