"""Keys: how the random numbers of a run are told apart."""

from __future__ import annotations

from typing import Any

import jax
from jaxtyping import Array, Key


def training_key(key: Key[Array, ""], round_number: Any) -> Key[Array, ""]:
    """The key of a training round; the fold is apart from that of `scoring_key`."""
    return jax.random.fold_in(jax.random.fold_in(key, 0), round_number)


def scoring_key(key: Key[Array, ""], number: int = 0) -> Key[Array, ""]:
    """A key for measuring results with events that training has never seen."""
    return jax.random.fold_in(jax.random.fold_in(key, 1), number)
