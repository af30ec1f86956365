"""Basins: the ends of descents that no barrier separates."""

from __future__ import annotations

import dataclasses

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int
from scipy.sparse.csgraph import connected_components

from daedalus.landscapes.allowance import Allowance, allowed
from daedalus.landscapes.descents import Descents
from daedalus.landscapes.soundings import Soundings, soundings
from daedalus.landscapes.strings import relaxed, straight
from daedalus.landscapes.surface import Surface

Pair = tuple[int, int]


@dataclasses.dataclass(frozen=True, eq=False)
class Basin:
    """A connected region of descents' ends."""

    place: Float[np.ndarray, "param"]  # of its least loss, in canonical order [1]
    loss: float  # there [1]
    members: Int[np.ndarray, "member"]  # the descents that ended in it
    weight: float  # its share of the starts whose descents ended with a loss and within the constraints [1]


@dataclasses.dataclass(frozen=True, eq=False)
class Basins:
    """The basins of a surface, best first, and what it took to tell them apart."""

    basins: tuple[Basin, ...]
    paths: Soundings  # the places of all paths
    evaluations: int  # of the loss; those on strings come with gradients

    def __len__(self) -> int:
        """The number of basins."""
        return len(self.basins)

    def __getitem__(self, number: int) -> Basin:
        """A basin, the best one first."""
        return self.basins[number]


def basins(
    surface: Surface,
    found: Descents,
    *,
    allowance: Allowance | float,
    images: int = 11,
    neighbours: int = 3,
    strings: int = 16,
    relaxations: int = 40,
    pressure: float = 10.0,
    same: float = 1e-3,
    batch: int = 8,
) -> Basins:
    """The ends of descents in basins: between two of one basin, a path stays below the higher one plus the allowance.

    Ends are compared in canonical order, so that designs that differ by an exchange are one. Ends closer than ``same``
    are one. Then straight lines to the nearest neighbours are measured, then strings between the basins left, nearest
    first. A barrier thinner than the spacing of the images is missed; a path that a string does not find within its
    relaxations leaves two basins where there is one.

    Args:
        surface: what was descended.
        found: the descents; ends without a loss, or beyond the constraints, belong to no basin.
        allowance: how far a path may rise above the higher of its ends.
        images: places on a path that are measured [1].
        neighbours: lines from every group of ends to so many others, in each round [1].
        strings: most pairs of basins between which a string is relaxed [1].
        relaxations: most moves of a string [1].
        pressure: of the constraints on strings [loss per scale].
        same: distance below which two ends are one [edge of the cube].
        batch: images side by side [1].

    Raises:
        LandscapeError: no end has a loss and meets the constraints, or nothing is allowed.
    """
    ends = found.ends
    best = ends.best
    rise = allowed(allowance, float(ends.losses[best]), float(ends.errors[best]))
    sound = np.flatnonzero(ends.met)
    atlas = _Atlas(surface, ends[sound], rise, same)
    while pairs := atlas.candidates(neighbours):
        atlas.lines(pairs, images)
    for _ in range(strings):
        pairs = atlas.candidates(1, tried="strings")
        if not pairs:
            break
        atlas.string(pairs[0], (images, relaxations, pressure, batch))
    groups = atlas.groups
    whole = []
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        lowest = rows[np.argmin(atlas.ends.losses[rows])]
        share = len(rows) / len(sound)
        whole.append(Basin(atlas.ends.cubes[lowest], float(atlas.ends.losses[lowest]), sound[rows], share))
    whole.sort(key=lambda basin: basin.loss)
    return Basins(tuple(whole), atlas.paths, atlas.evaluations)


class _Atlas:
    """Which ends are known to be connected, and which pairs were tried."""

    def __init__(self, surface: Surface, ends: Soundings, rise: float, same: float) -> None:
        self.surface, self.ends, self.rise = surface, ends, rise
        self.distances = np.linalg.norm(ends.cubes[:, None] - ends.cubes, axis=-1)
        self.joined = self.distances <= same
        self.tried: dict[str, set[Pair]] = {"lines": set(), "strings": set()}
        self.paths, self.evaluations = ends[:0], 0

    @property
    def groups(self) -> np.ndarray:
        return connected_components(self.joined, directed=False)[1]

    def candidates(self, neighbours: int, tried: str = "lines") -> list[Pair]:
        """The closest pairs of ends of different groups that were not tried, nearest first."""
        groups = self.groups
        pairs: set[Pair] = set()
        for group in np.unique(groups):
            mine = np.flatnonzero(groups == group)
            near = []
            for other in np.unique(groups[groups != group]):
                theirs = np.flatnonzero(groups == other)
                apart = self.distances[np.ix_(mine, theirs)]
                i, j = np.unravel_index(np.argmin(apart), apart.shape)
                near.append((apart[i, j], min(mine[i], theirs[j]), max(mine[i], theirs[j])))
            pairs |= {(int(i), int(j)) for _, i, j in sorted(near)[:neighbours]}
        new = pairs - self.tried[tried]
        return sorted(new, key=lambda pair: self.distances[pair])

    def level(self, pair: Pair) -> float:
        return float(np.max(self.ends.losses[list(pair)]))

    def lines(self, pairs: list[Pair], images: int) -> None:
        """Measures the straight lines of some pairs, and joins those without a barrier."""
        places = [straight(self.ends.cubes[i], self.ends.cubes[j], images) for i, j in pairs]
        found = soundings(self.surface, np.concatenate(places))
        self._noted(found)
        for number, pair in enumerate(pairs):
            self._judged(pair, found[number * images : (number + 1) * images])
        self.tried["lines"] |= set(pairs)

    def string(self, pair: Pair, settings: tuple[int, int, float, int]) -> None:
        """Relaxes the string of a pair, and joins it if the string lies low, between its images too."""
        ends = jnp.asarray(self.ends.cubes[list(pair)], jnp.result_type(float))
        aim = jnp.asarray([self.level(pair) + self.rise / 4, float(np.min(self.ends.losses))], ends.dtype)
        string, _, made = relaxed(self.surface, ends, aim, settings)
        self.evaluations += int(made) * settings[0]
        whole = np.concatenate([ends[:1], string, ends[1:]]).astype(float)
        found = soundings(self.surface, np.concatenate([whole[1:-1], (whole[1:] + whole[:-1]) / 2]))
        self._noted(found)
        self._judged(pair, found)
        self.tried["strings"].add(pair)

    def _noted(self, found: Soundings) -> None:
        self.paths, self.evaluations = self.paths + found, self.evaluations + len(found)

    def _judged(self, pair: Pair, path: Soundings) -> None:
        if np.all(path.met & (path.losses <= self.level(pair) + self.rise)):
            self.joined[pair] = True
