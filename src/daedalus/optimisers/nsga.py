"""NSGA: genetic search for the front of several objectives."""

from __future__ import annotations

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from daedalus.core import ONE_GOAL, Capabilities, Evaluation, Goals, Optimiser, Point, Proposal, Space
from daedalus.errors import OptimiserError
from daedalus.optimisers.domination import crowding, fronts
from daedalus.optimisers.feasibility import violation
from daedalus.optimisers.levels import Levels
from daedalus.optimisers.niches import niched, reference_directions
from daedalus.optimisers.sobol import sobol_points
from daedalus.optimisers.starts import repeated
from daedalus.optimisers.variation import Variation

VARIANTS = ("nsga2", "nsga3")


class NSGAState(eqx.Module):
    """The population, the fittest in front, and the first points of the search."""

    start: Point
    levels: Levels
    first: Float[Array, "row param"]  # points of the first population, the start in front
    directions: Float[Array, "direction objective"]  # of NSGA-III; none of NSGA-II
    cubes: Float[Array, "member param"]
    scores: Float[Array, "member objective"]  # inf where there is none
    violation: Float[Array, "member"]  # inf where there is no score
    told: Int[Array, ""]


class NSGA(Optimiser):
    """A genetic search whose population spreads along the front of all objectives.

    NSGA-II: Deb, Pratap, Agarwal, Meyarivan, IEEE Trans. Evol. Comput. 6 (2002) 182; for more than three objectives
    NSGA-III: Deb and Jain, IEEE Trans. Evol. Comput. 18 (2014) 577. After every round the population is chosen from
    itself and the round's points; with a batch smaller than the population generations overlap. Measured constraints
    come before objectives. With one objective it is a plain genetic search.
    """

    handles: ClassVar[Capabilities] = Capabilities(constraints=True, several_objectives=True, partial_batches=True)

    variant: str
    population: int
    batch: int
    variation: Variation

    def __init__(
        self,
        *,
        variant: str = "nsga2",
        population: int = 40,
        batch: int = 10,
        crossover: float = 0.9,
        crossover_index: float = 10.0,
        mutation: float | None = None,
        mutation_index: float = 10.0,
    ) -> None:
        """Settings of the search; the defaults reach the front of ZDT1 within one per cent in 10 000 evaluations.

        Args:
            variant: "nsga2" or "nsga3".
            population: members [1].
            batch: points per round [1]; the population's number makes generations that do not overlap.
            crossover: probability that two parents cross [1].
            crossover_index: the larger, the nearer are children to their parents [1].
            mutation: probability that a parameter mutates [1]; None: one over their number.
            mutation_index: the larger, the smaller are mutations [1].

        Raises:
            OptimiserError: an unknown variant, or a number out of range.
        """
        if variant not in VARIANTS or population < 2 or batch < 1:
            raise OptimiserError(
                f"NSGA has the variant {variant!r}, a population of {population} and a batch of {batch}; expected one "
                f"of {', '.join(VARIANTS)}, at least 2 members and at least 1 point."
            )
        self.variant, self.population, self.batch = variant, population, batch
        self.variation = Variation(crossover, crossover_index, mutation, mutation_index)

    def init(
        self, space: Space, start: Point, *, key: Key[Array, ""], rounds: int, goals: Goals = ONE_GOAL
    ) -> NSGAState:
        """The state before the first round."""
        levels, dtype = Levels.of(space), start.cube.dtype
        rows = -(-self.population // self.batch) * self.batch
        others = levels.spread(jnp.asarray(sobol_points(space.size, rows - 1, key=key), dtype))
        directions = reference_directions(goals.objectives, self.population if self.variant == "nsga3" else 0)
        return NSGAState(
            start=start,
            levels=levels,
            first=jnp.concatenate([start.cube[None], others]),
            directions=jnp.asarray(directions, dtype),
            cubes=repeated(start, self.population).cube,
            scores=jnp.full((self.population, goals.objectives), jnp.inf, dtype),
            violation=jnp.full(self.population, jnp.inf, dtype),
            told=jnp.zeros((), jnp.int32),
        )

    def ask(self, state: NSGAState, *, key: Key[Array, ""]) -> Proposal:
        """The points of the next round."""
        mates, vary = jax.random.split(key)
        first = jax.lax.dynamic_slice_in_dim(state.first, state.told, self.batch)
        # members stand in the order of their fitness: the smaller number wins a tournament of two
        pairs = -(-self.batch // 2)
        parent = jnp.min(jax.random.randint(mates, (2, 2 * pairs), 0, self.population), 0)
        one, other = jnp.split(state.cubes[parent], 2)
        children = self.variation(one, other, state.levels, key=vary)[: self.batch]
        cube = jnp.where(state.told < state.first.shape[0], first, children)
        return Proposal(Point(cube, repeated(state.start, self.batch).learned), jnp.ones((), cube.dtype))

    def tell(self, state: NSGAState, proposal: Proposal, evaluation: Evaluation) -> NSGAState:
        """The state after the evaluations of a proposal."""
        new = violation(evaluation)
        scores = jnp.where(evaluation.sound[:, None], evaluation.scores, jnp.inf)
        join = lambda old, more: jnp.concatenate([old, more.astype(old.dtype)])
        cubes = join(state.cubes, proposal.points.cube)
        scores, beyond = join(state.scores, scores), join(state.violation, new)
        front = fronts(scores, beyond)
        if self.variant == "nsga3":
            best = niched(scores, front, state.directions, self.population)
        else:
            best = jnp.lexsort((-crowding(scores, front), front))[: self.population]
        kept = lambda s: (s.cubes, s.scores, s.violation, s.told)
        return eqx.tree_at(kept, state, (cubes[best], scores[best], beyond[best], state.told + len(new)))
