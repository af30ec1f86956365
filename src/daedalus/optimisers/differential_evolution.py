"""Differential evolution: differences between members of a population as steps."""

from __future__ import annotations

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from daedalus.core import ONE_GOAL, Capabilities, Evaluation, Goals, Optimiser, Point, Proposal, Space
from daedalus.errors import OptimiserError
from daedalus.optimisers.feasibility import best_first, better, sound_loss, violation
from daedalus.optimisers.levels import Levels
from daedalus.optimisers.sobol import sobol_points
from daedalus.optimisers.starts import repeated

SPREAD = 0.1  # of the factors and rates around their means [1]
LEARNING = 0.1  # share of a round's successes in the means of factor and rate [1]
FRESH = 0.1  # probability that a choice is drawn anew instead of being taken from a parent [1]

Members = Float[Array, "member param"]


class DifferentialEvolutionState(eqx.Module):
    """The population, members it has lost, and what the next round's steps are scaled with."""

    start: Point
    levels: Levels
    cubes: Members
    loss: Float[Array, "member"]  # inf where there is none
    violation: Float[Array, "member"]
    archive: Members  # former members
    archived: Int[Array, ""]  # how many came into the archive; the oldest are replaced
    factor: Float[Array, "member"]  # on the differences, in the next round [1]
    rate: Float[Array, "member"]  # of crossover, in the next round [1]
    means: Float[Array, "2"]  # of factor and rate [1]
    key: Key[Array, ""]  # of the factors and rates of later rounds
    round: Int[Array, ""]


