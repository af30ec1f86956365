"""Augmented Lagrangian: measured constraints for methods that descend one loss."""

from __future__ import annotations

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PyTree

from daedalus.core import Evaluation, Goals, Optimiser, Pressure
from daedalus.errors import OptimiserError

REDUCED = 0.5  # share of the last violation below which the weight of a settled search need not grow [1]
SETTLED = 0.1  # expected decrease below which multipliers need not wait [share of what their change is worth]


class Multipliers(eqx.Module):
    """How hard each start is pressed by each row of the constraints."""

    values: Float[Array, "start row"]  # multipliers of ``excess <= 0`` [loss per scale]
    weight: Float[Array, "start"]  # of the squared excesses [loss per squared scale]
    violation: Float[Array, "start"]  # largest change of a multiplier at the last update, over the weight [scales]
    waited: Int[Array, "start"]  # evaluations since then

    def same(self, other: Multipliers) -> Bool[Array, "start"]:
        """For which starts two states press alike."""
        return jnp.all(self.values == other.values, 1) & (self.weight == other.weight)


class AugmentedLagrangian(eqx.Module):
    """The rule by which multipliers and weight follow the measured excesses.

    When a search has settled, or every few evaluations, m becomes max(0, m + w (g + margin)) for each excess g
    (Hestenes, J. Optim. Theory Appl. 4 (1969) 303; Rockafellar 1973), and the weight w grows where the violation has
    not halved since the last time (Birgin and Martínez, Practical Augmented Lagrangian Methods, 2014, algorithm 4.1).
    Standard errors keep noise out: a multiplier rests while its excess is within one of them, and the weight grows only
    for violations of more than two.

    The search aims a little inside each bound, because one that converges onto a bound comes from outside, and its last
    designs would all be infeasible by a trifle. The margin is the violation of the last time, which vanishes.
    """

    weight: float = 1.0  # at first [loss per squared scale]
    growth: float = 3.0  # factor on the weight [1]
    limit: float = 1e4  # largest weight [loss per squared scale]
    margin: float = 0.01  # largest one [scales]
    every: int = 10  # evaluations after which multipliers change, settled or not
    first: float | tuple[float, ...] = 0.0  # multipliers at first, one for all rows or one each [loss per scale]

    def __check_init__(self) -> None:
        if not (0 < self.weight <= self.limit and self.growth >= 1 and self.margin >= 0 and self.every >= 1):
            raise OptimiserError(
                f"an augmented Lagrangian of weight {self.weight}, limit {self.limit}, growth {self.growth}, margin "
                f"{self.margin} and every {self.every} evaluations; expected 0 < weight <= limit, growth >= 1, "
                "margin >= 0, every >= 1."
            )
        if min(self.first if isinstance(self.first, tuple) else (self.first,), default=0.0) < 0:
            raise OptimiserError(f"multipliers of {self.first} at first; expected none below zero.")

    def begin(self, starts: int, goals: Goals) -> Multipliers | None:
        """No multipliers yet; None where there are no measured constraints."""
        if not goals.constraints:
            return None
        zero, first = jnp.zeros(starts), jnp.asarray(self.first, float)
        values = jnp.broadcast_to(first, (starts, goals.constraints))
        return Multipliers(values, zero + self.weight, zero + jnp.inf, jnp.zeros(starts, jnp.int32))

    def pressure(self, state: Multipliers | None) -> Pressure | None:
        """What is added to the loss that is differentiated; the margin is in its multipliers."""
        if state is None:
            return None
        return Pressure(state.values + (self._margin(state) * state.weight)[:, None], state.weight)

    def updated(
        self,
        state: Multipliers | None,
        evaluation: Evaluation,
        *,
        ready: Bool[Array, "start"] | bool = True,
        expected: Float[Array, "start"] | float = float("inf"),
    ) -> Multipliers | None:
        """The multipliers after an evaluation.

        Args:
            state: the multipliers before.
            evaluation: of the points that were asked for under their pressure.
            ready: starts that have accepted their points; the others keep their multipliers.
            expected: decrease a start has last expected of a step [loss].
        """
        if state is None:
            return None
        sound = evaluation.sound & jnp.all(jnp.isfinite(evaluation.excess), 1)
        excess = jnp.where(sound[:, None], evaluation.excess, 0.0)
        error = jnp.nan_to_num(evaluation.excess_errors)
        weight, inside = state.weight[:, None], excess + self._margin(state)[:, None]
        values = jnp.maximum(0.0, state.values + weight * jnp.where(jnp.abs(inside) > error, inside, 0.0))
        change = jnp.abs(values - state.values)
        violation = jnp.max(change, 1) / state.weight
        waited = state.waited + sound.astype(jnp.int32)
        settled = expected < SETTLED * jnp.sum(change**2, 1) / (2 * state.weight)
        due = sound & ready & (settled | (waited >= self.every))
        # on the way there a violation must not rise, settled it has to fall
        hoped = jnp.where(settled, REDUCED, 1.0) * state.violation
        stubborn = jnp.any(excess > 2 * error, 1) & (violation > hoped)
        heavier = jnp.where(stubborn, jnp.minimum(self.growth * state.weight, self.limit), state.weight)
        return Multipliers(
            jnp.where(due[:, None], values, state.values),
            jnp.where(due, heavier, state.weight),
            jnp.where(due, violation, state.violation),
            jnp.where(due, 0, waited),
        )

    def _margin(self, state: Multipliers) -> Float[Array, "start"]:
        return jnp.minimum(self.margin, state.violation)


def pressed_on(optimiser: Optimiser, state: PyTree, start: int = 0) -> Optimiser:
    """The optimiser, pressing at first as hard as one start of another search did at last; itself where none did.

    Args:
        optimiser: a method.
        state: that of a search for a task with the same rows of constraints.
        start: its number in that search.
    """
    known = lambda leaf: isinstance(leaf, Multipliers)
    found = [leaf for leaf in jax.tree.leaves(state, is_leaf=known) if known(leaf)]
    if not found:
        return optimiser
    first = tuple(found[0].values[start].tolist())
    press = lambda leaf: dataclasses.replace(leaf, first=first) if isinstance(leaf, AugmentedLagrangian) else leaf
    return jax.tree.map(press, optimiser, is_leaf=lambda leaf: isinstance(leaf, AugmentedLagrangian))
