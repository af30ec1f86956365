"""Near-optimal sets: not the best design, but all that are as good within an allowance."""

from __future__ import annotations

import dataclasses

import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key
from scipy.spatial.distance import cdist

from daedalus.landscapes.allowance import Allowance, allowed
from daedalus.landscapes.components import connected
from daedalus.landscapes.errors import LandscapeError
from daedalus.landscapes.filling import Filling, filling
from daedalus.landscapes.membership import Membership, membership
from daedalus.landscapes.sampling import Samples
from daedalus.landscapes.set_volumes import ellipsoid_volume, evidence_volume
from daedalus.landscapes.soundings import Soundings, recorded, soundings
from daedalus.landscapes.surface import Surface
from daedalus.landscapes.volume import Volume
from daedalus.optimisers.sobol import sobol_points

WIDE, SLACK = 4.0, 0.3  # how far outside the thought boundary places are tried, at first and in the end [allowances]


@dataclasses.dataclass(frozen=True, eq=False)
class NearOptimal:
    """The places whose loss is at most an allowance above the best and that meet all constraints.

    The points fill the set evenly, with their weights. All places are in canonical order.
    """

    surface: Surface
    best: Float[np.ndarray, "param"]  # the best evaluated place [1]
    loss: float  # there [1]
    allowance: float  # [loss]
    points: Float[np.ndarray, "point param"]
    weights: Float[np.ndarray, "point"]  # sum to one
    losses: Float[np.ndarray, "point"]  # [1]
    components: Int[np.ndarray, "point"]  # which connected part a point belongs to, the largest being 0
    shares: Float[np.ndarray, "component"]  # of the volume
    extent: Volume
    membership: Membership
    soundings: Soundings
    evaluations: int  # made here

    def contains(self, cubes: Float[np.ndarray, "point param"]) -> Bool[np.ndarray, "point"]:
        """Which places belong to the set, evaluated or not, by interpolation."""
        return self.membership.contains(cubes)

    @property
    def volume(self) -> float:
        """The share of the cube [1]; NaN where unknown, zero where it is less than the smallest number."""
        return self.extent.share

    @property
    def volume_error(self) -> float:
        """The standard error of the volume [1]."""
        return self.extent.error

    @property
    def side(self) -> tuple[float, float]:
        """The edge of a cube that is as large as the set, all ranges being 1, and its standard error [1]."""
        return self.extent.side(self.surface.size)

    @property
    def box(self) -> Float[np.ndarray, "2 param"]:
        """The least and the largest parameters among the points [unit of each parameter]. The box is not the set."""
        return self.surface.values(np.stack([self.points.min(0), self.points.max(0)]))

    @property
    def effective(self) -> float:
        """The number of equally weighted points that the points are worth [1]."""
        return float(1 / np.sum(self.weights**2))


def near_optimal(
    surface: Surface,
    *,
    key: Key[Array, ""],
    allowance: Allowance | float,
    known: Soundings | None = None,
    samples: Samples | None = None,
    background: int = 128,
    rounds: int = 6,
    batch: int = 64,
    checks: int = 256,
    walkers: int = 1024,
    lines: int = 32,
) -> NearOptimal:
    """The near-optimal set of a surface; background + rounds * batch + checks evaluations, and those on a few lines.

    Without samples, for few parameters: an interpolation of the loss is refined in rounds, a quarter of each batch
    filling what is thought to be the set, the rest lying near its boundary, far from what is known. Then fresh places
    fill a slightly larger set and are evaluated. Those inside are the points; the difference between what was thought
    and what was found corrects the volume and gives its error. A part of the set that neither the background nor the
    known places have seen is missed: give the ends of descents. So is one a thousand times smaller than the rest.

    With samples, for many parameters: the draws, reweighted by exp(loss / temperature), are the points, and only the
    background is evaluated. The volume follows from the samples' evidence, or else from the share of the draws in a
    small ellipsoid round the best one; of several or strongly curved basins only the former is right.

    Args:
        surface: whose set is wanted.
        key: decides all draws.
        allowance: how far above the best a loss may lie; the best is the least that any evaluation finds.
        known: places evaluated before: ends of descents, paths.
        samples: draws of a density that falls with the loss.
        background: even places of the whole cube [1].
        rounds: refinements of the interpolation [1].
        batch: places of a round [1].
        checks: fresh places in the end [1].
        walkers: of the filling, which costs no evaluations [1].
        lines: straight lines that are measured to see whether parts are connected, at most [1].

    Raises:
        LandscapeError: no place meets the constraints, nothing is allowed, or too few places to interpolate.
    """
    rng = np.random.default_rng(np.asarray(jax.random.bits(key, (4,), np.uint32)))
    even = soundings(surface, sobol_points(surface.size, max(background, 1), key=key))
    found = even if known is None else known + even
    before = len(found)
    if samples is None:
        found = _refined(surface, found, allowance, (rounds, batch, walkers), rng)
        found, filled = _explored(surface, found, allowance, (checks, walkers), rng)
        made = len(even) + len(found) - before
    else:
        found, filled = _reweighted(surface, found, allowance, samples, rng)
        made = len(even)
    if not len(filled[0]):
        raise LandscapeError(
            f"none of {len(found)} evaluated places fills the set within {_absolute(allowance, found):g} of the best; "
            "expected some. Allow more, or give samples at a temperature that suits the allowance."
        )
    return _whole(surface, found, filled, allowance, (made, lines))


Filled = tuple[Soundings, np.ndarray, np.ndarray | None, Volume]  # points, weights, filling, volume


