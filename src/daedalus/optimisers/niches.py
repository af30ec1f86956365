"""Niches: which members of a last front are kept, so that all directions of the front stay inhabited (NSGA-III)."""

from __future__ import annotations

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

OFF_AXIS = 1e-6  # weight of the other objectives when the member farthest along an axis is looked for [1]
TINY = 1e-10  # smallest intercept of the front's plane [scores]


def reference_directions(objectives: int, count: int) -> Float[np.ndarray, "direction objective"]:
    """Evenly spread directions in the space of objectives, at most ``count``, but one along each axis at least.

    Das and Dennis, SIAM J. Optim. 8 (1998) 631, section 3.1.
    """
    if objectives == 1:
        return np.ones((1, 1))
    parts = 1
    while math.comb(objectives + parts, parts + 1) <= count:
        parts += 1
    bars = itertools.combinations(range(objectives + parts - 1), objectives - 1)
    shares = [np.diff([-1, *bar, objectives + parts - 1]) - 1 for bar in bars]
    return np.asarray(shares, float) / parts


def niched(
    scores: Float[Array, "row objective"],
    front: Int[Array, "row"],
    directions: Float[Array, "direction objective"],
    count: int,
) -> Int[Array, "member"]:
    """The rows that survive, front by front; of the last front those in the emptiest niches.

    Deb and Jain, IEEE Trans. Evol. Comput. 18 (2014) 577, algorithms 2 to 4; where they draw lots, the row nearest to
    its direction is taken, so that the choice needs no random numbers.

    Args:
        scores: less is better; inf where there is none.
        front: the number of each row's front.
        directions: one niche around each.
        count: rows that survive [1].
    """
    until = jnp.sum(front[:, None] >= front, 1)  # rows in this front and all before
    before = jnp.sum(front[:, None] > front, 1)
    kept, candidate = until <= count, (until > count) & (before < count)
    height = _normalised(scores, front, kept | candidate)
    along = directions / jnp.linalg.norm(directions, axis=1, keepdims=True)
    aside = jnp.linalg.norm(height[:, None] - (height @ along.T)[..., None] * along, axis=-1)
    niche, distance = jnp.argmin(aside, 1), jnp.min(aside, 1)
    closeness = distance / (1 + distance)  # below one, so that it only decides between equally full niches
    crowd = jnp.zeros(len(directions)).at[niche].add(kept)

    def pick(number: Array, carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        rank, free, crowd = carry
        best = jnp.argmin(jnp.where(free, crowd[niche] + closeness, jnp.inf))
        taken = free[best]
        rank = rank.at[best].set(jnp.where(taken, rows + number, rank[best]))
        return rank, free.at[best].set(False), crowd.at[niche[best]].add(taken)

    rows = len(front)
    rank = jnp.where(kept, front, 3 * rows)
    rank = jax.lax.fori_loop(0, count, pick, (rank, candidate, crowd))[0]
    return jnp.argsort(rank)[:count]


def _normalised(
    scores: Float[Array, "row objective"], front: Int[Array, "row"], member: Bool[Array, "row"]
) -> Float[Array, "row objective"]:
    """The scores above the ideal point, in units of the intercepts of the plane through the front's extremes."""
    sound = jnp.all(jnp.isfinite(scores), 1)
    clean = jnp.where(sound[:, None], scores, 0.0)
    height = clean - jnp.min(jnp.where((member & sound)[:, None], clean, jnp.inf), 0, initial=jnp.inf)
    height = jnp.where(sound[:, None], height, 0.0)
    first = ((front == 0) & sound)[:, None]
    size = scores.shape[1]
    weights = jnp.where(jnp.eye(size, dtype=bool), 1.0, OFF_AXIS)
    stretched = jnp.max(height[:, None] / weights, -1)
    extremes = height[jnp.argmin(jnp.where(first, stretched, jnp.inf), 0)]
    slope = jnp.linalg.solve(extremes + TINY * jnp.eye(size), jnp.ones(size))
    intercept = 1 / jnp.where(slope > 0, slope, jnp.nan)
    highest = jnp.max(jnp.where(first, height, 0.0), 0)
    fits = jnp.all((intercept > TINY) & jnp.isfinite(intercept))
    unit = jnp.where(fits, intercept, highest)
    return height / jnp.maximum(unit, TINY)
