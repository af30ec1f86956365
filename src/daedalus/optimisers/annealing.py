"""Simulated annealing: random walks that climb less and less."""

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
from daedalus.optimisers.starts import repeated, starting_points

COLDEST = 0.01  # temperature at the end of a cycle over that at its beginning [1]
WANTED = 0.25  # share of moves that are accepted; steps grow above it and shrink below [1]
SHORTEST, LONGEST = 1e-4, 0.5  # step [share of range]
MEMORY = 0.9  # share of the old scale of differences that is kept per round [1]
_TINY = 1e-30  # temperature that lets nothing climb


class AnnealingState(eqx.Module):
    """Where the walks are, the best place of all, and what temperature and steps are scaled with."""

    start: Point
    levels: Levels
    cubes: Float[Array, "walk param"]
    loss: Float[Array, "walk"]  # inf where there is none
    error: Float[Array, "walk"]
    violation: Float[Array, "walk"]
    step: Float[Array, "walk"]  # [share of range]
    scale: Float[Array, ""]  # of the differences of loss that moves make; 0 before the first
    best: Float[Array, "param"]
    best_loss: Float[Array, ""]
    best_violation: Float[Array, ""]
    key: Key[Array, ""]  # of the acceptances
    round: Int[Array, ""]
    rounds: Int[Array, ""]


