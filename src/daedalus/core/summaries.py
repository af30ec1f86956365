"""Summaries: the sums of a problem over parts of its events, accumulated in blocks with flat memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int, Key, PyTree

from daedalus.core.pipeline import ACCEPTED, Pipeline, Sums
from daedalus.core.sharing import mesh_for, shared
from daedalus.core.space import Point

Build = Callable[[Point, PyTree], Pipeline]
KEPT = ("Particles", "alive", "Fits")  # what is kept of the events between a pass forwards and the pass backwards
KEPT_EVENTS = 2**20  # of an evaluation; beyond it all is made anew, so that memory stays flat


class Summaries(eqx.Module):
    """The finished sums of every scenario, by name: ``summaries["hits"]`` has the scenario as its leading axis.

    A scenario without an accepted event has weight zero; objectives average with `mean`.
    """

    sums: Sums
    weight: Float[Array, "scenario"]  # one where something was accepted and the scenario takes part, else zero [1]

    def __getitem__(self, name: str) -> PyTree:
        """The sums of one name, scenario axis first."""
        return self.sums[name]

    def mean(self, values: Float[Array, "scenario"]) -> Float[Array, ""]:
        """The average of one number per scenario over the scenarios that take part, in the number's own unit."""
        safe = jnp.where(self.weight > 0, values, 0.0)
        return jnp.sum(self.weight * safe) / jnp.maximum(jnp.sum(self.weight), 1e-30)

    @property
    def accepted(self) -> Float[Array, "scenario"]:
        """The accepted weight of every scenario [events]."""
        return self.sums[ACCEPTED][..., 0]

    @property
    def effective_events(self) -> Float[Array, "scenario"]:
        """Kish's effective number of events, (sum w)^2 / sum w^2 (Kish, Survey Sampling, 1965, 11.7) [events]."""
        first, second = self.sums[ACCEPTED][..., 0], self.sums[ACCEPTED][..., 1]
        return first**2 / jnp.maximum(second, 1e-30)