class DifferentialEvolution(Optimiser):
    """Differential evolution with an archive and adaptive parameters.

    JADE: Zhang and Sanderson, IEEE Trans. Evol. Comput. 13 (2009) 945: current-to-pbest/1/bin, factors and rates
    drawn around means that follow the successful ones. The first round is the given design and an even spread over
    the cube; afterwards every member has one trial point per round. A trial replaces its member if it is at least as
    good, measured constraints first. Whole numbers end on levels, choices are taken from a parent or drawn anew.
    """

    handles: ClassVar[Capabilities] = Capabilities(constraints=True)

    population: int | None = None  # members, and points per round; None: 3 per 2 parameters, from 8 to 100
    elite: float = 0.1  # share of the population that attracts the others

    def __check_init__(self) -> None:
        if (self.population is not None and self.population < 4) or not 0 < self.elite <= 1:
            raise OptimiserError(
                f"DifferentialEvolution has a population of {self.population} and an elite of {self.elite}; expected "
                "at least 4 members and a share between 0 and 1."
            )

    def init(
        self, space: Space, start: Point, *, key: Key[Array, ""], rounds: int, goals: Goals = ONE_GOAL
    ) -> DifferentialEvolutionState:
        """The state before the first round."""
        count = min(max(8, 3 * space.size // 2), 100) if self.population is None else self.population
        spread, later = jax.random.split(key)
        levels, dtype = Levels.of(space), start.cube.dtype
        others = levels.spread(jnp.asarray(sobol_points(space.size, count - 1, key=spread), dtype))
        cubes = jnp.concatenate([start.cube[None], others])
        half = jnp.full(count, 0.5, dtype)
        return DifferentialEvolutionState(
            start=start,
            levels=levels,
            cubes=cubes,
            loss=jnp.full(count, jnp.inf, dtype),
            violation=jnp.full(count, jnp.inf, dtype),
            archive=cubes,
            archived=jnp.zeros((), jnp.int32),
            factor=half,
            rate=half,
            means=half[:2],
            key=later,
            round=jnp.zeros((), jnp.int32),
        )

    def ask(self, state: DifferentialEvolutionState, *, key: Key[Array, ""]) -> Proposal:
        """The points of the next round."""
        cube = jnp.where(state.round == 0, state.cubes, self._trials(state, key))
        return Proposal(Point(cube, repeated(state.start, len(cube)).learned), jnp.ones((), cube.dtype))

    def tell(
        self, state: DifferentialEvolutionState, proposal: Proposal, evaluation: Evaluation
    ) -> DifferentialEvolutionState:
        """The state after the evaluations of a proposal."""
        loss, beyond = sound_loss(evaluation), violation(evaluation)
        wins = better(loss, beyond, state.loss, state.violation)
        gains = wins & ((loss < state.loss) | (beyond < state.violation)) & (state.round > 0)
        pick = lambda new, old: jnp.where(wins.reshape(-1, *[1] * (new.ndim - 1)), new, old)
        place = (state.archived + jnp.cumsum(gains) - 1) % len(gains)
        archive = state.archive.at[jnp.where(gains, place, len(gains))].set(state.cubes, mode="drop")
        means = _learned(state, gains)
        key, draw = jax.random.split(state.key)
        factor, rate = _drawn(means, len(gains), draw)
        return DifferentialEvolutionState(
            start=state.start,
            levels=state.levels,
            cubes=pick(proposal.points.cube, state.cubes),
            loss=pick(loss, state.loss),
            violation=pick(beyond, state.violation),
            archive=archive,
            archived=state.archived + jnp.sum(gains, dtype=jnp.int32),
            factor=factor,
            rate=rate,
            means=means,
            key=key,
            round=state.round + 1,
        )

    def _trials(self, state: DifferentialEvolutionState, key: Key[Array, ""]) -> Members:
        """One trial point per member."""
        cubes, levels = state.cubes, state.levels
        count, size = cubes.shape
        guide, first, second, cross, always, source, fresh, value = jax.random.split(key, 8)
        leading = jnp.maximum(1, round(self.elite * count))
        best = cubes[best_first(state.loss, state.violation)[jax.random.randint(guide, (count,), 0, leading)]]
        number = jnp.arange(count)
        one = (number + jax.random.randint(first, (count,), 1, count)) % count
        pool = count + jnp.minimum(state.archived, count)
        other = jax.random.randint(second, (count,), 0, pool)
        other = jnp.where((other == number) | (other == one), (other + 1) % pool, other)
        other = jnp.where((other == number) | (other == one), (other + 1) % pool, other)
        those, these = jnp.concatenate([cubes, state.archive])[other], cubes[one]
        mutant = cubes + state.factor[:, None] * (best - cubes + these - those)
        # half-way to the bound that was crossed (Zhang and Sanderson, section III.A)
        mutant = jnp.where(mutant < 0, 0.5 * cubes, jnp.where(mutant > 1, 0.5 * (1 + cubes), mutant))
        parent = jax.random.randint(source, cubes.shape, 0, 3)
        inherited = jnp.where(parent == 0, best, jnp.where(parent == 1, these, those))
        anew = levels.spread(jax.random.uniform(value, cubes.shape, cubes.dtype))
        chosen = jnp.where(jax.random.bernoulli(fresh, FRESH, cubes.shape), anew, inherited)
        mutant = jnp.where(levels.unordered, chosen, levels.snapped(mutant))
        crossed = jax.random.bernoulli(cross, state.rate[:, None], cubes.shape)
        crossed |= jax.random.randint(always, (count, 1), 0, size) == jnp.arange(size)
        return jnp.where(crossed, mutant, cubes)


def _learned(state: DifferentialEvolutionState, gains: Array) -> Float[Array, "2"]:
    """The means of factor and rate after a round's successes: a contraharmonic and an arithmetic one."""
    total = lambda values: jnp.sum(jnp.where(gains, values, 0.0))
    some = jnp.any(gains)
    factor = total(state.factor**2) / jnp.where(some, total(state.factor), 1.0)
    rate = total(state.rate) / jnp.maximum(jnp.sum(gains), 1)
    return jnp.where(some, (1 - LEARNING) * state.means + LEARNING * jnp.stack([factor, rate]), state.means)


def _drawn(means: Float[Array, "2"], count: int, key: Key[Array, ""]) -> tuple[Array, Array]:
    """Factors, Cauchy-distributed and between 0.05 and 1, and rates, normally distributed and between 0 and 1."""
    heavy, normal = jax.random.split(key)
    factor = jnp.clip(means[0] + SPREAD * jax.random.cauchy(heavy, (count,), means.dtype), 0.05, 1.0)
    rate = jnp.clip(means[1] + SPREAD * jax.random.normal(normal, (count,), means.dtype), 0.0, 1.0)
    return factor, rate