class Annealing(Optimiser):
    """Simulated annealing (Kirkpatrick, Gelatt, Vecchi, Science 220 (1983) 671), several walks side by side.

    A walk moves to a point that is worse by d with probability exp(-d / T). T falls geometrically over each of
    ``cycles`` coolings, in units of the differences that moves make, and never below the standard error of d: what is
    noise does not stop a walk. Steps have heavy tails and lengths for which one move in four is accepted. At the end
    of a cycle the worse half of the walks goes on from the best place known. Measured constraints come first: a walk
    never leaves what meets them. Whole numbers move by one at least, choices to any other value.
    """

    handles: ClassVar[Capabilities] = Capabilities(constraints=True, noise=True)

    walks: int = 4  # and points per round
    cycles: int = 2  # coolings
    temperature: float = 0.03  # at the beginning [typical difference of a move]
    step: float = 0.1  # at the beginning [share of range]
    spread: float | None = None  # of the walks' beginnings around the given design [share of range]; None: anywhere

    def __check_init__(self) -> None:
        if min(self.walks, self.cycles) < 1 or not (self.temperature > 0 and SHORTEST <= self.step <= LONGEST):
            raise OptimiserError(
                f"Annealing has {self.walks} walks, {self.cycles} cycles, temperature {self.temperature} and step "
                f"{self.step}; expected at least 1 walk and cycle, a positive temperature and a step between "
                f"{SHORTEST} and {LONGEST}."
            )

    def init(
        self, space: Space, start: Point, *, key: Key[Array, ""], rounds: int, goals: Goals = ONE_GOAL
    ) -> AnnealingState:
        """The state before the first round."""
        begin, later = jax.random.split(key)
        levels, dtype = Levels.of(space), start.cube.dtype
        cubes = starting_points(start, self.walks, key=begin, spread=self.spread).cube
        nowhere = jnp.full(self.walks, jnp.inf, dtype)
        return AnnealingState(
            start=start,
            levels=levels,
            cubes=jnp.concatenate([cubes[:1], levels.snapped(cubes[1:])]),
            loss=nowhere,
            error=jnp.zeros_like(nowhere),
            violation=nowhere,
            step=jnp.full_like(nowhere, self.step),
            scale=jnp.zeros((), dtype),
            best=start.cube,
            best_loss=nowhere[0],
            best_violation=nowhere[0],
            key=later,
            round=jnp.zeros((), jnp.int32),
            rounds=jnp.asarray(rounds, jnp.int32),
        )

    def ask(self, state: AnnealingState, *, key: Key[Array, ""]) -> Proposal:
        """The points of the next round."""
        cube = jnp.where(state.round == 0, state.cubes, _moved(state, key))
        return Proposal(Point(cube, repeated(state.start, self.walks).learned), jnp.ones((), cube.dtype))

    def tell(self, state: AnnealingState, proposal: Proposal, evaluation: Evaluation) -> AnnealingState:
        """The state after the evaluations of a proposal."""
        cubes, loss, beyond = proposal.points.cube, sound_loss(evaluation), violation(evaluation)
        error = jnp.nan_to_num(evaluation.loss_error)
        key, draw = jax.random.split(state.key)
        rise = loss - state.loss
        accepted = self._accepted(state, rise, jnp.hypot(error, state.error), beyond, draw)
        pick = lambda new, old: jnp.where(accepted.reshape(-1, *[1] * (new.ndim - 1)), new, old)
        size, known = jnp.abs(rise), jnp.isfinite(rise)
        mean = jnp.sum(jnp.where(known, size, 0.0)) / jnp.maximum(jnp.sum(known), 1)
        kept = jnp.where(state.scale > 0, MEMORY, 0.0)
        gain = jnp.where(accepted, 1 - WANTED, -WANTED) / WANTED
        step = jnp.clip(state.step * jnp.exp(0.1 * gain), SHORTEST, LONGEST)
        moved = AnnealingState(
            start=state.start,
            levels=state.levels,
            cubes=pick(cubes, state.cubes),
            loss=pick(loss, state.loss),
            error=pick(error, state.error),
            violation=pick(beyond, state.violation),
            step=jnp.where(state.round > 0, step, state.step),
            scale=jnp.where(jnp.any(known), kept * state.scale + (1 - kept) * mean, state.scale),
            best=state.best,
            best_loss=state.best_loss,
            best_violation=state.best_violation,
            key=key,
            round=state.round + 1,
            rounds=state.rounds,
        )
        return self._reheated(_with_best(moved, cubes, loss, beyond))

    def _accepted(self, state: AnnealingState, rise: Array, noise: Array, beyond: Array, key: Key[Array, ""]) -> Array:
        """Which moves are made."""
        cooling = self.temperature * COLDEST ** (_cycle(state.round, state.rounds, self.cycles) % 1.0)
        warmth = lambda climb, temperature: jnp.exp(-jnp.maximum(climb, 0.0) / jnp.maximum(temperature, _TINY))
        climb = beyond - state.violation  # NaN where both have no loss: then the walk goes anywhere
        lawful = (beyond == 0) & (state.violation == 0)
        chance = jnp.where(lawful, warmth(rise, jnp.maximum(cooling * state.scale, noise)), warmth(climb, cooling))
        strays = (beyond > 0) & (state.violation == 0)
        chance = jnp.where(strays, 0.0, jnp.where(jnp.isnan(chance), 1.0, chance))
        return jax.random.uniform(key, rise.shape, rise.dtype) < chance

    def _reheated(self, state: AnnealingState) -> AnnealingState:
        """The state, at the end of a cycle with the worse half of the walks at the best place."""
        cycle = lambda number: jnp.floor(_cycle(number, state.rounds, self.cycles))
        order = best_first(state.loss, state.violation)
        worse = jnp.zeros(self.walks, bool).at[order[-(self.walks // 2) :]].set(self.walks > 1)
        home = worse & (cycle(state.round) > cycle(state.round - 1))
        return eqx.tree_at(
            lambda s: (s.cubes, s.loss, s.violation, s.step),
            state,
            (
                jnp.where(home[:, None], state.best, state.cubes),
                jnp.where(home, state.best_loss, state.loss),
                jnp.where(home, state.best_violation, state.violation),
                jnp.where(home, self.step, state.step),
            ),
        )


def _cycle(number: Int[Array, ""], rounds: Int[Array, ""], cycles: int) -> Float[Array, ""]:
    """The coolings that are done before a round [1]."""
    return cycles * number / rounds


def _moved(state: AnnealingState, key: Key[Array, ""]) -> Float[Array, "walk param"]:
    """A move of every walk: of one parameter, or of all of them."""
    cubes, levels = state.cubes, state.levels
    count, size = cubes.shape
    length, way, single, which, level = jax.random.split(key, 5)
    stride = state.step * jnp.abs(jax.random.cauchy(length, (count,), cubes.dtype))
    direction = jax.random.normal(way, cubes.shape, cubes.dtype)
    alone = jax.random.bernoulli(single, 0.5, (count, 1))
    one = jax.random.randint(which, (count, 1), 0, size) == jnp.arange(size)
    chosen = one | ~alone
    wished = cubes + jnp.minimum(stride, 1.0)[:, None] * direction / jnp.where(alone, 1.0, size**0.5)
    folded = jnp.mod(wished, 2.0)  # reflected at the bounds
    wished = jnp.where(folded > 1, 2 - folded, folded)
    return jnp.where(chosen, levels.moved(cubes, wished, key=level), cubes)


def _with_best(state: AnnealingState, cubes: Array, loss: Array, beyond: Array) -> AnnealingState:
    """The state with the best of all points so far."""
    first = best_first(loss, beyond)[0]
    wins = better(loss[first], beyond[first], state.best_loss, state.best_violation)
    return eqx.tree_at(
        lambda s: (s.best, s.best_loss, s.best_violation),
        state,
        (
            jnp.where(wins, cubes[first], state.best),
            jnp.where(wins, loss[first], state.best_loss),
            jnp.where(wins, beyond[first], state.best_violation),
        ),
    )
