"""Fronts: the designs that no other design beats in every objective, and how much of the objectives they cover."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from daedalus.landscapes.errors import LandscapeError

Scores = Float[np.ndarray, "row objective"]


def non_dominated(scores: Scores, errors: Scores | None = None, *, deviations: float = 2.0) -> Bool[np.ndarray, "row"]:
    """Which rows lie on the front: no other row is as good in every objective and better in one.

    With errors, only a row that is better in one objective by more than so many standard errors of the difference
    beats another: rows that the measurement cannot tell apart stay together on the front. A row with a score that is
    not finite is never on it.

    Args:
        scores: less is better [any unit per objective].
        errors: their standard errors; NaN, like None, counts as zero [unit of the scores].
        deviations: how sure a difference must be [standard errors].
    """
    squares = np.zeros_like(scores) if errors is None else np.nan_to_num(errors) ** 2
    sound = np.asarray(np.isfinite(scores).all(1))
    rivals, rival_squares = scores[sound], squares[sound]

    def beaten(row: np.ndarray, square: np.ndarray) -> bool:
        ahead = row - rivals  # positive where the rival is better
        sure = ahead > deviations * np.sqrt(square + rival_squares)
        return bool(np.any((ahead >= 0).all(1) & sure.any(1)))

    return np.array([ok and not beaten(row, square) for ok, row, square in zip(sound, scores, squares)], bool)


def hypervolume(scores: Scores, reference: Float[np.ndarray, "objective"]) -> float:
    """The area between a front of two objectives and a reference point, exact [product of the scores' units].

    It is the measure of what at least one row is better than, as far as the reference (Zitzler and Thiele, IEEE Trans.
    Evol. Comput. 3 (1999) 257, there "size of the space covered"). Rows that are dominated, beyond the reference or
    not finite add nothing.

    Args:
        scores: less is better.
        reference: the worst corner that counts.

    Raises:
        LandscapeError: not two objectives.
    """
    if scores.shape[1] != 2 or len(reference) != 2:
        raise LandscapeError(
            f"{scores.shape[1]} objectives and a reference of {len(reference)}; expected two of each: choose the two "
            "objectives whose front is to be measured."
        )
    inside = scores[np.isfinite(scores).all(1) & (scores < reference).all(1)]
    first, second = inside[np.argsort(inside[:, 0])].T
    width = np.diff(first, append=reference[0])
    return float(np.sum(width * (reference[1] - np.minimum.accumulate(second))))
