"""Random search: points drawn from the cube at random; the control every cleverer method must beat."""

from __future__ import annotations

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from daedalus.core import ONE_GOAL, Capabilities, Evaluation, Goals, Optimiser, Point, Proposal, Space
from daedalus.errors import OptimiserError
from daedalus.optimisers.starts import repeated


class RandomState(eqx.Module):
    """What random search remembers: where it started and how far it is."""

    start: Point
    levels: Float[Array, "param"]  # values of a whole number or choice, 0 where continuous [1]
    round: Int[Array, ""]


class RandomSearch(Optimiser):
    """Uniform points of the cube, ``batch`` per round; the very first is the given design.

    Whole numbers and choices are drawn with equal probability for each value. Learned leaves stay.
    """

    handles: ClassVar[Capabilities] = Capabilities(noise=True, constraints=True, partial_batches=True)

    batch: int = 16  # points per round

    def __check_init__(self) -> None:
        if self.batch < 1:
            raise OptimiserError(f"the batch of RandomSearch is {self.batch}; expected at least 1 point per round.")

    def init(
        self, space: Space, start: Point, *, key: Key[Array, ""], rounds: int, goals: Goals = ONE_GOAL
    ) -> RandomState:
        """The state before the first round."""
        levels = np.where(space.whole, np.floor(space.upper - space.lower) + 1, 0)
        return RandomState(start, jnp.asarray(levels, start.cube.dtype), jnp.zeros((), jnp.int32))

    def ask(self, state: RandomState, *, key: Key[Array, ""]) -> Proposal:
        """The points of the next round."""
        start = state.start.cube
        drawn = jax.random.uniform(key, (self.batch, *start.shape), start.dtype)
        # a continuous parameter has no levels; 2 keeps the unused branch finite
        levels = jnp.where(state.levels > 0, state.levels, 2)
        cube = jnp.where(state.levels > 0, jnp.floor(drawn * levels) / jnp.maximum(levels - 1, 1), drawn)
        first = (state.round == 0) & (jnp.arange(self.batch) == 0)
        cube = jnp.where(first[:, None], start, cube)
        return Proposal(Point(cube, repeated(state.start, self.batch).learned), jnp.ones((), start.dtype))

    def tell(self, state: RandomState, proposal: Proposal, evaluation: Evaluation) -> RandomState:
        """The state after the evaluations of a proposal."""
        return RandomState(state.start, state.levels, state.round + 1)
