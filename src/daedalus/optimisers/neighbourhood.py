"""Neighbourhoods: the rows near a centre, which a local model is made from."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Float, Int

from daedalus.optimisers.record import Record

REACH = 4.0  # [regions]; older rows up to here are replayed
FEWEST, MOST = 64, 256  # rows that are replayed; between them, four for each coefficient of the model


@dataclasses.dataclass(frozen=True)
class Neighbourhood:
    """The rows around a centre, nearest first, as steps in units of the region."""

    index: Int[np.ndarray, "row"]  # of sound rows, in the record
    steps: Float[np.ndarray, "row param"]
    failed_index: Int[np.ndarray, "failed"]  # of rows without a loss
    failed: Float[np.ndarray, "failed param"]  # steps to them

    @property
    def size(self) -> int:
        """The number of sound rows."""
        return len(self.index)


def neighbourhood(
    record: Record,
    centre: Float[np.ndarray, "param"],
    sizes: Float[np.ndarray, "param"],
    *,
    alike: Float[np.ndarray, "choice"] | Int[np.ndarray, "choice"],
    coefficients: int,
) -> Neighbourhood:
    """The rows of a record around a centre.

    Args:
        record: the rows.
        centre: a place.
        sizes: the region's extent along each parameter [share of range].
        alike: numbers of the parameters in which rows must agree with the centre.
        coefficients: of the model that will be made.
    """
    cube = np.asarray(record.cube, float)[: int(record.count)]
    steps = (cube - centre) / sizes
    usable = (np.abs(cube[:, alike] - centre[alike]) < 1e-5).all(1)
    distance = np.where(usable, np.linalg.norm(steps, axis=1), np.inf)
    most = min(max(FEWEST, 4 * coefficients), MOST)
    near = max(int(np.sum(distance <= REACH)), 2 * (len(centre) + 1))
    order = np.argsort(distance, kind="stable")[: min(near, most, int(np.sum(usable)))]
    sound = record.sound[order]
    good, bad = order[sound], order[~sound]
    return Neighbourhood(index=good, steps=steps[good], failed_index=bad, failed=steps[bad])
