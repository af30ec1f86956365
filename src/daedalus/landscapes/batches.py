"""Batches: one function over many rows, a few side by side and the rest one after the other."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import PyTree


def mapped(function: Callable[..., PyTree], batch: int) -> Callable[..., PyTree]:
    """The function over the first axis of all its arguments, ``batch`` rows at a time; traceable.

    The last batch is filled up with the last row, so that the function is compiled for one shape only.

    Args:
        function: of one row of each argument.
        batch: rows side by side [1]; more need more memory and use wide machines better.
    """

    def over(*rows: PyTree) -> PyTree:
        count = len(jax.tree.leaves(rows)[0])
        width = min(batch, count)
        spare = -count % width
        filled = lambda leaf: jnp.concatenate([leaf, jnp.repeat(leaf[-1:], spare, 0)]) if spare else leaf
        folded = jax.tree.map(lambda leaf: filled(leaf).reshape(-1, width, *leaf.shape[1:]), rows)
        found = jax.lax.map(lambda part: jax.vmap(function)(*part), folded)
        return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:])[:count], found)

    return over
