"""The receiver operating characteristic (ROC) of a score: how often presence is found, for so many false alarms."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float


class Share(NamedTuple):
    """A probability estimated from counts.

    Attributes:
        value: the estimate [1]. error: its binomial standard error [1]. low, high: Wilson's interval of one standard
        deviation (Wilson, J. Am. Stat. Assoc. 22 (1927) 209), which is sensible at 0 and 1 too [1].
    """

    value: Float[Array, "*point"]
    error: Float[Array, "*point"]
    low: Float[Array, "*point"]
    high: Float[Array, "*point"]


class RocCurve(NamedTuple):
    """What is found for so many false alarms, from none to all: points of steps.

    Attributes:
        false_alarms: share of absences that may be taken for presences [1]. found: share of presences found [1].
        low, high: Wilson's interval of that, of one standard deviation [1].
    """

    false_alarms: Float[np.ndarray, "point"]
    found: Float[np.ndarray, "point"]
    low: Float[np.ndarray, "point"]
    high: Float[np.ndarray, "point"]


def roc_area(
    score: Float[Array, "scenario"], present: Bool[Array, "scenario"], weight: Float[Array, "scenario"] | None = None
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The area under the ROC curve and its standard error: the probability that presence scores above absence.

    The Mann-Whitney statistic, ties counting one half; the error after DeLong et al., Biometrics 44 (1988) 837, from
    the spread of both groups' placements. Not a smooth function of the scores.

    Args:
        score: higher where presence is likelier; infinities are allowed [1].
        present: the truth.
        weight: zero for scenarios that do not take part; all by default [1].
    """
    takes_part = jnp.ones(score.shape) if weight is None else (weight > 0).astype(score.dtype)
    yes, no = takes_part * present, takes_part * ~present
    wins = (score[:, None] > score) + 0.5 * (score[:, None] == score)
    pairs = yes[:, None] * no * wins
    many, few = jnp.sum(yes), jnp.sum(no)
    area = jnp.sum(pairs) / jnp.maximum(many * few, 1.0)
    of_yes, of_no = jnp.sum(pairs, 1) / jnp.maximum(few, 1.0), jnp.sum(pairs, 0) / jnp.maximum(many, 1.0)
    spread = lambda place, own, count: jnp.sum(own * (place - area) ** 2) / jnp.maximum((count - 1.0) * count, 1.0)
    return area, jnp.sqrt(spread(of_yes, yes, many) + spread(of_no, no, few))


def detection_probability(
    score: Float[Array, "scenario"],
    present: Bool[Array, "scenario"],
    false_alarms: float,
    weight: Float[Array, "scenario"] | None = None,
) -> Share:
    """How often presence is found at a threshold that absence exceeds with a share of ``false_alarms`` at most.

    The threshold is the smallest score of an absence that no more than that share of absences exceed, so that the
    share holds in the sample at hand; with n absences its relative error is about 1 / sqrt(n false_alarms), which the
    binomial error of the detections does not include.

    Args:
        score: higher where presence is likelier [1].
        present: the truth.
        false_alarms: share of absences that may be taken for presences [1].
        weight: zero for scenarios that do not take part; all by default [1].
    """
    takes_part = jnp.ones(score.shape, bool) if weight is None else weight > 0
    yes, no = takes_part & present, takes_part & ~present
    few = jnp.sum(no)
    ranked = -jnp.sort(-jnp.where(no, score, -jnp.inf))
    allowed = jnp.floor(false_alarms * few + 1e-6).astype(jnp.int32)
    threshold = ranked[jnp.minimum(allowed, len(ranked) - 1)]
    found = jnp.sum(yes & (score > threshold)).astype(jnp.result_type(float))
    return binomial_share(found, jnp.sum(yes).astype(jnp.result_type(float)))


def roc_curve(score: Float[np.ndarray, "scenario"], present: Bool[np.ndarray, "scenario"]) -> RocCurve:
    """The ROC curve of a score, at as many false alarms as there are absences; as `detection_probability` counts.

    Args:
        score: higher where presence is likelier [1].
        present: the truth.
    """
    absences = np.sort(score[~present])[::-1]
    above = np.append(absences, -np.inf)  # with all absences taken for presences everything is found
    found = np.array([np.sum(score[present] > threshold) for threshold in above], float)
    found[-1] = np.sum(present)
    share = binomial_share(jnp.asarray(found), float(np.sum(present)))
    return RocCurve(
        np.arange(len(above)) / max(len(absences), 1), *map(np.asarray, (share.value, share.low, share.high))
    )


def binomial_share(found: Float[Array, "*point"] | float, of: Float[Array, ""] | float) -> Share:
    """The share of ``found`` in ``of`` trials [1 and 1]."""
    count = jnp.maximum(jnp.asarray(of, float), 1.0)
    value = jnp.asarray(found) / count
    centre = (value + 0.5 / count) / (1.0 + 1.0 / count)
    half = jnp.sqrt(value * (1.0 - value) / count + 0.25 / count**2) / (1.0 + 1.0 / count)
    return Share(value, jnp.sqrt(value * (1.0 - value) / count), centre - half, centre + half)


def time_to_reach(exposure: Float[np.ndarray, "point"], probability: Float[np.ndarray, "point"], goal: float) -> float:
    """The exposure at which a probability first reaches a goal, by interpolation in its logarithm.

    Args:
        exposure: increasing [any unit].
        probability: at each [1].
        goal: to be reached [1].

    Returns:
        The exposure [same unit]; infinite where the goal is not reached, the first one where it is reached there.
    """
    time, found = np.asarray(exposure, float), np.maximum.accumulate(np.asarray(probability, float))
    after = int(np.searchsorted(found, goal, side="left"))
    if after == len(found):
        return float("inf")
    if after == 0:
        return float(time[0])
    share = (goal - found[after - 1]) / (found[after] - found[after - 1])
    return float(np.exp(np.log(time[after - 1]) + share * np.log(time[after] / time[after - 1])))
