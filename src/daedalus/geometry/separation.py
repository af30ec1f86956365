"""Least distances: points that stand too near each other are moved apart, within a region.

By sweeps of projections (position-based dynamics, Müller et al. 2007). In each, a point with k neighbours that are too
near moves away from them by 2 / (3 + k) of each overlap, so that a lone pair shares it equally, and then to the nearest
place in the region. Points that stay crowded keep n / (n + 10) of the last sweep's move in sweep n, 0.9 at most: that
takes a third of the sweeps or fewer, and moves points by 1 to 4 % more (six layouts of 128 to 2000 units). Those with
several such neighbours also move aside by 1 % of the overlaps, for a row along the boundary would not buckle by itself.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from daedalus.geometry.polygons import length
from daedalus.geometry.regions import Region
from daedalus.geometry.rotations import replicated, turns

SWEEPS = 400  # at most; it ends before where nothing is left to do
BEYOND = 1e-3  # by how much more than the separation pairs are moved apart, so that it ends [1]
_ASIDE = 0.01  # of its overlaps that a point with several moves aside, so that rows along a boundary buckle [1]
_INERTIA = 10.0  # sweeps after which half of a move is kept [1]
_MOST = 0.9  # of a move that is kept [1]
_BLOCK = 128  # points that are compared with as many others at a time
_GOLDEN = math.pi * (3.0 - math.sqrt(5.0))  # the angle after which directions never repeat [rad]
_CELLS = 256  # along each side of the map whose cells are counted


def nearest_distances(points: Float[Array, "point 2"]) -> Float[Array, "point"]:
    """Distance of each point from the one nearest to it [m]; infinite for a single one.

    n^2 time, memory of a block of rows. The derivative goes through the nearest one, and is zero where they coincide.
    """
    fixed, numbers = jax.lax.stop_gradient(points), jnp.arange(len(points))

    def other(number: Array) -> Array:
        square = jnp.sum((fixed - fixed[number]) ** 2, -1)
        square = jnp.where(numbers == number, jnp.inf, square)
        return jnp.max(jnp.where(square == jnp.min(square), numbers, 0))  # argmin takes six times as long

    if len(points) == 1:
        return jnp.full(1, jnp.inf, points.dtype)
    return length(points - points[jax.lax.map(other, numbers, batch_size=_BLOCK)])


def separated(
    points: Float[Array, "point 2"],
    separation: float,
    region: Region,
    *,
    fixed: Bool[Array, "point"] | None = None,
    fold: int = 1,
    centre: tuple[float, float] = (0.0, 0.0),
    sweeps: int = SWEEPS,
) -> Float[Array, "point 2"]:
    """Points moved by little, so that they stand in a region and at a least distance from each other [m].

    What is admissible stays as it is, to the last bit, and the result does not depend on the order of the points. After
    the last sweep all but fixed ones are in the region; whether all are apart `nearest_distances` tells. Time n^2 per
    sweep at most, much less for points that are spread along x; memory n. Under vmap one layout follows the other, each
    with its own number of sweeps. The derivative is exact, and in forward mode only: `jax.jvp`.

    With an n-fold symmetry the points are those of one sector: they keep away from the images too. Each sweep moves
    them as the image that is farthest outside needs it, so that images end in the region if there are sweeps enough.

    Args:
        points: where they stand [m].
        separation: least distance of two points [m].
        region: where they may stand.
        fixed: which points stay where they are, whatever they violate; the others give way.
        fold: order of the symmetry [1], 1 for none.
        centre: of the symmetry [m].
        sweeps: at most so many [1]; it ends before where nothing is left to do.
    """

    def sweep(state: tuple[Array, ...], free: Array) -> tuple[Array, ...]:
        now, before, number, _ = state
        kept = jnp.tile(before * jnp.minimum(number / (number + _INERTIA), _MOST), (fold, 1))  # images need none
        pushed, moves = (each[: len(now)] for each in _apart(replicated(now, fold, centre), kept, separation))
        after = jnp.where(free, _within(pushed, region, fold, centre), now)
        return after, jnp.where(after == pushed, moves, 0.0), number + 1.0, jnp.any(after != now)

    @jax.custom_batching.sequential_vmap
    def moved(start: Array, free: Array) -> Array:
        first = jnp.lexsort((start[:, 1], start[:, 0]))  # decides between points that meet in one place later
        state = start[first], jnp.zeros_like(start), jnp.zeros((), start.dtype), jnp.asarray(True)
        going = lambda state: state[3] & (state[2] < sweeps)
        found = jax.lax.while_loop(going, lambda state: sweep(state, free[first]), state)[0]
        return jnp.zeros_like(start).at[first].set(found)

    return moved(points, jnp.ones((len(points), 1), bool) if fixed is None else ~fixed[:, None])


def _within(
    points: Float[Array, "point 2"], region: Region, fold: int, centre: tuple[float, float]
) -> Float[Array, "point 2"]:
    """Points moved as the image that is farthest from the region must move to the nearest place in it [m]."""
    if fold == 1:
        return region.nearest(points)
    images = replicated(points, fold, centre)
    ways = (region.nearest(images) - images).reshape(fold, -1, 2)
    worst = jnp.argmax(jnp.sum(ways**2, -1), 0)
    back = jnp.einsum("tji,tpj->tpi", jnp.asarray(turns(fold), points.dtype), ways)
    return points + back[worst, jnp.arange(len(points))]


def _apart(
    points: Float[Array, "point 2"], kept: Float[Array, "point 2"], separation: float
) -> tuple[Float[Array, "point 2"], Float[Array, "point 2"]]:
    """Points after a sweep over the pairs that are too near, in an order of their own, and the moves of crowded ones.

    Args:
        points: before [m].
        kept: what crowded ones move besides [m].
        separation: least distance of two points [m].
    """
    order = jnp.lexsort((points[:, 1], points[:, 0]))
    total, blocks = len(points), -(-len(points) // _BLOCK)
    spread = _distinct(points[order], separation)
    far = 2.0 * separation * jnp.arange(1, blocks * _BLOCK - total + 1, dtype=points.dtype)  # fill up: near nobody
    far = jnp.stack([spread[-1, 0] + separation + far, jnp.full_like(far, spread[-1, 1])], -1)
    grouped = jnp.concatenate([spread, far]).reshape(blocks, _BLOCK, 2)
    push, count = jax.lax.map(lambda own: _push(own, grouped, separation), grouped)
    crowded = count.reshape(-1, 1)[:total] > 0
    moves = jnp.where(crowded, push.reshape(-1, 2)[:total] + kept[order], 0.0)
    return points.at[order].set(spread + moves), jnp.zeros_like(moves).at[order].set(moves)


def _push(
    own: Float[Array, "point 2"], blocks: Float[Array, "block point 2"], separation: float
) -> tuple[Float[Array, "point 2"], Float[Array, "point"]]:
    """By how much points of a block give way to those of all blocks [m], and to how many.

    Blocks that are out of reach along x are left out.
    """
    low, high = own[:, 0].min() - separation, own[:, 0].max() + separation

    def near(state: tuple[Array, ...], other: Array) -> tuple[Array, ...]:
        way = own[:, None] - other
        distance = length(way)
        close = (distance < separation) & (distance > 0.0)
        overlap = jnp.where(close, (1.0 + BEYOND) * separation / jnp.where(close, distance, 1.0) - 1.0, 0.0)
        pushes = overlap[..., None] * way, overlap * distance, close.astype(own.dtype)
        return tuple(total + jnp.sum(each, 1) for total, each in zip(state, pushes, strict=True))

    def add(state: tuple[Array, ...], other: Array) -> tuple[tuple[Array, ...], None]:
        reached = (other[:, 0].max() > low) & (other[:, 0].min() < high)
        return jax.lax.cond(reached, near, lambda same, _: same, state, other), None

    none = jnp.zeros_like(own[:, 0])
    (moves, overlaps, count), _ = jax.lax.scan(add, (jnp.zeros_like(own), none, none), blocks)
    aside = jnp.where(count > 1.0, _ASIDE * overlaps, 0.0)[:, None] * _directions(jnp.arange(len(own)), own.dtype)
    return (moves + aside) * (2.0 / (3.0 + count))[:, None], count


def _distinct(points: Float[Array, "point 2"], separation: float) -> Float[Array, "point 2"]:
    """Sorted points, those that coincide with the one before drawn out into a small spiral."""
    number = jnp.arange(len(points))
    same = jnp.concatenate([jnp.zeros(1, bool), jnp.all(points[1:] == points[:-1], -1)])
    rank = number - jax.lax.cummax(jnp.where(same, 0, number))
    radius = 0.1 * separation * jnp.sqrt(rank.astype(points.dtype))
    return jnp.where(same[:, None], points + radius[:, None] * _directions(rank, points.dtype), points)


def _directions(number: Int[Array, "point"], dtype: np.dtype) -> Float[Array, "point 2"]:
    """A direction of its own for each whole number."""
    angle = _GOLDEN * number.astype(dtype)
    return jnp.stack([jnp.cos(angle), jnp.sin(angle)], -1)


def most_points(region: Region, separation: float) -> int:
    """An upper bound of how many points fit in a region at a least distance [m].

    Around each point of a packing lies the part of its Voronoi cell within separation / sqrt(3), of at least the area
    of the hexagon of a hexagonal packing, sqrt(3) / 2 separation^2 (Fejes Tóth 1972, chapter III); all these parts lie
    within that distance of the region, whose area is counted in cells of a map, rounded up.
    """
    reach = separation / math.sqrt(3.0)
    low, high = region.boundary.extent
    low, high = low - reach, high + reach
    cell = (high - low) / _CELLS
    x, y = (low[axis] + (np.arange(_CELLS) + 0.5) * cell[axis] for axis in (0, 1))
    middles = jnp.asarray(np.stack(np.meshgrid(x, y), -1))
    outside = jax.lax.map(region.outside, middles)
    area = float(jnp.sum(outside <= reach + 0.5 * np.hypot(*cell))) * cell[0] * cell[1]
    return int(area / (0.5 * math.sqrt(3.0) * separation**2))
