"""Membership: whether a place that was never evaluated belongs to the near-optimal set."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial import KDTree

from daedalus.landscapes.errors import LandscapeError
from daedalus.landscapes.interpolation import Interpolator, Scattering, scattering
from daedalus.landscapes.soundings import Soundings
from daedalus.landscapes.surface import Surface

CAP = 10.0  # where a plain rise is cut off [allowances]
BROAD = 2.0  # up to this rise an interpolation is judged [allowances]
FEW = 20  # members from which their spacing is known


@dataclasses.dataclass(frozen=True, eq=False)
class Membership:
    """An interpolation of the loss, and of the constraints, through all soundings.

    What is interpolated is the rise s = (loss - best) / allowance, or log(1 + s): the one with the smaller error
    near the set where places are left out one at a time.
    """

    surface: Surface
    rise: Interpolator
    logarithmic: bool
    excess: Interpolator | None
    members: KDTree | None  # evaluated places of the set, brought to scale
    reach: float  # farthest that a place of the set may lie from them

    def margin(self, cubes: Float[np.ndarray, "point param"]) -> Float[np.ndarray, "point"]:
        """How far outside the set places are thought to lie: not above zero inside [allowances, or usual excesses]."""
        places = self.surface.canonical(cubes)
        found = self.rise(places)
        found = (np.expm1(np.minimum(found, 50.0)) if self.logarithmic else found) - 1
        return found if self.excess is None else np.maximum(found, self.excess(places))

    def contains(self, cubes: Float[np.ndarray, "point param"]) -> Bool[np.ndarray, "point"]:
        """Which places belong to the set; none outside the cube, none far from all evaluated members."""
        inside = np.asarray(((cubes >= 0) & (cubes <= 1)).all(1) & (self.margin(cubes) <= 0))
        if self.members is None or not inside.any():
            return inside
        near = (self.surface.canonical(cubes[inside]) - self.rise.centre) @ self.rise.scale
        inside[inside] = self.members.query(near)[0] <= self.reach
        return inside


def membership(
    surface: Surface, found: Soundings, allowance: float, *, most: int = 1200, spacing: float = 4.0
) -> Membership:
    """The membership function of the places whose loss is at most ``allowance`` above the best sounding.

    Args:
        surface: what was evaluated.
        found: everything known of it.
        allowance: above the best [loss].
        most: soundings that are interpolated; beyond it, those of high loss are thinned [1].
        spacing: farthest distance from the members [largest distance between neighbouring members].

    Raises:
        LandscapeError: too few soundings to interpolate, or none that meets the constraints.
    """
    best = found.losses[found.best]
    rises = np.minimum((found.losses - best) / allowance, 1e6)
    rises = np.maximum(rises, 0.0)  # places beyond the constraints may lie below the best that meets them
    _, first = np.unique(np.round(found.cubes, 9), axis=0, return_index=True)
    rows = first[np.argsort(rises[first], kind="stable")]
    if len(rows) > most:
        low = rows[: 3 * most // 4]
        rows = np.concatenate([low, rows[len(low) :: -(-(len(rows) - len(low)) // (most // 4))]])
    if len(rows) < surface.size + 3:
        raise LandscapeError(
            f"{len(rows)} evaluated places for {surface.size} parameters; expected at least {surface.size + 3}. "
            "Raise the number of background places."
        )
    cubes, rises, excess = found.cubes[rows], rises[rows], found.excess[rows]
    centre, scale = _scaled(cubes, rises)
    places = scattering(cubes, centre, scale)
    rise, logarithmic = _fitted(places, rises)
    members = (found.cubes[first[found.met[first] & (found.losses[first] <= best + allowance)]] - centre) @ scale
    tree, reach = None, np.inf
    if len(members) >= FEW:
        tree = KDTree(members)
        reach = spacing * float(np.max(tree.query(members, k=2)[0][:, 1]))
    return Membership(surface, rise, logarithmic, _beyond(places, rises, excess), tree, reach)


def _scaled(cubes: np.ndarray, rises: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The centre of the low places, and what makes their spread round."""
    size = cubes.shape[1]
    count = max(int(np.sum(rises <= 1)), min(len(rises), 2 * size + 2))
    low = cubes[np.argsort(rises, kind="stable")[:count]]
    spread = np.atleast_2d(np.cov(low, rowvar=False))
    spread = 0.9 * spread + 0.1 * np.diag(np.diag(spread)) + 1e-8 * np.eye(size)
    return low.mean(0), np.linalg.inv(np.linalg.cholesky(spread)).T


def _fitted(places: Scattering, rises: np.ndarray) -> tuple[Interpolator, bool]:
    """The interpolation that errs least near the set, and whether it is one of the logarithm."""
    count, size = places.places.shape
    quadratic = count >= (size + 1) * (size + 2)  # twice the terms
    near = rises <= max(BROAD, float(np.sort(rises)[min(size, count - 1)]))
    choices = []
    for logarithmic, degree in [(True, 1), (True, 2), (False, 2)][: 3 if quadratic else 1]:
        fit = places.through(np.log1p(rises) if logarithmic else np.minimum(rises, CAP), degree)
        errors = fit.left_out * (1 + rises if logarithmic else 1.0)
        choices.append((float(np.sqrt(np.mean(errors[near] ** 2))), fit, logarithmic))
    _, fit, logarithmic = min(choices, key=lambda choice: choice[0])
    return fit, logarithmic


def _beyond(places: Scattering, rises: np.ndarray, excess: np.ndarray) -> Interpolator | None:
    """The constraints' excess interpolated, in units of its usual size near the set; None where all are met."""
    finite = np.isfinite(excess)
    if not np.any(excess > 0) or not finite.any():
        return None
    near = finite & (rises <= BROAD)
    unit = float(np.median(np.abs(excess[near if near.any() else finite]))) or 1.0
    return places.through(np.clip(excess / unit, -CAP, CAP))
