"""Sobol search: points that fill the cube more evenly than random ones."""

from __future__ import annotations

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


class SobolState(eqx.Module):
    """The points of the search, and how many of them were told."""

    start: Point
    cubes: Float[Array, "row param"]
    told: Int[Array, ""]


class Sobol(Optimiser):
    """A scrambled Sobol sequence, ``batch`` points per round; the very first point is the given design.

    Sobol, USSR Comput. Math. Math. Phys. 7 (1967) 86, scrambled by the search's key (Matousek, J. Complexity 14 (1998)
    527). Whole numbers and choices take each value equally often. Learned leaves stay.
    """

    handles: ClassVar[Capabilities] = Capabilities(noise=True, constraints=True, partial_batches=True)

    batch: int = 16  # points per round

    def __check_init__(self) -> None:
        if self.batch < 1:
            raise OptimiserError(f"the batch of Sobol is {self.batch}; expected at least 1 point per round.")

    def init(
        self, space: Space, start: Point, *, key: Key[Array, ""], rounds: int, goals: Goals = ONE_GOAL
    ) -> SobolState:
        """The state before the first round."""
        count = rounds * self.batch - 1
        drawn = jnp.asarray(sobol_points(space.size, count, key=key), start.cube.dtype)
        cubes = jnp.concatenate([start.cube[None], Levels.of(space).spread(drawn)])
        return SobolState(start, cubes, jnp.zeros((), jnp.int32))

    def ask(self, state: SobolState, *, key: Key[Array, ""]) -> Proposal:
        """The points of the next round."""
        cube = jax.lax.dynamic_slice_in_dim(state.cubes, state.told, self.batch)
        return Proposal(Point(cube, repeated(state.start, self.batch).learned), jnp.ones((), cube.dtype))

    def tell(self, state: SobolState, proposal: Proposal, evaluation: Evaluation) -> SobolState:
        """The state after the evaluations of a proposal."""
        return eqx.tree_at(lambda s: s.told, state, state.told + len(evaluation.loss))


def sobol_points(size: int, count: int, *, key: Key[Array, ""]) -> Float[np.ndarray, "row param"]:
    """The first points of a scrambled Sobol sequence in the cube of a size.

    Args:
        size: dimensions of the cube [1].
        count: points [1]; their discrepancy is lowest for powers of two.
        key: decides the scrambling.
    """
    from scipy.stats import qmc  # heavy, and needed here only

    seed = np.random.default_rng(np.asarray(jax.random.bits(key, (4,), jnp.uint32)))
    powers = max(count - 1, 0).bit_length()
    return qmc.Sobol(size, scramble=True, rng=seed).random_base2(powers)[:count]
