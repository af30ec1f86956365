"""Short descents: a design improved in a few steps, with derivatives or without, never made worse."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float

Cube = Float[np.ndarray, "param"]
Height = Callable[[Cube], float]
Move = Callable[[Cube], Cube]

STEPS = 24  # with derivatives
CALLS = 80  # without
FIRST, LAST = 0.06, 0.002  # length of the first and of the last step along every axis of the cube [1]
LEAST = 1e-4  # step at which a compass search ends [1]
MEAN, SQUARE = 0.7, 0.9  # how much of the means of earlier derivatives and of their squares is kept per step [1]
TINY = 1e-12  # derivatives that count as none [1]


@dataclasses.dataclass(frozen=True)
class Descent:
    """What a descent has found."""

    cube: Cube  # the lowest place
    begin: float  # the height where it began
    end: float  # the height there
    calls: int  # heights that were asked for


def descended(
    height: Height, slope: Move, begin: Cube, free: Bool[np.ndarray, "param"], *, project: Move = np.array
) -> Descent:
    """The lowest place among the steps of Adam, whose lengths fall from `FIRST` to `LAST` (Kingma and Ba, ICLR 2015,
    arXiv:1412.6980, algorithm 1). The height decides: the slope may be that of a relaxed apparatus.

    Args:
        height: what is to be lowered.
        slope: its derivative, or one near it.
        begin: where to begin, inside the cube [1].
        free: which axes may be moved.
        project: a wished place, moved to where one may go.
    """
    first = height(begin)
    best, low, here = begin, first, begin
    mean, square = np.zeros_like(begin), np.zeros_like(begin)
    for step, length in enumerate(np.geomspace(FIRST, LAST, STEPS), 1):
        steep = slope(here)
        steep = np.where(free & np.isfinite(steep), steep, 0.0)
        mean, square = MEAN * mean + (1 - MEAN) * steep, SQUARE * square + (1 - SQUARE) * steep**2
        size = np.sqrt(square / (1 - SQUARE**step)) + TINY
        here = project(np.clip(here - length * mean / (1 - MEAN**step) / size, 0.0, 1.0))
        there = height(here)
        if there < low:
            best, low = here, there
    return Descent(best, first, low, STEPS + 1)


def searched(
    height: Height, levels: Cube, begin: Cube, free: Bool[np.ndarray, "param"], *, project: Move = np.array
) -> Descent:
    """The lowest place of a compass search: axis after axis, up and down, then with half the step.

    Args:
        height: what is to be lowered.
        levels: the least step of every axis, for those whose values are whole; zero elsewhere [1].
        begin: where to begin, inside the cube [1].
        free: which axes may be moved.
        project: a wished place, moved to where one may go.
    """
    best, low = begin, height(begin)
    first, length, calls = low, 2 * FIRST, 1
    axes = np.flatnonzero(free)
    while length > LEAST and len(axes):
        before = low
        for axis in axes:
            for way in (1.0, -1.0):
                if calls >= CALLS:
                    return Descent(best, first, low, calls)
                tried = best.copy()
                tried[axis] = np.clip(best[axis] + way * max(length, levels[axis]), 0.0, 1.0)
                tried = project(tried)
                there, calls = height(tried), calls + 1
                if there < low:
                    best, low = tried, there
                    break
        length *= 1.0 if low < before else 0.5
    return Descent(best, first, low, calls)
