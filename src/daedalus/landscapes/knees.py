"""Knees: where a front of two figures bends most, and whether it certainly does."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Array, Float, Key

from daedalus.landscapes.errors import LandscapeError
from daedalus.landscapes.trade_offs import Front


@dataclasses.dataclass(frozen=True, eq=False)
class Knee:
    """The point of a front that lies farthest on the better side of the line between its ends."""

    point: int  # of the front
    distance: float  # from the line, both figures in units of their range [1]
    error: float  # its standard error [1]
    share: Float[np.ndarray, "point"]  # how often each point is the knee when the figures move within their errors [1]
    chance: float  # that a straight front would show such a distance, errors being what they are [1]

    @property
    def significant(self) -> bool:
        """Whether a straight front is excluded, at 5 %."""
        return self.chance < 0.05


def knee(front: Front, *, key: Key[Array, ""], draws: int = 2000) -> Knee:
    """The knee of a front of two figures.

    The largest distance from the chord between the two ends, the figures scaled to their ranges (Das, Struct. Optim.
    18 (1999) 107). Errors are propagated by drawing sets of figures that the measurement allows, correlations of the
    common random numbers included; the largest of many distances is never negative, which is why its significance is
    that among straight fronts with the same errors.

    Args:
        front: of two figures and three points or more.
        key: decides the draws.
        draws: sets of figures [1].

    Raises:
        LandscapeError: another number of figures, too few points, or ends that coincide.
    """
    if len(front.aims) != 2 or len(front) < 3:
        raise LandscapeError(f"{len(front)} points of {len(front.aims)} figures; expected three or more, of two.")
    scores = front.values * front.directions
    ends = int(np.argmin(scores[:, 0])), int(np.argmin(scores[:, 1]))
    if np.any(scores[ends[0]] == scores[ends[1]]):
        raise LandscapeError("both ends of the front are the same in one figure; expected a front that has a width.")
    distances = _distances(scores, ends)
    drawn = front.comparison.draws([aim.name for aim in front.aims], key=key, count=draws) * front.directions
    moved = np.array([_distances(each, ends) for each in drawn])
    point = int(np.argmax(distances))
    share = np.bincount(np.argmax(moved, 1), minlength=len(front)) / draws
    straight = np.max(moved - distances, 1)  # what errors alone would make of a straight front
    chance = float(np.mean(straight >= distances[point]))
    return Knee(point, float(distances[point]), float(np.std(moved[:, point])), share, chance)


def _distances(scores: Float[np.ndarray, "point 2"], ends: tuple[int, int]) -> Float[np.ndarray, "point"]:
    """How far points lie on the better side of the chord, ranges scaled to one [1]."""
    first, last = scores[ends[0]], scores[ends[1]]
    along = (scores[:, 0] - first[0]) / (last[0] - first[0])
    across = (scores[:, 1] - last[1]) / (first[1] - last[1])
    return (1.0 - along - across) / np.sqrt(2.0)
