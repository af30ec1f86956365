"""Vicinities: the box around the best place that a model is trusted in, and the places where earlier searches ended."""

from __future__ import annotations

import math

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from daedalus.optimisers.domination import dominates
from daedalus.optimisers.observations import Figures

SEEDS = 4  # rows anywhere with which a further search begins
SUCCESSES = 2  # rounds with progress, in a row, after which the box grows
SLACK = 1e-3  # [1]; progress below this share of what separates the median of the rows from the best is none
LEVEL = 4.0  # [standard errors]; rounds without progress whose rows all lie this close have found their minimum
FINE = 2.0**-2  # [first sides]; only boxes narrower than this end so
NARROWEST = 2.0**-6  # [first sides]; a narrower box has found its minimum, and the search begins elsewhere
WIDEST = 1.6  # side [ranges]
STRETCH = 2.0  # largest ratio of a side to the mean one


class Vicinity(eqx.Module):
    """A box whose sides double after progress and are halved without it (Eriksson et al., NeurIPS 2019, section 2).

    When it has become too narrow the search begins anew, away from where it ended.
    """

    side: Float[Array, ""]  # mean of the sides [share of range]
    successes: Int[Array, ""]  # rounds in a row
    failures: Int[Array, ""]
    begun: Int[Array, ""]  # row with which the present search began
    judged: Int[Array, ""]  # rows that were told before the last judgement
    ended: Float[Array, "basin param"]  # where earlier searches ended [1]

    @staticmethod
    def around(cube: Float[Array, "param"], side: float) -> Vicinity:
        """The first box, with its mean side [share of range]."""
        none = _whole(0)
        return Vicinity(jnp.asarray(side, cube.dtype), none, none, none, none, jnp.zeros((0, len(cube)), cube.dtype))

    def bounds(
        self, centre: Float[np.ndarray, "param"], lengths: Float[np.ndarray, "param"]
    ) -> tuple[Float[np.ndarray, "param"], Float[np.ndarray, "param"]]:
        """The box around a place within the cube, longer where length scales are."""
        ratio = np.clip(lengths / np.exp(np.mean(np.log(lengths))), 1 / STRETCH, STRETCH)
        half = 0.5 * float(self.side) * ratio
        return np.clip(centre - half, 0.0, 1.0), np.clip(centre + half, 0.0, 1.0)

    def prelude(self, design: int) -> int:
        """The number of rows with which a search begins before it is judged: the design's, or seeds anywhere."""
        return SEEDS if len(self.ended) else design

    def seeding(self, number: int) -> bool:
        """Whether a row is one of those with which a further search begins."""
        return len(self.ended) > 0 and number < int(self.begun) + SEEDS

    def after(self, figures: Figures, *, first_side: float, batch: int, design: int) -> Vicinity:
        """The vicinity after so many rows, judged whenever as many new ones as a batch has were told.

        Args:
            figures: all told rows.
            first_side: of a new search [share of range].
            batch: rows per round.
            design: rows with which the very first search began.
        """
        told, judged, begun = len(figures.sound), int(self.judged), int(self.begun)
        if told - judged < batch:
            return self
        seen = eqx.tree_at(lambda v: v.judged, self, _whole(told))
        if judged < begun + self.prelude(design):
            return seen
        patience = max(2, math.ceil((4 + figures.cube.shape[1] / 5) / batch))
        progress = progressed(figures[np.arange(begun, told)], judged - begun)
        good, bad = (int(self.successes) + 1, 0) if progress else (0, int(self.failures) + 1)
        factor = 2.0 if good >= SUCCESSES else 0.5 if bad >= patience else 1.0
        side = min(float(self.side) * factor, WIDEST)
        flat = factor < 1 and side < FINE * first_side and level(figures[np.arange(told - batch * patience, told)])
        if side < NARROWEST * first_side or flat:
            return seen._anew(figures, first_side)
        good, bad = (good, bad) if factor == 1.0 else (0, 0)
        changed = (jnp.asarray(side, self.side.dtype), _whole(good), _whole(bad))
        return eqx.tree_at(lambda v: (v.side, v.successes, v.failures), seen, changed)

    def _anew(self, figures: Figures, first_side: float) -> Vicinity:
        told = len(figures.sound)
        end = figures.cube[figures.order(np.arange(int(self.begun), told))[0]]
        ended = jnp.asarray(np.concatenate([np.asarray(self.ended), end[None]]), self.ended.dtype)
        side, none = jnp.asarray(first_side, self.side.dtype), _whole(0)
        return Vicinity(side, none, none, _whole(told), _whole(told), ended)


def _whole(number: int) -> Int[Array, ""]:
    return jnp.asarray(number, jnp.int32)


def level(figures: Figures) -> bool:
    """Whether rows are as good as equal."""
    values, errors = figures.objectives[:, 0], figures.objective_errors[:, 0]
    return bool(figures.sound.all() and np.ptp(values) <= LEVEL * np.median(errors))


def progressed(figures: Figures, before: int) -> bool:
    """Whether the rows after the first ``before`` ones are better than these, beyond noise.

    A smaller violation of the constraints is better; then a lower objective by more than its error; with several
    objectives, a row that none dominates.
    """
    old, new = figures.order(np.arange(before))[0], figures.order(np.arange(before, len(figures.sound)))[0]
    violation = figures.violation
    if violation[old] > 0:
        return bool(violation[new] < (1 - SLACK) * violation[old])
    if figures.objectives.shape[1] > 1:
        return bool(np.any(unbeaten(figures)[before:]))
    values, errors = figures.objectives[:, 0], figures.objective_errors[:, 0]
    depth = float(np.median(values[violation <= 0]) - np.min(values[violation <= 0]))
    return bool(violation[new] <= 0) and bool(values[new] < values[old] - max(errors[new], SLACK * depth))


def unbeaten(figures: Figures) -> Bool[np.ndarray, "row"]:
    """Which feasible rows no other row dominates."""
    rows = len(figures.sound)
    padding = [(0, (1 << (rows - 1).bit_length()) - rows), (0, 0)]  # few shapes, few compilations
    scores = np.pad(np.where(figures.sound[:, None], figures.objectives, np.inf), padding, constant_values=np.inf)
    violation = np.pad(figures.violation, padding[:1], constant_values=np.inf)
    beaten = np.asarray(dominates(jnp.asarray(scores), jnp.asarray(violation))).any(0)[:rows]  # pyright: ignore[reportIndexIssue]
    return ~beaten & (figures.violation <= 0)
