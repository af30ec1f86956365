"""Devices: what they share of a round, and where its results are needed."""

from __future__ import annotations

import equinox as eqx
import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import PyTree

from daedalus.core import Partition


def shares_designs(partition: Partition, designs: int) -> bool:
    """Whether JAX's devices share the designs of a round, each with all its events, instead of the events of each.

    They do where that leaves less of them idle: where there are more devices than parts of events.
    """
    return _used(designs) > _used(partition.parts)


def on_all(tree: PyTree, mesh: Mesh) -> PyTree:
    """The results of a compiled program, whole on every device of a mesh: the compiler may leave a piece on each."""
    if mesh.size == 1:
        return tree
    arrays, others = eqx.partition(tree, eqx.is_array)
    return eqx.combine(jax.lax.with_sharding_constraint(arrays, NamedSharding(mesh, PartitionSpec())), others)


def here(tree: PyTree) -> PyTree:
    """The arrays of a tree, which every process has whole (`on_all`), on this process's own first device."""
    if jax.process_count() == 1:
        return tree
    return jax.tree.map(lambda leaf: leaf.addressable_data(0) if isinstance(leaf, jax.Array) else leaf, tree)


def _used(count: int) -> float:
    """The share of JAX's devices' time that is used, when all of them share ``count`` equal pieces of work [1]."""
    devices = jax.device_count()
    return count / (devices * -(-count // devices))
