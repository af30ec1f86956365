"""Checkpoints: what a search needs to go on as if it had never stopped."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from daedalus.core import History
from daedalus.errors import RunError


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A search after some rounds."""

    done: int  # rounds
    state: Mapping[str, np.ndarray]  # the leaves of the optimiser's, as `arrays_of` names them
    history: History


def arrays_of(state: PyTree) -> dict[str, np.ndarray]:
    """The leaves of an optimiser's state by their names in it; random keys as the numbers they are made of."""
    return {jax.tree_util.keystr(path): _plain(leaf) for path, leaf in jax.tree_util.tree_leaves_with_path(state)}


def state_of(arrays: Mapping[str, np.ndarray], like: PyTree) -> PyTree:
    """The state that was taken apart by `arrays_of`.

    Args:
        arrays: its leaves by name; they may be longer than those of ``like``, as records grow.
        like: a state of the same optimiser on the same problem, for instance its first one.

    Raises:
        RunError: the leaves have other names or types.
    """
    named, structure = jax.tree_util.tree_flatten_with_path(like)
    names = [jax.tree_util.keystr(path) for path, _ in named]
    if set(names) != set(arrays):
        differing = sorted(set(names) ^ set(arrays))
        raise RunError(
            f"the recorded state and this optimiser's differ in {', '.join(differing[:3])}; expected one optimiser on "
            "one problem. Continue with the version of Daedalus that wrote the record."
        )
    leaves = [_leaf(arrays[name], leaf, name) for name, (_, leaf) in zip(names, named, strict=True)]
    return jax.tree_util.tree_unflatten(structure, leaves)


def _plain(leaf: Any) -> np.ndarray:
    return np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)


def _leaf(stored: np.ndarray, like: Any, name: str) -> Any:
    if _is_key(like):
        return jax.random.wrap_key_data(jnp.asarray(stored), impl=jax.random.key_impl(like))
    if not isinstance(like, (jax.Array, np.ndarray)):
        return type(like)(stored.item())
    if stored.dtype != like.dtype or stored.ndim != like.ndim:
        raise RunError(
            f"the recorded state's {name} is {stored.dtype}{list(stored.shape)}; expected {like.dtype} with "
            f"{like.ndim} axes. Continue with the same --precision and version of Daedalus."
        )
    return stored if isinstance(like, np.ndarray) else jnp.asarray(stored)


def _is_key(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
