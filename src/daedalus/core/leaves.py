"""Leaves: what a design has learned, as arrays by their names in it, which files and tables can hold."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from daedalus.errors import DesignError

Leaves = Mapping[str, Array | np.ndarray]


def leaves_of(learned: PyTree) -> dict[str, Array | np.ndarray]:
    """The arrays among a point's learned leaves by their names in the design: "net.layers[0].weight"."""
    return {_name(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(learned)}


def learned_from(leaves: Leaves, like: PyTree) -> PyTree:
    """The learned leaves that were taken apart by `leaves_of`, in the precision of others of the same design.

    Raises:
        DesignError: the design has other leaves, or of other shapes.
    """
    expected = {name: np.shape(leaf) for name, leaf in leaves_of(like).items()}
    found = {name: np.shape(leaf) for name, leaf in leaves.items()}
    wrong = sorted(name for name in {**expected, **found} if expected.get(name) != found.get(name))
    if wrong:
        told = (f"{n} of shape {found.get(n, 'none')}, expected {expected.get(n, 'none')}" for n in wrong[:3])
        raise DesignError(
            f"learned leaves do not fit: {'; '.join(told)}. Use those of a design of this problem, with its options."
        )
    return jax.tree_util.tree_map_with_path(lambda path, leaf: jnp.asarray(leaves[_name(path)], leaf.dtype), like)


def _name(path: tuple) -> str:
    return jax.tree_util.keystr(path).removeprefix(".")
