"""Candidates: places in a box, and where an ascent from the best of them ends."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import minimize

from daedalus.optimisers.levels import Levels

Place = Float[np.ndarray, "param"]
Places = Float[np.ndarray, "place param"]

COUNT, NEAR = 512, 64  # candidates, and how many of them are close to the centre
CLOSE = 0.1  # standard deviation of these [sides of the box]
MOVED = 20  # parameters in which a candidate differs from the centre, on average at most (Eriksson et al. 2019)
STARTS = 3  # of the ascent
ITERATIONS = 40


_snapped = jax.jit(Levels.snapped)


@dataclasses.dataclass(frozen=True)
class Box:
    """A box in the cube and a place in it."""

    lower: Place
    upper: Place
    centre: Place

    @staticmethod
    def whole(size: int) -> Box:
        """The cube."""
        return Box(np.zeros(size), np.ones(size), np.full(size, 0.5))

    def candidates(self, rng: np.random.Generator) -> Places:
        """Places anywhere in the box, near its centre, and the centre itself.

        In many dimensions they share most coordinates with the centre.
        """
        size, sides = len(self.centre), self.upper - self.lower
        anywhere = self.lower + sides * rng.random((COUNT - NEAR - 1, size))
        moved = rng.random(anywhere.shape) < MOVED / size
        near = self.centre + CLOSE * sides * rng.standard_normal((NEAR, size))
        places = np.concatenate([np.where(moved, anywhere, self.centre), near, self.centre[None]])
        return np.clip(places, self.lower, self.upper)

    def holds(self, places: Places, place: Place, apart: float) -> bool:
        """Whether a place is as close as this to one of several [sides of the box]."""
        sides = np.maximum(self.upper - self.lower, np.finfo(float).eps)
        return bool(np.min(np.max(np.abs(places - place) / sides, 1)) < apart)


def ascended(
    score: Callable[[Places], tuple[float, Places]], starts: Places, box: Box, fixed: Bool[np.ndarray, "param"]
) -> Places:
    """Where an ascent from several starts ends; they ascend in one run of L-BFGS-B.

    Args:
        score: the sum over places of what is to be large, and its slopes.
        starts: where to begin.
        box: the bounds.
        fixed: parameters that stay.
    """
    lower, upper = (np.where(fixed, starts, bound).ravel() for bound in (box.lower, box.upper))

    def descent(flat: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = score(flat.reshape(starts.shape))
        return -value, -np.where(np.isfinite(slope), slope, 0.0).ravel()

    bounds, options = np.stack([lower, upper], 1), {"maxiter": ITERATIONS}
    end = minimize(descent, starts.ravel(), jac=True, bounds=bounds, method="L-BFGS-B", options=options)
    return np.clip(end.x, lower, upper).reshape(starts.shape)


def padded(places: Places) -> Float[np.ndarray, "buffer param"]:
    """Places in a buffer whose length is a multiple of the number of candidates, so that few programs are compiled."""
    room = -(-len(places) // COUNT) * COUNT
    return np.concatenate([places, np.full((room - len(places), places.shape[1]), 0.5)])


def snapped(levels: Levels, places: Places) -> Places:
    """The nearest places where whole numbers are whole."""
    return np.asarray(_snapped(levels, jnp.asarray(padded(places))), float)[: len(places)]
