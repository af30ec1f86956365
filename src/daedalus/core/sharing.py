"""Sharing: work along one axis, shared out among JAX's devices, of this process or of several."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, PyTree

AXIS = "part"
TOGETHER = {"cpu": 8192}  # events that one device works on at once: what fits the caches [1]


def events_together() -> int:
    """The events that one device works on at once where nobody chooses [1].

    A graphics card needs more, or its kernels are too short to pay for their start: a gradient of
    192,000 particles through a scanner took an H200 154 ms by 8192 and 9 ms by all at once, in 1.3 GB.
    """
    return TOGETHER.get(jax.default_backend(), 2**18)


def mesh_for(count: int, most: int | None = None) -> Mesh:
    """The devices that share ``count`` equal pieces of work.

    As few of JAX's as do it in the same time; where several processes compute together, all of them: a process whose
    devices had no part would have nothing to compile.

    Args:
        count: pieces [1].
        most: devices of this process at most [1]; all there are, of all processes, by default.
    """
    every = jax.devices() if most is None else jax.local_devices()[:most]
    if most is None and jax.process_count() > 1:
        return Mesh(np.array(every), (AXIS,))
    each = -(-count // min(len(every), count))
    return Mesh(np.array(every[: -(-count // each)]), (AXIS,))


def shared(function: Callable[..., PyTree], items: PyTree, count: int, mesh: Mesh, *, by_all: PyTree = None) -> PyTree:
    """The function over the leading axis of ``items``, whose entries the devices of a mesh share; on all of them.

    Where they do not share evenly, the first entries are worked on once more and left out. All results travel between
    devices in one message: several at a time may wait for each other for ever, where devices are threads that are
    fewer than the messages.

    Args:
        function: from some of the items, and what they share, to their results, axis of the items first; must not care
            how many there are.
        items: leaves with the axis of the items first.
        count: items [1].
        mesh: as `mesh_for` makes it.
        by_all: arrays that all items share.
    """
    if mesh.size == 1:
        return function(items, by_all)
    filled = mesh.size * -(-count // mesh.size)
    if filled > count:
        items = jax.tree.map(lambda leaf: leaf[np.arange(filled) % count], items)
    split, all_of_it = PartitionSpec(AXIS), PartitionSpec()
    each = lambda own, by_all: _gathered(function(own, by_all))
    share = jax.shard_map(each, mesh=mesh, in_specs=(split, all_of_it), out_specs=all_of_it, check_vma=False)
    found = share(items, by_all)
    return jax.tree.map(lambda leaf: leaf[:count], found)


def everywhere(tree: PyTree, mesh: Mesh) -> PyTree:
    """The arrays of a tree, which every process has, on every device of a mesh, as compiled programs leave theirs."""
    if mesh.size == 1:
        return tree
    copies = NamedSharding(mesh, PartitionSpec())
    if jax.process_count() == 1:
        return jax.device_put(tree, copies)
    return jax.tree.map(lambda leaf: _copied(leaf, copies), tree)


def _copied(leaf: Array, copies: NamedSharding) -> Array:
    """An array on devices of several processes, each of which has it."""
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return jax.random.wrap_key_data(_copied(jax.random.key_data(leaf), copies), impl=jax.random.key_impl(leaf))
    if not leaf.is_fully_addressable:
        return leaf
    own = np.asarray(leaf)
    return jax.make_array_from_callback(own.shape, copies, lambda part: own[part])


def _gathered(results: PyTree) -> PyTree:
    """The results of all devices, on every device."""
    leaves, tree = jax.tree.flatten(results)
    own = jnp.concatenate([leaf.reshape(leaf.shape[0], -1) for leaf in leaves], 1)
    every = jax.lax.all_gather(own, AXIS, tiled=True)
    ends = np.cumsum([leaf[0].size for leaf in leaves])[:-1]
    pieces = zip(jnp.split(every, ends, 1), leaves, strict=True)
    return jax.tree.unflatten(tree, [p.reshape(p.shape[0], *leaf.shape[1:]).astype(leaf.dtype) for p, leaf in pieces])
