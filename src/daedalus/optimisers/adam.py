"""Adam: adaptive moments, with steps in each parameter's own unit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import jax.numpy as jnp
import optax
from jaxtyping import Array, Key

from daedalus.core import ONE_GOAL, Capabilities, Evaluation, Goals, Optimiser, Point, Proposal, Space
from daedalus.optimisers.augmented_lagrangian import AugmentedLagrangian
from daedalus.optimisers.clipping import Clipping
from daedalus.optimisers.descent import SOFTNESS_BY_ROUND, STEPS_BY_ROUND, Descent, DescentState
from daedalus.optimisers.schedules import Schedule

EPSILON = 1e-12  # [1]; Kingma and Ba's is 1e-8, which slows parameters whose loss changes by less per step


class Adam(Optimiser):
    """Gradient descent with adaptive moments (Kingma and Ba, ICLR 2015, algorithm 1), kept within bounds.

    A parameter's step is the largest move of a round: Adam's ratio of moments is near one while the sign of
    the derivative is certain, smaller where it changes, and cut at one. Measured constraints press by an augmented
    Lagrangian. Whole numbers and choices keep a latent place between their values, and gradients pass them straight
    through (biased): the latent place settles near the edge between two values, so take the best row, not the last.
    """

    handles: ClassVar[Capabilities] = Capabilities(gradients=True, constraints=True, noise=True)

    descent: Descent
    decay: tuple[float, float]

    def __init__(
        self,
        *,
        steps: Mapping[str, float] | None = None,
        step_share: float = 0.02,
        learned_rate: float = 1e-3,
        decay: tuple[float, float] = (0.9, 0.99),
        schedule: Schedule = STEPS_BY_ROUND,
        softness: Schedule = SOFTNESS_BY_ROUND,
        clip: Clipping | None = None,
        starts: int = 1,
        spread: float | None = None,
        lagrangian: AugmentedLagrangian | None = None,
    ) -> None:
        """Settings of the search.

        Args:
            steps: largest move per round by parameter name, "z" for all z[...] [house units].
            step_share: largest move per round of the parameters not named [share of their range].
            learned_rate: learning rate of the learned leaves [1].
            decay: decay rates beta1 and beta2 of the moments [1 / round].
            schedule: factor on all steps by round [1].
            softness: scale of the relaxations' widths by round [1].
            clip: how gradients are shortened before they enter the moments; None leaves them.
            starts: searches side by side [1]; the first begins at the given design.
            spread: standard deviation of the other starts around it [share of range]; None: anywhere.
            lagrangian: how measured constraints press.
        """
        press = lagrangian or AugmentedLagrangian()
        self.descent = Descent(
            dict(steps or {}), step_share, learned_rate, schedule, softness, clip, starts, spread, press
        )
        self.decay = decay

    def init(
        self, space: Space, start: Point, *, key: Key[Array, ""], rounds: int, goals: Goals = ONE_GOAL
    ) -> DescentState:
        """The state before the first round."""
        return self.descent.begin(space, start, self._rule(), key=key, rounds=rounds, goals=goals)

    def ask(self, state: DescentState, *, key: Key[Array, ""]) -> Proposal:
        """The points of the next round."""
        return self.descent.ask(state)

    def tell(self, state: DescentState, proposal: Proposal, evaluation: Evaluation) -> DescentState:
        """The state after the evaluations of a proposal."""
        state = self.descent.arrived(state, proposal)
        ratio, memory = self._rule().update(self.descent.slope(state, evaluation), state.memory)  # pyright: ignore
        move = Point(jnp.clip(-ratio.cube, -1.0, 1.0), optax.tree.scale(-1.0, ratio.learned))  # pyright: ignore
        return self.descent.moved(state, move, memory, evaluation)

    def _rule(self) -> optax.GradientTransformation:
        return optax.scale_by_adam(*self.decay, eps=EPSILON)
