"""Infill: where a surrogate wants the next row."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from daedalus.optimisers.acquisition import Fantasies, Scalar, Shunned, outlook, score
from daedalus.optimisers.candidates import STARTS, Box, ascended, padded, snapped
from daedalus.optimisers.levels import Levels
from daedalus.optimisers.surrogate import Surrogate
from daedalus.optimisers.vicinity import Vicinity, unbeaten

EVERY = 2  # one row in so many is where the mean is lowest; the others promise most
APART = 1e-3  # closer to another row the lowest mean is not asked for [box]
SHUNNED = 0.5  # radius around ends of earlier searches [root mean square radius of the first box]
SHUNNED_COUNT = 16  # of these ends, the newest
WEIGHT = 1e-3  # smallest weight of an objective [1]
UTOPIA = 0.1  # how far below the lowest values the ideal point lies [ranges of the front]
ENDS, BEYOND = 0.25, 10.0  # share of rows that seek an end of the front, and their ideal value there [ranges]

Place = Float[np.ndarray, "param"]
Places = Float[np.ndarray, "place param"]

_outlook = jax.jit(outlook)
_score = jax.jit(score)


@jax.jit
@jax.value_and_grad
def _steepest(
    points: Float[Array, "place param"], drawn: Fantasies, shunned: Shunned, greedy: Bool[Array, ""]
) -> Float[Array, ""]:
    return jnp.sum(score(drawn, shunned, greedy, points))


@dataclasses.dataclass(frozen=True)
class Infill:
    """What decides about the next rows of a search."""

    surrogate: Surrogate
    vicinity: Vicinity
    levels: Levels
    own: Bool[np.ndarray, "row"]  # rows of the surrogate that belong to the present search
    first_side: float  # of the vicinity [share of range]
    rng: np.random.Generator

    def place(self, number: int, pending: Places, normals: Float[np.ndarray, "output sample row"]) -> Place:
        """The place of a row.

        Args:
            number: of the row.
            pending: places that will be measured before it is.
            normals: standard normal numbers, of which the rows' values are made.
        """
        scalar = scalarised(self.surrogate, self.rng)
        drawn = self.surrogate.fantasies(scalar, pending, normals)
        seeding = self.vicinity.seeding(number) or not self.own.any()
        box = Box.whole(len(self.surrogate.figures.cube[0])) if seeding else self._box(drawn)
        if number % EVERY == 0 and len(scalar.weight) == 1 and not seeding:
            lowest = self._best(drawn, box, greedy=True)
            taken = np.concatenate([self.surrogate.figures.cube, pending])
            if not box.holds(taken, lowest, APART):
                return lowest
        return self._best(drawn, box, greedy=False)

    def _box(self, drawn: Fantasies) -> Box:
        centre = incumbent(drawn, self.surrogate, self.own)
        lengths = np.asarray(drawn.processes[0].covariance.lengths)
        return Box(*self.vicinity.bounds(centre, lengths), centre)

    def _best(self, drawn: Fantasies, box: Box, *, greedy: bool) -> Place:
        """The best of many candidates and of where an ascent from the best of them ends."""
        rest = (drawn, self._shunned(), jnp.asarray(greedy))
        scored = lambda places: np.asarray(_score(*rest, jnp.asarray(padded(places))))[: len(places)]
        places = snapped(self.levels, box.candidates(self.rng))
        starts = places[np.argsort(-scored(places), kind="stable")[:STARTS]]

        def steepest(points: Places) -> tuple[float, Places]:
            value, slope = _steepest(jnp.asarray(points), *rest)
            return float(value), np.asarray(slope)

        ends = np.concatenate([ascended(steepest, starts, box, np.asarray(self.levels.whole)), starts])
        return ends[np.argmax(scored(ends))]

    def _shunned(self) -> Shunned:
        ended = np.asarray(self.vicinity.ended, float)[-SHUNNED_COUNT:]
        count, size = ended.shape
        points = np.concatenate([ended, np.zeros((SHUNNED_COUNT - count, size))])
        radius = SHUNNED * self.first_side * np.sqrt(size / 12)
        return Shunned(jnp.asarray(points), jnp.arange(SHUNNED_COUNT) < count, jnp.asarray(radius))


def incumbent(drawn: Fantasies, surrogate: Surrogate, own: Bool[np.ndarray, "row"]) -> Place:
    """The row of the present search with the lowest mean among those thought feasible, else the most feasible one."""
    cube = surrogate.figures.cube
    thought = _outlook(drawn, jnp.asarray(padded(cube)))
    mean, feasible, met = (np.asarray(leaf)[: len(cube)] for leaf in (thought.mean, thought.feasible, thought.met))
    free = own & surrogate.figures.sound & met
    if free.any():
        return cube[np.argmin(np.where(free, mean, np.inf))]
    return cube[np.argmax(np.where(own, feasible, -np.inf))]


def scalarised(surrogate: Surrogate, rng: np.random.Generator) -> Scalar:
    """One number from the objectives, with weights drawn uniformly; now and then a single one, to widen the front."""
    worth, figures = surrogate.worth(), surrogate.figures
    count = worth.shape[1]
    if count == 1 or not figures.sound.any():
        return Scalar(jnp.ones(count), jnp.zeros(count), jnp.ones(count))
    kept = unbeaten(figures)
    kept = kept if kept.any() else figures.sound
    ideal, span = worth[kept].min(0), np.ptp(worth[kept], axis=0)
    span = np.where(span > np.finfo(float).eps, span, 1.0)
    weight, low = np.maximum(rng.dirichlet(np.ones(count)), WEIGHT), np.full(count, UTOPIA)
    if rng.random() < ENDS:
        end = np.arange(count) == rng.integers(count)
        weight, low = np.where(end, 1.0, WEIGHT), np.where(end, BEYOND, UTOPIA)
    return Scalar(jnp.asarray(weight), jnp.asarray(ideal - low * span), jnp.asarray(span))