@dataclasses.dataclass(frozen=True)
class Partition:
    """How the events of an evaluation are cut: parts for errors, blocks for memory. Static under compilation."""

    events: int  # events per scenario
    scenarios: int
    groups: int = 1  # groups of events per scenario that errors are estimated from
    block: int = 8192  # events that are in memory at once
    devices: int | None = None  # of this process that share the parts at most; all there are by default, of all

    @property
    def per_group(self) -> int:
        """Events per group and scenario, padding included."""
        return -(-self.events // self.groups)

    @property
    def shares(self) -> np.ndarray:
        """The share of a scenario's events that each group holds [1]; the last ones may be smaller."""
        first = self.per_group * np.arange(self.groups)
        return np.clip(self.events - first, 0, self.per_group) / self.events

    @property
    def blocks(self) -> int:
        """Blocks per group and scenario."""
        return -(-self.per_group // self.block)

    @property
    def together(self) -> int:
        """Parts (scenarios or groups) that are mapped together within a block."""
        return max(1, self.block // self.per_group)

    @property
    def parts(self) -> int:
        """Parts of an evaluation: groups of all scenarios."""
        return self.groups * self.scenarios

    @property
    def mesh(self) -> Mesh:
        """The devices that share the parts."""
        return mesh_for(self.parts, self.devices)

    def index(self, group: Int[Array, ""], block: Int[Array, ""] | int) -> Int[Array, "event"]:
        """The event numbers of a block of a group; padding lies at ``events`` and above."""
        width = -(-self.per_group // self.blocks)
        within = block * width + jnp.arange(width)
        first = group * self.per_group if self.groups > 1 else 0  # a constant lets random numbers be vectorised
        return jnp.where(within < self.per_group, first + within, self.events)


def accumulate(
    build: Build,
    point: Point,
    scenarios: PyTree,
    keys: Key[Array, "scenario"],
    partition: Partition,
) -> Sums:
    """The sums of all passes for every part, shape (group, scenario, ...).

    Blocks of events are scanned with checkpoints, so that memory is that of one block in both directions and the
    gradient of any function of the sums is exact.

    Args:
        build: makes the pipeline of one point and one scenario, the source in front.
        point: a place in the cube per part, axes (group, scenario) first; the learned leaves are those of all parts, so
            that a network meets the events of many parts in one product of matrices.
        scenarios: random truths, axis scenario first.
        keys: one key per scenario.
        partition: how the events are cut.
    """
    parts = _parts(partition, point.cube, scenarios, keys)
    first = Point(point.cube[0, 0], point.learned), jax.tree.map(lambda leaf: leaf[0], scenarios)
    number_of_passes = len(eqx.filter_eval_shape(build, *first).passes)
    if partition.blocks == 1 and partition.groups == 1:
        return _mapped(partial(_all_passes, build, partition), parts, partition, point.learned)
    earlier: Sums = {}
    for number in range(number_of_passes):
        totals = jax.tree.map(lambda sums: jnp.sum(sums, 0), earlier)
        known = jax.tree.map(lambda t: jnp.tile(t, (partition.groups,) + (1,) * (t.ndim - 1)), totals)
        one = partial(_one_pass, build, partition, number=number)
        earlier = {**earlier, **_mapped(one, (parts, known), partition, point.learned)}
    return earlier


def _parts(partition: Partition, cubes: Array, scenarios: PyTree, keys: Array) -> tuple[Any, ...]:
    """Place in the cube, number of the group, scenario and key of every part, along one axis, group-major."""
    groups, count = partition.groups, partition.scenarios
    flat = cubes.reshape(groups * count, cubes.shape[-1])
    repeated = jax.tree.map(lambda leaf: jnp.tile(leaf, (groups,) + (1,) * (leaf.ndim - 1)), scenarios)
    return flat, jnp.repeat(jnp.arange(groups), count), repeated, jnp.tile(keys, groups)


def _all_passes(build: Build, partition: Partition, part: tuple[Any, ...], learned: PyTree) -> Sums:
    cube, group, scenario, key = part
    pipeline = build(Point(cube, learned), scenario)
    record = pipeline.events(partition.index(group, 0), partition.events, key=key)
    sums: Sums = {}
    for number in range(len(pipeline.passes)):
        sums = {**sums, **pipeline.sums(record, number, sums)}
    return sums


def _one_pass(
    build: Build, partition: Partition, part_known: tuple[Any, Sums], learned: PyTree, *, number: int
) -> Sums:
    (cube, group, scenario, key), earlier = part_known

    def sums_of(block: Int[Array, ""]) -> Sums:
        pipeline = build(Point(cube, learned), scenario)
        record = pipeline.events(partition.index(group, block), partition.events, key=key)
        return pipeline.sums(record, number, earlier)

    if partition.blocks == 1:  # what is mapped together is made anew together, or fits anyway
        return sums_of(jnp.zeros((), int))
    blocks, block_sums = jnp.arange(partition.blocks), _checkpointed(sums_of, partition)
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(block_sums, blocks[0]))
    return jax.lax.scan(lambda total, block: (jax.tree.map(jnp.add, total, block_sums(block)), None), zeros, blocks)[0]


def _mapped(function: Callable[[Any, PyTree], Sums], parts: Any, partition: Partition, learned: PyTree) -> Sums:
    """The function over the axis of parts, which JAX's devices share; axes (group, scenario) first."""
    local = lambda own, learned: _mapped_here(lambda part: function(part, learned), own, partition)
    sums = shared(local, parts, partition.parts, partition.mesh, by_all=learned)
    return jax.tree.map(lambda leaf: leaf.reshape(partition.groups, partition.scenarios, *leaf.shape[1:]), sums)


def _mapped_here(function: Callable[[Any], Sums], parts: Any, partition: Partition) -> Sums:
    """The function over parts on one device: as many together as fit a block, chunk after chunk, checkpointed."""
    count, again = jax.tree.leaves(parts)[0].shape[0], _checkpointed(function, partition)
    if min(count, partition.together) == 1:  # an axis of length one makes gradients 5 times slower (jaxlib 0.10)
        return jax.lax.map(function if partition.blocks > 1 or count == 1 else again, parts)
    if count <= partition.together:
        return jax.vmap(function)(parts)
    # equal chunks, filled up with the first parts: a remainder would be compiled as a program of its own
    chunks = -(-count // partition.together)
    order = np.arange(chunks * -(-count // chunks)).reshape(chunks, -1) % count
    found = jax.lax.map(jax.vmap(again), jax.tree.map(lambda leaf: leaf[order], parts))
    return jax.tree.map(lambda leaf: leaf.reshape(order.size, *leaf.shape[2:])[:count], found)


def _checkpointed(function: Callable[[Any], Sums], partition: Partition) -> Callable[[Any], Sums]:
    """The function made anew when it is differentiated, from the particles it met where these may be kept."""
    kept = KEPT if partition.events * partition.scenarios <= KEPT_EVENTS else ()
    policy = jax.checkpoint_policies.save_only_these_names(*kept)
    return jax.checkpoint(function, policy=policy)  # pyright: ignore[reportPrivateImportUsage]
