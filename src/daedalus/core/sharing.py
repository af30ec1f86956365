"""Sharing: work along one axis, shared out among JAX's devices, of this process or of several."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import PyTree

AXIS = "part"


def mesh_for(count: int, most: int | None = None) -> Mesh:
    """The devices that share ``count`` equal pieces of work.

    As few of JAX's as do it in the same time; where several processes compute together, all of them: a process whose
    devices had no part would have nothing to compile.

    Args:
        count: pieces [1].
        most: devices at most [1]; all there are by default.
    """
    if most == 1:
        return Mesh(np.array(jax.local_devices()[:1]), (AXIS,))
    every = jax.devices()[:most]
    if jax.process_count() > 1:
        return Mesh(np.array(every), (AXIS,))
    each = -(-count // min(len(every), count))
    return Mesh(np.array(every[: -(-count // each)]), (AXIS,))


def efficiency(count: int) -> float:
    """The share of JAX's devices' time that is used, when all of them share ``count`` equal pieces of work [1]."""
    devices = jax.device_count()
    return count / (devices * -(-count // devices))


def shared(function: Callable[[Any], PyTree], items: PyTree, count: int, mesh: Mesh) -> PyTree:
    """The function over the leading axis of ``items``, whose entries the devices of a mesh share; on all of them.

    Where they do not share evenly, the first entries are worked on once more and left out. All results travel between
    devices in one message: several at a time may wait for each other for ever, where devices are threads that are
    fewer than the messages.

    Args:
        function: from some of the items to their results, axis of the items first; must not care how many there are.
        items: leaves with the axis of the items first.
        count: items [1].
        mesh: as `mesh_for` makes it.
    """
    if mesh.size == 1:
        return function(items)
    filled = mesh.size * -(-count // mesh.size)
    if filled > count:
        items = jax.tree.map(lambda leaf: leaf[np.arange(filled) % count], items)
    split, all_of_it = PartitionSpec(AXIS), PartitionSpec()
    each = lambda own: _gathered(function(own))
    found = jax.shard_map(each, mesh=mesh, in_specs=split, out_specs=all_of_it, check_vma=False)(items)
    return jax.tree.map(lambda leaf: leaf[:count], found)


def everywhere(tree: PyTree, mesh: Mesh) -> PyTree:
    """The arrays of a tree on every device of a mesh, where compiled programs leave what they share."""
    return tree if mesh.size == 1 else jax.device_put(tree, NamedSharding(mesh, PartitionSpec()))


def here(tree: PyTree) -> PyTree:
    """The arrays of a tree, which every process has, on this process's own first device."""
    if jax.process_count() == 1:
        return tree
    own = lambda leaf: leaf.addressable_data(0) if isinstance(leaf, jax.Array) else leaf
    return jax.tree.map(own, tree)


def _gathered(results: PyTree) -> PyTree:
    """The results of all devices, on every device."""
    leaves, tree = jax.tree.flatten(results)
    own = jnp.concatenate([leaf.reshape(leaf.shape[0], -1) for leaf in leaves], 1)
    every = jax.lax.all_gather(own, AXIS, tiled=True)
    ends = np.cumsum([leaf[0].size for leaf in leaves])[:-1]
    pieces = zip(jnp.split(every, ends, 1), leaves, strict=True)
    return jax.tree.unflatten(tree, [p.reshape(p.shape[0], *leaf.shape[1:]).astype(leaf.dtype) for p, leaf in pieces])
