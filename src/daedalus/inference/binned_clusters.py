"""The binned clustered algorithm: dense objects from how close together large scatterings lie."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from daedalus.events import Scatterings
from daedalus.geometry import Voxels
from daedalus.physics.scattering import HIGHLAND_ENERGY

MOST = 40  # scatterings per voxel; the published choice lies between 20 and 60 [1]
LEAST = 3  # scatterings a voxel needs for a score [1]
NO_SCORE = float("inf")  # of voxels with fewer


def cluster_score(
    points: Scatterings,
    momentum: Float[Array, "event"],
    weight: Float[Array, "event"],
    voxels: Voxels,
    *,
    most: int = MOST,
) -> Float[Array, "nx ny nz"]:
    """The score of every voxel: the median over pairs of scatterings in it of ln(distance / (theta p theta' p')).

    In each voxel the ``most`` scatterings of the largest theta p are kept. In dense matter they are many, large and
    hence close together: the lower the score, the denser. It is a ranking without an absolute scale; calibrate it on
    known volumes. Voxels with fewer than three scatterings have the score inf. No derivative. Source: Thomay et al.,
    JINST 8 (2013) P10013. Memory is that of the particles and of voxels times ``most`` squared, in chunks.

    Args:
        points: of closest approach, in memory.
        momentum: of each particle [GeV].
        weight: zero for particles that do not count [1].
        voxels: the grid.
        most: scatterings kept per voxel [1].

    Returns:
        Scores, with distances in metres and angles in units of 13.6 MeV / p [1].
    """
    size = voxels.shape[0] * voxels.shape[1] * voxels.shape[2]
    strength = points.angle * momentum / HIGHLAND_ENERGY
    voxel = jnp.where(points.found & (weight > 0), _voxel(points, voxels), size)
    order = jnp.lexsort((-strength, voxel))
    ordered = voxel[order]
    rank = jnp.arange(len(order)) - jnp.searchsorted(ordered, ordered, side="left")
    slot = jnp.where((ordered < size) & (rank < most), ordered * most + rank, size * most)
    kept = jnp.full(size * most, -1, jnp.int32).at[slot].set(order.astype(jnp.int32), mode="drop").reshape(size, most)
    place = jnp.stack([points.x, points.y, points.z], -1)
    score = jax.lax.map(lambda members: _median_metric(place, strength, members), kept, batch_size=256)
    return score.reshape(voxels.shape)


def _voxel(points: Scatterings, voxels: Voxels) -> Int[Array, "event"]:
    """The flat number of the voxel that holds a point; the number of voxels for points outside."""
    number, inside = jnp.zeros(points.x.shape, jnp.int32), jnp.ones(points.x.shape, bool)
    for edges, place in zip((voxels.x, voxels.y, voxels.z), (points.x, points.y, points.z), strict=True):
        cell = jnp.searchsorted(edges, place, side="right") - 1
        inside &= (cell >= 0) & (cell < len(edges) - 1)
        number = number * (len(edges) - 1) + jnp.clip(cell, 0, len(edges) - 2).astype(jnp.int32)
    return jnp.where(inside, number, voxels.shape[0] * voxels.shape[1] * voxels.shape[2])


def _median_metric(
    place: Float[Array, "event 3"], strength: Float[Array, "event"], members: Int[Array, "member"]
) -> Float[Array, ""]:
    """The median over pairs of members (numbers of events, -1 for none) of the logarithm of the metric."""
    first, second = jnp.triu_indices(len(members), 1)
    point, size = place[members], jnp.maximum(strength[members], 1e-6)
    gap = jnp.sqrt(jnp.sum((point[first] - point[second]) ** 2, -1) + 1e-12)
    metric = jnp.log(gap / (size[first] * size[second]))
    both = (members[first] >= 0) & (members[second] >= 0)
    ranked = jnp.sort(jnp.where(both, metric, jnp.inf))
    pairs = jnp.sum(both)
    middle = 0.5 * (ranked[jnp.maximum(pairs - 1, 0) // 2] + ranked[jnp.minimum(pairs // 2, len(ranked) - 1)])
    return jnp.where(jnp.sum(members >= 0) >= LEAST, middle, NO_SCORE)
