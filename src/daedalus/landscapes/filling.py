"""Filling: places spread evenly over a region that a cheap function describes, and the region's volume."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from daedalus.landscapes.errors import LandscapeError

Margin = Callable[[np.ndarray], np.ndarray]

BOXED = 6  # parameters up to which a box round the region is tried
SPARSE = 0.02  # least share of the box that the region may take
KEPT = 0.3  # share of the walkers that survive a level
SWEEPS = 12  # moves of each walker at a level
LEVELS = 200  # most levels


@dataclasses.dataclass(frozen=True, eq=False)
class Filling:
    """Places that fill a region evenly."""

    cubes: Float[np.ndarray, "draw param"]
    volume: float  # share of the cube
    error: float  # of the volume, its standard error


def filling(margin: Margin, size: int, *, rng: np.random.Generator, level: float = 0.0, walkers: int = 1024) -> Filling:
    """Places of the cube where a function does not exceed a level, evenly spread, and their share of the cube.

    Few parameters: even places in a box round the region. Else multilevel splitting (Botev and Kroese, Methodol.
    Comput. Appl. Probab. 10 (2008) 471): walkers spread over the cube follow a falling level, three tenths of them
    surviving each time.

    Args:
        margin: of many places; no evaluations of a surface.
        size: parameters [1].
        rng: of the draws.
        level: what is not exceeded.
        walkers: of the splitting; of the box, a quarter of the draws wanted in the region [1].

    Raises:
        LandscapeError: no place was found.
    """
    even = lambda power: _sobol(size, power, rng)
    first = even(13)
    members = first[margin(first) <= level]
    split = None
    if len(members) < walkers // 16:
        split = _split(margin, size, rng, level, walkers)
        members = split.cubes
    boxed = _boxed(margin, members, rng, level, walkers) if size <= BOXED else None
    return boxed or split or _split(margin, size, rng, level, walkers)


def _boxed(margin: Margin, members: np.ndarray, rng: np.random.Generator, level: float, walkers: int) -> Filling | None:
    """Even places in a box round some members, widened until no member is at its sides; None where most are outside."""
    size, power = members.shape[1], int(np.log2(16 * walkers))
    for _ in range(6):
        low, high = members.min(0), members.max(0)
        slack = 0.1 * (high - low) + 1e-6
        box = np.clip(np.stack([low - slack, high + slack]), 0.0, 1.0)
        draws = box[0] + (box[1] - box[0]) * _sobol(size, power, rng)
        inside = margin(draws) <= level
        share = float(np.mean(inside))
        if share < SPARSE:
            return None
        members = draws[inside]
        reached = (members.min(0) - box[0] < slack / 20) & (box[0] > 0)
        reached |= (box[1] - members.max(0) < slack / 20) & (box[1] < 1)
        if len(members) < 4 * walkers:
            power += 1 + (len(members) < walkers)
        elif not reached.any():
            volume = share * float(np.prod(box[1] - box[0]))
            error = volume * float(np.sqrt((1 - share) / (share * len(draws))))
            return Filling(rng.permutation(members), volume, error)
    return None


def _sobol(size: int, power: int, rng: np.random.Generator) -> np.ndarray:
    from scipy.stats import qmc

    return qmc.Sobol(size, rng=rng).random_base2(power)


def _split(margin: Margin, size: int, rng: np.random.Generator, level: float, walkers: int) -> Filling:
    places = rng.random((walkers, size))
    heights = margin(places)
    logarithm, variance = 0.0, 0.0
    for _ in range(LEVELS):
        bar = max(float(np.quantile(heights, KEPT)), level)
        alive = heights <= bar
        share = float(np.mean(alive))
        logarithm += np.log(share)
        variance += (1 - share) / (share * walkers)
        chosen = rng.permutation(np.resize(rng.permutation(np.flatnonzero(alive)), walkers))
        places, heights = places[chosen], heights[chosen]
        for _ in range(SWEEPS):
            _moved(margin, places, heights, bar, rng)
        if bar <= level:
            volume = float(np.exp(logarithm))
            # walkers descend from each other: their number is worth about half of itself
            return Filling(places, volume, volume * float(np.sqrt(2 * variance)))
    raise LandscapeError(
        f"after {LEVELS} levels the walkers are {np.min(heights) - level:g} above the wanted one; expected some below. "
        "Give known places of the set: near_optimal(..., known=descents.ends)."
    )


def _moved(margin: Margin, places: np.ndarray, heights: np.ndarray, bar: float, rng: np.random.Generator) -> None:
    """Moves each half of the walkers by differences within the other half (ter Braak, Stat. Comput. 16 (2006) 239)."""
    half, size = len(places) // 2, places.shape[1]
    order = rng.permutation(len(places))
    for mine, others in ((order[:half], order[half:]), (order[half:], order[:half])):
        first, second = rng.choice(others, (2, len(mine)))
        length = 1.7 / np.sqrt(size) * 10 ** rng.uniform(-1.5, 0.0, (len(mine), 1))
        spread = 1e-3 * places[others].std(0)
        trial = places[mine] + length * (places[first] - places[second]) + spread * rng.normal(size=(len(mine), size))
        found = np.full(len(mine), np.inf)
        inside = ((trial >= 0) & (trial <= 1)).all(1)
        found[inside] = margin(trial[inside])
        moved = mine[found <= bar]
        places[moved], heights[moved] = trial[found <= bar], found[found <= bar]
