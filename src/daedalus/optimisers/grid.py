"""Grid search: every combination of a few values per parameter, in random order."""

from __future__ import annotations

import math
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from daedalus.core import ONE_GOAL, Capabilities, Evaluation, Goals, Optimiser, Point, Proposal, Space
from daedalus.errors import OptimiserError
from daedalus.optimisers.levels import Levels
from daedalus.optimisers.starts import repeated


class GridState(eqx.Module):
    """The values of every parameter, the order in which their combinations are asked for, and how many were told."""

    start: Point
    places: Float[Array, "param value"]  # rows shorter than the longest one are filled up [1]
    counts: Int[Array, "param"]  # values of every parameter [1]
    order: Int[Array, "row"]  # number of the combination in every row of the search; row 0 is the start's
    told: Int[Array, ""]


class Grid(Optimiser):
    """All combinations of ``levels`` values per parameter, both bounds among them, ``batch`` points per round.

    The given design comes first, then the grid in random order, so that an interrupted search has seen all parts of
    the space; what is left of the rounds goes through the grid again, in another order. Whole numbers with fewer
    values, and choices, take all of theirs. Grids grow as a power of the number of parameters: take them for two or
    three.
    """

    handles: ClassVar[Capabilities] = Capabilities(noise=True, constraints=True, partial_batches=True)

    levels: int | None = None  # values per parameter; None: as many as the rounds have room for
    batch: int = 16  # points per round

    def __check_init__(self) -> None:
        if self.batch < 1 or (self.levels is not None and self.levels < 2):
            raise OptimiserError(
                f"Grid has a batch of {self.batch} and {self.levels} levels; expected at least 1 point and 2 levels."
            )

    def init(
        self, space: Space, start: Point, *, key: Key[Array, ""], rounds: int, goals: Goals = ONE_GOAL
    ) -> GridState:
        """The state before the first round.

        Raises:
            OptimiserError: the rounds have no room for the grid.
        """
        levels, budget = Levels.of(space), rounds * self.batch
        counts = self._counts(levels, budget - 1)
        size = math.prod(counts)
        keys = jax.random.split(key, -(-budget // size))
        order = np.concatenate([[0], *(np.asarray(jax.random.permutation(k, size)) for k in keys)])[:budget]
        places = [_places(levels, axis, count, max(counts)) for axis, count in enumerate(counts)]
        return GridState(
            start=start,
            places=jnp.asarray(places, start.cube.dtype).reshape(space.size, -1),
            counts=jnp.asarray(counts, jnp.int32),
            order=jnp.asarray(order, jnp.int32),
            told=jnp.zeros((), jnp.int32),
        )

    def ask(self, state: GridState, *, key: Key[Array, ""]) -> Proposal:
        """The points of the next round."""
        rows = state.told + jnp.arange(self.batch)
        number = state.order[jnp.minimum(rows, state.order.shape[0] - 1)]
        radix = jnp.cumprod(state.counts) // state.counts
        digits = number[:, None] // radix % state.counts
        cube = state.places[jnp.arange(len(radix)), digits]
        cube = jnp.where((rows == 0)[:, None], state.start.cube, cube)
        return Proposal(Point(cube, repeated(state.start, self.batch).learned), jnp.ones((), cube.dtype))

    def tell(self, state: GridState, proposal: Proposal, evaluation: Evaluation) -> GridState:
        """The state after the evaluations of a proposal."""
        return eqx.tree_at(lambda s: s.told, state, state.told + len(evaluation.loss))

    def _counts(self, levels: Levels, room: int) -> list[int]:
        """The number of values of every parameter."""
        whole, unordered = np.asarray(levels.count), np.asarray(levels.unordered)
        every = np.where(whole > 0, whole, np.iinfo(np.int32).max)
        counts = lambda most: [int(c) for c in np.where(unordered, whole, np.minimum(every, most))]
        if self.levels is not None:
            found = counts(self.levels)
        else:
            found = counts(2)
            finer = 3
            while found != counts(finer) and math.prod(counts(finer)) <= room:
                found, finer = counts(finer), finer + 1
        if math.prod(found) > room:
            raise OptimiserError(
                f"a grid of {' x '.join(map(str, found))} points does not fit into {room + 1} evaluations, the start "
                "among them. Use more rounds, a larger batch or fewer levels, or another optimiser, for instance sobol."
            )
        return found


def _places(levels: Levels, axis: int, count: int, width: int) -> np.ndarray:
    """So many places of a parameter, filled up to a width."""
    share = np.linspace(0, 1, count) if count > 1 else np.full(1, 0.5)
    last = int(levels.count[axis]) - 1
    if last >= 0:
        share = float(levels.first[axis]) + np.round(share * last) * float(levels.step[axis])
    return np.pad(share, (0, width - count), mode="edge")
