"""Trust region: what gradient methods with a quadratic model of the loss share, whatever the model."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, Key

from daedalus.core import Evaluation, Goals, Point, Proposal, Space
from daedalus.errors import OptimiserError
from daedalus.optimisers.augmented_lagrangian import AugmentedLagrangian, Multipliers
from daedalus.optimisers.descent import step_sizes
from daedalus.optimisers.region import Curvature, Move, Place, Region, stepped, tested
from daedalus.optimisers.schedules import Schedule
from daedalus.optimisers.starts import starting_points

STAGES, STAGE = 8, 8  # stages of the softness at most; rounds of each at least
LEARNED = optax.scale_by_adam(0.9, 0.99, eps=1e-12)  # the rule of the learned leaves


class RegionState(eqx.Module):
    """Where a search by a quadratic model is."""

    regions: Region  # axis start first
    steps: Float[Array, "param"]  # [share of the range]
    whole: Bool[Array, ""]  # whether some parameters are whole
    leaves: optax.OptState
    multipliers: Multipliers | None
    round: Int[Array, ""]
    rounds: Int[Array, ""]


class TrustRegion(eqx.Module):
    """The settings of a search by a quadratic model, and the parts of it that do not depend on the model.

    The model's coordinates are steps: one step of a parameter has length one, and so has the first radius.
    """

    steps: Mapping[str, float]  # first move by parameter name [house units of the parameter]
    step_share: float  # first move of the parameters not named [share of their range]
    learned_rate: float  # learning rate of the learned leaves, which Adam moves beside the model [1]
    softness: Schedule  # scale of the relaxations' widths, constant for a stage of rounds
    lagrangian: AugmentedLagrangian
    starts: int
    spread: float | None  # of the starts beyond the first [share of range]; None: anywhere

    def begin(self, space: Space, start: Point, *, key: Key[Array, ""], rounds: int, goals: Goals) -> RegionState:
        """The state before the first round.

        Raises:
            OptimiserError: a step for an unknown parameter, or a size that is not positive.
        """
        sizes = step_sizes(space, self.steps, self.step_share, self.learned_rate)
        steps = jnp.asarray(sizes, start.cube.dtype)
        points = starting_points(start, self.starts, key=key, spread=self.spread)
        zero, rows = jnp.zeros(self.starts, steps.dtype), jnp.zeros((self.starts, goals.constraints), steps.dtype)
        covariance = jnp.zeros((self.starts, space.size, space.size), steps.dtype)
        base = Place(points, zero, zero, rows, rows, jax.tree.map(jnp.zeros_like, points), covariance)
        never = jnp.zeros(self.starts, bool)
        return RegionState(
            regions=Region(base, points, zero, zero + 1.0, zero, zero + 1.0, never, never.astype(jnp.int32)),
            steps=steps,
            whole=jnp.asarray(bool(space.whole.any())),
            leaves=LEARNED.init(points.learned),  # pyright: ignore[reportArgumentType]
            multipliers=self.lagrangian.begin(self.starts, goals),
            round=jnp.zeros((), jnp.int32),
            rounds=jnp.asarray(rounds, jnp.int32),
        )

    def ask(self, state: RegionState) -> Proposal:
        """The points of the round, one per start."""
        softness, pressure = self._stage(state.round, state), self.lagrangian.pressure(state.multipliers)
        return Proposal(state.regions.asked, softness, pressure)

    def judged(
        self, state: RegionState, points: Point, evaluation: Evaluation, curvature: Curvature
    ) -> tuple[RegionState, Move]:
        """The state with the measured points as bases where they are good enough, and the moves to them.

        Raises:
            OptimiserError: the evaluation has no gradient.
        """
        there, pressure = _place(points, evaluation, state.steps), self.lagrangian.pressure(state.multipliers)
        test = partial(tested, steps=state.steps, whole=state.whole)
        regions, move = jax.vmap(test)(state.regions, there, pressure, curvature)
        expected = jnp.where(state.regions.known, state.regions.predicted, jnp.inf)
        multipliers = self.lagrangian.updated(state.multipliers, evaluation, ready=move.taken, expected=expected)
        same = self._stage(state.round, state) == self._stage(state.round + 1, state)
        if multipliers is not None and state.multipliers is not None:
            same = same & multipliers.same(state.multipliers)
        # of another loss the base's slope is another one: the next point is taken untested
        regions = eqx.tree_at(lambda r: r.known, regions, regions.known & same)
        changed = (regions, multipliers, state.round + 1)
        return eqx.tree_at(lambda s: (s.regions, s.multipliers, s.round), state, changed, is_leaf=_is_none), move

    def _stage(self, number: Int[Array, ""], state: RegionState) -> Float[Array, ""]:
        """The softness of a round; a model needs some rounds of one loss."""
        count = jnp.clip(state.rounds // STAGE, 1, STAGES)
        stage = jnp.minimum(number * count // jnp.maximum(state.rounds, 1), count - 1)
        return self.softness(stage.astype(state.steps.dtype) / jnp.maximum(count - 1, 1))

    def stepped(self, state: RegionState, curvature: Curvature) -> RegionState:
        """The state with the points to be asked for next."""
        regions = jax.vmap(partial(stepped, steps=state.steps))(state.regions, curvature)
        ratio, leaves = LEARNED.update(regions.base.slope.learned, state.leaves)  # pyright: ignore
        # what the learned leaves do is trusted no further than the model
        rate = -self.learned_rate * jnp.minimum(1.0, regions.radius)
        move = jax.tree.map(lambda leaf: _by_start(rate, leaf) * leaf, ratio)
        rise = jax.tree.map(lambda m, s: jnp.sum(m * s, range(1, m.ndim)), move, regions.base.slope.learned)
        predicted = regions.predicted - sum(jax.tree.leaves(rise), start=jnp.zeros(()))
        learned = jax.tree.map(jnp.add, regions.base.point.learned, move)
        regions = eqx.tree_at(lambda r: (r.asked.learned, r.predicted), regions, (learned, predicted))
        return eqx.tree_at(lambda s: (s.regions, s.leaves), state, (regions, leaves))


def _place(points: Point, evaluation: Evaluation, steps: Float[Array, "param"]) -> Place:
    """What was measured at some points: nothing but the infinite loss where there is none."""
    if evaluation.gradient is None:
        raise OptimiserError("the evaluations hold no gradient; evaluate with gradient=True.")
    value, covariance = evaluation.gradient.value, evaluation.gradient.covariance * jnp.outer(steps, steps)
    found = (
        jnp.nan_to_num(evaluation.loss_error),
        evaluation.excess,
        jnp.nan_to_num(evaluation.excess_errors),
        Point(value.cube * steps, value.learned),
        covariance,
    )
    sound = evaluation.sound & jnp.all(jnp.isfinite(value.cube), 1)
    kept = jax.tree.map(lambda leaf: jnp.where(_by_start(sound, leaf), leaf, jnp.zeros_like(leaf)), found)
    return Place(points, jnp.where(sound, evaluation.loss, jnp.inf), *kept)


def _by_start(numbers: Array, leaf: Array) -> Array:
    """One number per start, shaped to go with a leaf."""
    return numbers.reshape(-1, *[1] * (leaf.ndim - 1)).astype(leaf.dtype if numbers.dtype != bool else bool)


def _is_none(leaf: object) -> bool:
    return leaf is None
