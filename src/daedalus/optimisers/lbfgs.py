"""L-BFGS: a limited-memory quasi-Newton method without line searches, for losses and slopes that are noisy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from daedalus.core import ONE_GOAL, Capabilities, Evaluation, Goals, Optimiser, Point, Proposal, Space
from daedalus.errors import OptimiserError
from daedalus.optimisers.augmented_lagrangian import AugmentedLagrangian
from daedalus.optimisers.descent import SOFTNESS_BY_ROUND
from daedalus.optimisers.region import CERTAIN, Move
from daedalus.optimisers.schedules import Schedule
from daedalus.optimisers.trust_region import RegionState, TrustRegion

DAMPED = 0.2  # least curvature of a pair [share of the curvature the model had]
FADED = 0.8  # factor on the unknown curvature where a move shows none for certain


class Pairs(eqx.Module):
    """The last moves that certainly showed a curvature, newest last."""

    steps: Float[Array, "*start pair param"]
    changes: Float[Array, "*start pair param"]  # of the slope
    used: Bool[Array, "*start pair"]
    scale: Float[Array, "*start"]  # curvature along what no pair knows; zero before the first


class LowRank(eqx.Module):
    """A multiple of the unit matrix, plus the squares of some vectors, minus the squares of others."""

    scale: Float[Array, "*start"]
    plus: Float[Array, "*start pair param"]
    minus: Float[Array, "*start pair param"]

    def __call__(self, step: Float[Array, "param"]) -> Float[Array, "param"]:
        """The product with a step."""
        return self.scale * step + (self.plus @ step) @ self.plus - (self.minus @ step) @ self.minus


class LBFGSState(eqx.Module):
    """Where the search is, and what it remembers of curvatures."""

    region: RegionState
    pairs: Pairs


class LBFGS(Optimiser):
    """Limited-memory BFGS (Liu and Nocedal, Math. Program. 45 (1989) 503) with a trust region, exactly in bounds.

    One gradient per start and round. There is no line search, for it would believe losses that noise has made; the
    length of a step is ruled by a trust region, and by how much of the step is noise. A pair of step and change of
    slope enters the model where its curvature is certain by the covariance of the gradients; a step back happens where
    a loss is certainly worse. Without errors this is the deterministic method. Where the design has whole numbers or
    choices, whose gradients pass straight through (biased), steps are judged by slopes alone, and the latent place
    settles near the edge between two values: take the best row, not the last.

    Measured constraints press by an augmented Lagrangian; the step after a change of pressure is made untested.
    """

    handles: ClassVar[Capabilities] = Capabilities(gradients=True, constraints=True, noise=True)

    region: TrustRegion
    memory: int

    def __init__(
        self,
        *,
        steps: Mapping[str, float] | None = None,
        step_share: float = 0.1,
        memory: int = 10,
        learned_rate: float = 1e-3,
        softness: Schedule = SOFTNESS_BY_ROUND,
        lagrangian: AugmentedLagrangian | None = None,
        starts: int = 1,
        spread: float | None = None,
    ) -> None:
        """Settings of the search.

        Args:
            steps: length of the first move by parameter name, "z" for all z[...] [house units of the parameter].
            step_share: length of the first move of the parameters not named [share of their range].
            memory: moves that are remembered [1].
            learned_rate: learning rate of the learned leaves, which Adam moves [1].
            softness: scale of the relaxations' widths [1], constant for a stage of rounds.
            lagrangian: how measured constraints press.
            starts: searches side by side [1]; the first begins at the given design.
            spread: standard deviation of the other starts around it [share of range]; None: anywhere.

        Raises:
            OptimiserError: no memory.
        """
        if memory < 1:
            raise OptimiserError(f"the memory of LBFGS is {memory}; expected at least 1 move.")
        press = lagrangian or AugmentedLagrangian()
        self.region = TrustRegion(dict(steps or {}), step_share, learned_rate, softness, press, starts, spread)
        self.memory = memory

    def init(
        self, space: Space, start: Point, *, key: Key[Array, ""], rounds: int, goals: Goals = ONE_GOAL
    ) -> LBFGSState:
        """The state before the first round."""
        state = self.region.begin(space, start, key=key, rounds=rounds, goals=goals)
        starts, size = state.regions.asked.cube.shape
        nothing = jnp.zeros((starts, self.memory, size), state.steps.dtype)
        unused = jnp.zeros((starts, self.memory), bool)
        return LBFGSState(state, Pairs(nothing, nothing, unused, jnp.zeros(starts, nothing.dtype)))

    def ask(self, state: LBFGSState, *, key: Key[Array, ""]) -> Proposal:
        """The points of the next round."""
        return self.region.ask(state.region)

    def tell(self, state: LBFGSState, proposal: Proposal, evaluation: Evaluation) -> LBFGSState:
        """The state after the evaluations of a proposal."""
        believed = jax.vmap(hessian)(state.pairs)
        region, move = self.region.judged(state.region, proposal.points, evaluation, believed)
        pairs = jax.vmap(extended)(state.pairs, move)
        return LBFGSState(self.region.stepped(region, jax.vmap(hessian)(pairs)), pairs)


def extended(pairs: Pairs, move: Move) -> Pairs:
    """One start's pairs with a move, if its curvature is certain.

    The curvature is the covariance's best guess: without what the choice of the step adds to it, and with the change
    across the step shortened by its noise (James and Stein 1961).
    """
    square = move.step @ move.step
    per = 1 / jnp.where(square > 0, square, 1.0)
    seen, error = move.step @ move.change - move.luck, jnp.sqrt(move.step @ move.covariance @ move.step)
    moved = move.known & (square > 0)
    certain = moved & (jnp.abs(seen) > CERTAIN * error)
    upwards = certain & (seen > 0)
    taken = certain & (upwards | (pairs.scale > 0))  # a negative one only flattens a model that is there
    across = move.change - (move.step @ move.change) * per * move.step
    noise, length = jnp.trace(move.covariance) - error**2 * per, across @ across
    signal = jnp.clip(1 - noise / jnp.where(length > 0, length, 1.0), 0.0, 1.0)
    change = seen * per * move.step + signal * across
    scale = jnp.where(upwards, change @ change / jnp.where(upwards, seen, 1.0), pairs.scale)
    # a curvature too large makes steps so short that nothing ever shows: it has to fade
    scale = jnp.where(moved & ~certain, FADED * scale, scale)
    longer = lambda rows, row: jnp.where(taken, jnp.concatenate([rows[1:], row[None]]), rows)
    steps, changes = longer(pairs.steps, move.step), longer(pairs.changes, change)
    return Pairs(steps, changes, longer(pairs.used, jnp.ones((), bool)), scale)


def hessian(pairs: Pairs) -> LowRank:
    """The BFGS matrix of one start's pairs, each damped so that it stays positive.

    The recursion is written out as a sum of squares; damping: Powell (1978), in Nocedal and Wright, Numerical
    Optimization (2006), procedure 18.2.
    """

    def add(found: LowRank, number: Array) -> tuple[LowRank, None]:
        step, change = pairs.steps[number], pairs.changes[number]
        bent = found(step)
        had, seen = step @ bent, step @ change
        used = pairs.used[number] & (had > 0)
        weak = seen < DAMPED * had
        mix = jnp.where(weak, (1 - DAMPED) * had / jnp.where(weak, had - seen, 1.0), 1.0)
        change = mix * change + (1 - mix) * bent
        scaled = lambda vector, square: jnp.where(used, vector / jnp.sqrt(jnp.where(used, square, 1.0)), 0.0)
        plus = found.plus.at[number].set(scaled(change, step @ change))
        return LowRank(found.scale, plus, found.minus.at[number].set(scaled(bent, had))), None

    nothing = jnp.zeros_like(pairs.steps)
    return jax.lax.scan(add, LowRank(pairs.scale, nothing, nothing), jnp.arange(len(pairs.used)))[0]
