"""Layouts to start from and to compare with: positions of units around the origin, by number and spacing."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import jax
import numpy as np
from jaxtyping import Array, Float, Key

from daedalus.errors import DesignError
from daedalus.studies.ground_array.site import SEPARATION

Positions = Float[np.ndarray, "unit 2"]
_GOLDEN = math.pi * (3.0 - math.sqrt(5.0))  # angle from a seed of a sunflower to the next [rad]
_TIE = 1e-6  # of the spacing: distances from the origin that differ by less are equal [1]


def hexagonal(units: int, spacing: float) -> Positions:
    """The nodes of a hexagonal lattice nearest to the origin [m], neighbours at the spacing."""
    return _nearest_nodes(units, spacing, np.array([[1.0, 0.0], [0.5, math.sqrt(0.75)]]))


def packed(units: int, spacing: float = SEPARATION) -> Positions:
    """The hexagonal layout of units as near to each other as they may be [m]."""
    return hexagonal(units, spacing)


def taxi(units: int, spacing: float) -> Positions:
    """The nodes of a square lattice nearest to the origin [m], neighbours at the spacing."""
    return _nearest_nodes(units, spacing, np.eye(2))


def spiral(units: int, spacing: float) -> Positions:
    """A sunflower [m]: radii as the roots of 1/2, 3/2 ..., by the golden angle (Vogel 1979); one unit per spacing^2."""
    _check(units, spacing)
    k = np.arange(units) + 0.5
    return _polar(spacing * np.sqrt(k / math.pi), _GOLDEN * k)


def rings(units: int, spacing: float) -> Positions:
    """A unit in the middle and rings of 6, 12, 18 ... around it [m], the last one with what is left.

    Args:
        units: how many [1].
        spacing: of the rings [m], and of units along a ring times pi / 3.
    """
    _check(units, spacing)
    sizes = [1]
    while sum(sizes) < units:
        sizes.append(min(6 * len(sizes), units - sum(sizes)))
    return np.concatenate([_circle(size, spacing * number) for number, size in enumerate(sizes)])


def annulus(units: int, spacing: float) -> Positions:
    """A circle of units at the spacing along it [m]: radius units spacing / 2 pi."""
    return _circles(units, spacing, (1,))


def two_annuli(units: int, spacing: float) -> Positions:
    """Two circles at the same spacing along both [m]: radii units spacing / 6 pi and / 3 pi."""
    return _circles(units, spacing, (1, 2))


def three_annuli(units: int, spacing: float) -> Positions:
    """Three circles at the same spacing along all [m]: radii as 1 : 2 : 3, the innermost units spacing / 12 pi."""
    return _circles(units, spacing, (1, 2, 3))


def clusters(units: int, spacing: float, groups: int = 4) -> Positions:
    """Hexagonal groups on a circle [m], with gaps between them as wide as they are.

    Args:
        units: how many [1], shared among the groups evenly.
        spacing: of neighbours within a group [m].
        groups: how many [1].

    Raises:
        DesignError: fewer units than groups, or fewer than two groups.
    """
    _check(units, spacing, least=groups)
    if groups < 2:
        raise DesignError(f"{groups} groups; expected two or more.")
    shares = [units // groups + (group < units % groups) for group in range(groups)]
    width = spacing * (1.0 + 2.0 * math.sqrt(shares[0] * math.sqrt(0.75) / math.pi))  # of a group, with a border
    middles = _circle(groups, width / math.sin(math.pi / groups))
    return np.concatenate([hexagonal(share, spacing) + middle for share, middle in zip(shares, middles, strict=True)])


def random_ball(units: int, spacing: float, *, key: Key[Array, ""]) -> Positions:
    """Independent uniform places in a disc [m] of spacing^2 per unit: radius spacing sqrt(units / pi)."""
    _check(units, spacing)
    share, turn = np.asarray(jax.random.uniform(key, (2, units)), float)
    return _polar(spacing * np.sqrt(units / math.pi * share), 2.0 * math.pi * turn)


def random_box(units: int, spacing: float, *, key: Key[Array, ""]) -> Positions:
    """Independent uniform places in a square [m] of spacing^2 per unit: side spacing sqrt(units)."""
    _check(units, spacing)
    return spacing * math.sqrt(units) * (np.asarray(jax.random.uniform(key, (units, 2)), float) - 0.5)


LAYOUTS: Mapping[str, Callable[..., Positions]] = MappingProxyType(
    {
        each.__name__: each
        for each in (hexagonal, packed, taxi, spiral, rings, annulus, two_annuli, three_annuli, clusters)
    }
    | {each.__name__: each for each in (random_ball, random_box)}
)
RANDOM = ("random_ball", "random_box")  # those that need a key


def layout(name: str, units: int, spacing: float, *, key: Key[Array, ""] | None = None) -> Positions:
    """The layout of a name in `LAYOUTS` [m].

    Args:
        name: of the layout.
        units: how many [1].
        spacing: of neighbours [m]; of random layouts the root of the area per unit.
        key: for those that are random.

    Raises:
        DesignError: an unknown name, no key where one is needed, or numbers that are impossible.
    """
    if name not in LAYOUTS:
        raise DesignError(f"no layout is called {name!r}; expected one of {', '.join(LAYOUTS)}.")
    if name not in RANDOM:
        return LAYOUTS[name](units, spacing)
    if key is None:
        raise DesignError(f"{name} is random; expected a key: key=jax.random.key(0).")
    return LAYOUTS[name](units, spacing, key=key)


def _check(units: int, spacing: float, least: int = 1) -> None:
    """Raises DesignError where there are too few units or no spacing."""
    if units < least:
        raise DesignError(f"a layout of {units} units; expected {least} or more.")
    if not 0.0 < spacing < math.inf:
        raise DesignError(f"a spacing of {spacing} m; expected a positive, finite one.")


def _nearest_nodes(units: int, spacing: float, basis: np.ndarray) -> Positions:
    """The nodes of a lattice nearest to the origin, in order of distance, then of angle."""
    _check(units, spacing)
    reach = 2 + math.ceil(1.2 * math.sqrt(units))  # the disc of so many nodes, in steps along the basis
    steps = np.arange(-reach, reach + 1)
    nodes = np.stack(np.meshgrid(steps, steps), -1).reshape(-1, 2) @ basis
    distance, angle = np.round(np.hypot(*nodes.T) / _TIE), np.arctan2(nodes[:, 1], nodes[:, 0])
    return spacing * nodes[np.lexsort((angle, distance))[:units]]


def _circles(units: int, spacing: float, weights: tuple[int, ...]) -> Positions:
    """Concentric circles with radii and numbers of units as their weights."""
    _check(units, spacing, least=sum(weights))
    ends = np.round(units * np.cumsum((0, *weights)) / sum(weights)).astype(int)
    unit_radius = units * spacing / (2.0 * math.pi * sum(weights))
    return np.concatenate([_circle(n, w * unit_radius) for n, w in zip(np.diff(ends).tolist(), weights, strict=True)])


def _circle(units: int, radius: float) -> Positions:
    return _polar(np.full(units, radius), 2.0 * math.pi * np.arange(units) / units)


def _polar(radius: np.ndarray, angle: np.ndarray) -> Positions:
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1)
