"""Descent: what all gradient optimisers share: starts, steps, bounds, schedules, clipping."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, Key

from daedalus.core import Evaluation, Goals, Gradient, Point, Proposal, Space
from daedalus.errors import OptimiserError
from daedalus.optimisers.augmented_lagrangian import AugmentedLagrangian, Multipliers
from daedalus.optimisers.clipping import Clipping
from daedalus.optimisers.schedules import Cosine, Geometric, Schedule
from daedalus.optimisers.starts import starting_points

STEPS_BY_ROUND = Cosine(1.0, 0.1)  # [1]; default: large moves first, small ones to settle
SOFTNESS_BY_ROUND = Geometric(1.0, 0.1)  # [1]; default: wide relaxations first, nearly sharp ones at the end


class DescentState(eqx.Module):
    """Where a descent is: the points it asks for next, and its memory. A pytree of arrays."""

    points: Point  # axis start first
    memory: optax.OptState  # of the update rule
    steps: Float[Array, "param"]  # step per free parameter [share of its range]
    groups: Int[Array, "param"]  # number of the field a free parameter belongs to
    round: Int[Array, ""]
    rounds: Int[Array, ""]
    multipliers: Multipliers | None  # of measured constraints

    @property
    def done(self) -> Float[Array, ""]:
        """Share of the rounds that is done: 0 in the first, 1 in the last [1]."""
        return self.round.astype(self.steps.dtype) / jnp.maximum(self.rounds - 1, 1)


class Descent(eqx.Module):
    """The settings of a descent by gradients, and the parts of it that do not depend on the update rule."""

    steps: Mapping[str, float]  # step per parameter name [house units of the parameter]
    step_share: float  # step of the parameters not named [share of their range]
    learned_rate: float  # learning rate of the learned leaves [1]
    schedule: Schedule  # factor on steps and learning rate by round
    softness: Schedule  # scale of the relaxations' widths by round
    clip: Clipping | None
    starts: int
    spread: float | None  # of the starts beyond the first [share of range]; None: anywhere
    lagrangian: AugmentedLagrangian  # how measured constraints press

    def begin(
        self,
        space: Space,
        start: Point,
        rule: optax.GradientTransformation,
        *,
        key: Key[Array, ""],
        rounds: int,
        goals: Goals,
    ) -> DescentState:
        """The state before the first round.

        Raises:
            OptimiserError: a step for an unknown parameter, or a size that is not positive.
        """
        sizes = step_sizes(space, self.steps, self.step_share, self.learned_rate)
        points = starting_points(start, self.starts, key=key, spread=self.spread)
        fields = [name.split("[")[0] for name in space.names]
        groups = np.array([fields.index(field) for field in fields], np.int32)
        return DescentState(
            points=points,
            memory=rule.init(points),  # pyright: ignore[reportArgumentType]
            steps=jnp.asarray(sizes, start.cube.dtype),
            groups=jnp.asarray(groups),
            round=jnp.zeros((), jnp.int32),
            rounds=jnp.asarray(rounds, jnp.int32),
            multipliers=self.lagrangian.begin(self.starts, goals),
        )

    def ask(self, state: DescentState) -> Proposal:
        """The points of the round, with the softness the schedule has for it and the constraints' pressure."""
        return Proposal(state.points, self.softness(state.done), self.lagrangian.pressure(state.multipliers))

    def arrived(self, state: DescentState, proposal: Proposal) -> DescentState:
        """The state at the points that were evaluated: known constraints may have moved those it asked for.

        Otherwise a descent along a constraint would drift ever further beyond it, and never come back in time.
        """
        return eqx.tree_at(lambda s: s.points, state, proposal.points)

    def slope(self, state: DescentState, evaluation: Evaluation) -> Point:
        """The gradients to descend: projected at active bounds, clipped, and per step instead of per range.

        In these coordinates every parameter's own step has length one.

        Raises:
            OptimiserError: the evaluation has no gradient.
        """
        if evaluation.gradient is None:
            raise OptimiserError("the evaluations hold no gradient; evaluate with gradient=True.")
        found = jax.tree.map(partial(_or_zero, evaluation.sound), evaluation.gradient)
        free = projected(found.value.cube, state.points.cube)
        gradient = Gradient(Point(free, found.value.learned), found.root)
        value = gradient.value if self.clip is None else jax.vmap(self.clip)(gradient)
        return Point(value.cube * state.steps, value.learned)

    def moved(self, state: DescentState, move: Point, memory: optax.OptState, evaluation: Evaluation) -> DescentState:
        """The state after a move of the cube [steps] and of the learned leaves [learning rates].

        Places beyond a bound are put back onto it, exactly. The multipliers follow the evaluation's excesses.
        """
        factor = self.schedule(state.done).astype(state.steps.dtype)
        cube = jnp.clip(state.points.cube + factor * state.steps * move.cube, 0.0, 1.0)
        learn = lambda leaf, change: leaf + (factor * self.learned_rate * change).astype(leaf.dtype)
        points = Point(cube, jax.tree.map(learn, state.points.learned, move.learned))
        multipliers = self.lagrangian.updated(state.multipliers, evaluation)
        return DescentState(points, memory, state.steps, state.groups, state.round + 1, state.rounds, multipliers)


def step_sizes(space: Space, steps: Mapping[str, float], share: float, rate: float) -> Float[np.ndarray, "param"]:
    """Steps of all parameters [share of their range].

    Args:
        space: the space that is searched.
        steps: step by parameter name [house units of the parameter].
        share: step of the parameters not named [share of their range].
        rate: learning rate of the learned leaves, checked with them [1].

    Raises:
        OptimiserError: a step for an unknown parameter, or a size that is not positive.
    """
    if not (share > 0 and rate > 0):
        raise OptimiserError(f"step_share is {share} and learned_rate {rate}; expected positive numbers.")
    sizes = np.full(space.size, share)
    for name, step in steps.items():
        match = [
            i for i, e in enumerate(space.entries) if e.name == name or e.name.startswith((name + "[", name + "."))
        ]
        if not match or not step > 0:
            raise OptimiserError(
                f"step {name!r} = {step}; expected a positive step for one of {', '.join(space.names)}."
            )
        sizes[match] = step / (space.upper[match] - space.lower[match])
    return sizes


def _or_zero(sound: Array, leaf: Array) -> Array:
    """The leaf with zeros for the starts whose evaluation has no loss: these stay where momentum takes them."""
    return jnp.where(sound.reshape(-1, *[1] * (leaf.ndim - 1)), leaf, jnp.zeros_like(leaf))


def projected(
    gradient: Float[Array, "*start param"], cube: Float[Array, "*start param"]
) -> Float[Array, "*start param"]:
    """The gradient without the components that would push a parameter out of the cube when descended."""
    outwards = ((cube <= 0.0) & (gradient > 0)) | ((cube >= 1.0) & (gradient < 0))
    return jnp.where(outwards, 0.0, gradient)
