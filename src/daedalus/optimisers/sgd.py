"""SGD: stochastic gradient descent with momentum, its first move of a wished size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Key

from daedalus.core import ONE_GOAL, Capabilities, Evaluation, Goals, Optimiser, Point, Proposal, Space
from daedalus.optimisers.augmented_lagrangian import AugmentedLagrangian
from daedalus.optimisers.clipping import Clipping
from daedalus.optimisers.descent import SOFTNESS_BY_ROUND, STEPS_BY_ROUND, Descent, DescentState
from daedalus.optimisers.schedules import Schedule


class SGDState(eqx.Module):
    """The state of a descent, and the learning rate of every parameter."""

    descent: DescentState
    rates: Float[Array, "start param"]  # steps per (loss per step); zero until the first derivative [1]


class SGD(Optimiser):
    """Stochastic gradient descent with momentum (Polyak, USSR Comput. Math. Math. Phys. 4 (1964) 1).

    The learning rate of each field (all of z[...]) is set by its first non-zero gradient, start by start, so
    that the field's fastest element then moves by its step; afterwards the moves follow the gradient, within
    the bounds. No move is longer than ``longest`` steps. Measured constraints press by an augmented Lagrangian. Whole
    numbers and choices keep a latent place, as in `Adam`.
    """

    handles: ClassVar[Capabilities] = Capabilities(gradients=True, constraints=True, noise=True)

    descent: Descent
    momentum: float
    longest: float

    def __init__(
        self,
        *,
        steps: Mapping[str, float] | None = None,
        step_share: float = 0.02,
        learned_rate: float = 1e-2,
        momentum: float = 0.9,
        longest: float = 5.0,
        schedule: Schedule = STEPS_BY_ROUND,
        softness: Schedule = SOFTNESS_BY_ROUND,
        clip: Clipping | None = None,
        starts: int = 1,
        spread: float | None = None,
        lagrangian: AugmentedLagrangian | None = None,
    ) -> None:
        """Settings of the search.

        Args:
            steps: first move by parameter name, "z" for all z[...] [house units of the parameter].
            step_share: first move of the parameters not named [share of their range].
            learned_rate: learning rate of the learned leaves [1].
            momentum: share of the last move's velocity that is kept [1 / round].
            longest: longest move of a parameter in a round [steps].
            schedule: factor on all steps by round [1].
            softness: scale of the relaxations' widths by round [1].
            clip: how gradients are shortened; None leaves them.
            starts: searches side by side [1]; the first begins at the given design.
            spread: standard deviation of the other starts around it [share of range]; None: anywhere.
            lagrangian: how measured constraints press; by default with a constant weight.
        """
        press = lagrangian or AugmentedLagrangian(growth=1.0)  # fixed learning rates bear no growing curvature
        self.descent = Descent(
            dict(steps or {}), step_share, learned_rate, schedule, softness, clip, starts, spread, press
        )
        self.momentum = momentum
        self.longest = longest

    def init(
        self, space: Space, start: Point, *, key: Key[Array, ""], rounds: int, goals: Goals = ONE_GOAL
    ) -> SGDState:
        """The state before the first round."""
        state = self.descent.begin(space, start, self._rule(), key=key, rounds=rounds, goals=goals)
        return SGDState(state, jnp.zeros_like(state.points.cube))

    def ask(self, state: SGDState, *, key: Key[Array, ""]) -> Proposal:
        """The points of the next round."""
        return self.descent.ask(state.descent)

    def tell(self, state: SGDState, proposal: Proposal, evaluation: Evaluation) -> SGDState:
        """The state after the evaluations of a proposal."""
        here = self.descent.arrived(state.descent, proposal)
        slope = self.descent.slope(here, evaluation)
        steepest = jax.vmap(lambda row: _steepest(row, here.groups))(slope.cube)
        first = jnp.where(steepest > 0, 1 / jnp.where(steepest > 0, steepest, 1.0), 0.0)
        rates = jnp.where(state.rates > 0, state.rates, first)
        scaled = Point(rates * slope.cube, slope.learned)
        velocity, memory = self._rule().update(scaled, here.memory)  # pyright: ignore
        cube = jnp.clip(-velocity.cube, -self.longest, self.longest)  # pyright: ignore
        move = Point(cube, optax.tree.scale(-1.0, velocity.learned))  # pyright: ignore
        return SGDState(self.descent.moved(here, move, memory, evaluation), rates)

    def _rule(self) -> optax.GradientTransformation:
        return optax.trace(decay=self.momentum)


def _steepest(slope: Float[Array, "param"], groups: Array) -> Float[Array, "param"]:
    """The largest absolute slope in the group of each parameter."""
    largest = jax.ops.segment_max(jnp.abs(slope), groups, num_segments=max(slope.shape[0], 1))
    return largest[groups]