def _refined(
    surface: Surface,
    found: Soundings,
    allowance: Allowance | float,
    how: tuple[int, int, int],
    rng: np.random.Generator,
) -> Soundings:
    """What is known after so many rounds of a batch each, nearer and nearer to the boundary of the set."""
    rounds, batch, walkers = how
    for slack in np.geomspace(WIDE, SLACK, rounds):
        thought = membership(surface, found, _absolute(allowance, found))
        region = filling(thought.margin, surface.size, rng=rng, level=slack, walkers=max(walkers // 8, 64))
        found = found + soundings(surface, _chosen(thought, region, found, (batch, float(slack)), rng))
    return found


def _explored(
    surface: Surface, found: Soundings, allowance: Allowance | float, how: tuple[int, int], rng: np.random.Generator
) -> tuple[Soundings, Filled]:
    """The set filled with fresh places, which correct what was thought of its volume."""
    checks, walkers = how
    thought = membership(surface, found, _absolute(allowance, found))
    region = filling(thought.margin, surface.size, rng=rng, level=SLACK, walkers=walkers)
    fresh = soundings(surface, region.cubes[rng.permutation(len(region.cubes))[:checks]])
    found = found + fresh
    inside = fresh.met & (fresh.losses <= _level(allowance, found))
    fill = region.cubes[thought.margin(region.cubes) <= 0]
    return found, (fresh[inside], np.ones(int(inside.sum())), fill, _checked(thought, region, fresh, inside))


def _reweighted(
    surface: Surface, found: Soundings, allowance: Allowance | float, samples: Samples, rng: np.random.Generator
) -> tuple[Soundings, Filled]:
    """The set filled with draws that were made before."""
    draws = recorded(surface, *(_flat(part) for part in (samples.cubes, samples.losses, samples.excess)))
    found = found + draws
    inside = draws.met & (draws.losses <= _level(allowance, found))
    weights = _uniform(draws, inside, samples.temperature)
    if samples.log_evidence is None:
        extent = ellipsoid_volume(surface, samples, draws, inside, rng)
    else:
        extent = evidence_volume(samples, draws, inside)
    return found, (draws[inside], weights[inside], None, extent)


def _level(allowance: Allowance | float, found: Soundings) -> float:
    return float(found.losses[found.best]) + _absolute(allowance, found)


def _absolute(allowance: Allowance | float, found: Soundings) -> float:
    best = found.best
    return allowed(allowance, float(found.losses[best]), float(found.errors[best]))


def _flat(part: np.ndarray) -> np.ndarray:
    return part.reshape(-1, *part.shape[2:])


def _uniform(draws: Soundings, inside: np.ndarray, heat: float) -> np.ndarray:
    """Weights that make draws of exp(-loss / T) uniform inside."""
    rise = np.where(inside, draws.losses - np.max(draws.losses[inside], initial=-np.inf), -np.inf)
    return np.exp(rise / heat)


def _whole(
    surface: Surface,
    found: Soundings,
    filled: Filled,
    allowance: Allowance | float,
    budget: tuple[int, int],
) -> NearOptimal:
    """The set from its points: membership through all soundings, and the connected parts."""
    (points, weights, fill, extent), (made, lines) = filled, budget
    height = _absolute(allowance, found)
    thought = membership(surface, found, height)
    labels, shares, paths = connected(thought, points, weights, found, allowance=height, fill=fill, lines=lines)
    sums = np.bincount(labels, weights)
    weights = weights * (shares / sums)[labels]
    best = found.best
    return NearOptimal(
        surface,
        found.cubes[best],
        float(found.losses[best]),
        height,
        points.cubes,
        weights,
        points.losses,
        labels,
        shares,
        extent,
        thought,
        found,
        made + paths,
    )


def _chosen(
    thought: Membership, region: Filling, found: Soundings, how: tuple[int, float], rng: np.random.Generator
) -> Float[np.ndarray, "point param"]:
    """The places of a round: a quarter anywhere in the region, the rest near its boundary, far from what is known."""
    few = region.cubes[rng.permutation(len(region.cubes))[:2000]]
    batch, slack = how
    half = batch // 4
    spread, rest = few[:half], few[half:]
    near = rest[np.abs(thought.margin(rest)) <= slack / 2] if len(rest) else rest
    scaled = lambda cubes: (thought.surface.canonical(cubes) - thought.rise.centre) @ thought.rise.scale
    places = scaled(near)
    apart = np.min(cdist(places, scaled(np.concatenate([found.cubes, spread]))), 1) if len(near) else np.zeros(0)
    chosen = []
    for _ in range(min(batch - half, len(near))):
        farthest = int(np.argmax(apart))
        chosen.append(near[farthest])
        apart = np.minimum(apart, np.linalg.norm(places - places[farthest], axis=1))
    return np.concatenate([spread, np.array(chosen).reshape(-1, few.shape[1])])


def _checked(thought: Membership, region: Filling, fresh: Soundings, inside: np.ndarray) -> Volume:
    """The volume of the set: of what was thought to be it, corrected by how the fresh places differ."""
    share = float(np.mean(thought.margin(region.cubes) <= 0))
    wrong = inside.astype(float) - (thought.margin(fresh.cubes) <= 0)
    corrected = share + float(np.mean(wrong))
    spread = np.hypot(np.sqrt(share * (1 - share) / len(region.cubes)), np.std(wrong) / np.sqrt(max(len(wrong), 1)))
    return Volume.of(region.volume * corrected, float(np.hypot(region.volume * spread, region.error * corrected)))
