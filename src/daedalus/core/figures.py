"""Figures: from finished sums to the numbers people read and the numbers the machine reads."""

from __future__ import annotations

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PyTree

from daedalus.core.design import Design
from daedalus.core.evaluation import Evaluation, Gradient, Pressure, status_of
from daedalus.core.objective import Constraint, Goals, Metric, Objective
from daedalus.core.space import Space


class Readings(eqx.Module):
    """All figures of a design, and what the machine makes of them; also used for their standard errors."""

    values: dict[str, Float[Array, ""]]  # [house units]
    loss: Float[Array, ""]
    scores: Float[Array, "objective"]
    excess: Float[Array, "row"]

    def pressed(self, pressure: Pressure | None) -> Float[Array, ""]:
        """The loss with what the constraints add to it."""
        return self.loss if pressure is None else self.loss + pressure(self.excess)


@dataclasses.dataclass(frozen=True)
class Figures:
    """The objectives, constraints and metrics of a problem, in this order."""

    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...] = ()
    metrics: tuple[Metric, ...] = ()

    @property
    def measured(self) -> tuple[Constraint, ...]:
        """The constraints that cost an evaluation."""
        return tuple(c for c in self.constraints if not c.known)

    @property
    def goals(self) -> Goals:
        """How many numbers an evaluation carries for an optimiser."""
        return Goals(len(self.objectives), sum(c.sides for c in self.measured))

    def read(self, design: Design, summaries: Any, truths: PyTree, *, real: bool) -> Readings:
        """The readings of a design; metrics of the real apparatus only are NaN on a relaxed one."""
        values = {}
        for figure in (*self.objectives, *self.constraints, *self.metrics):
            if isinstance(figure, Metric) and not (real or figure.always):
                found = jnp.nan
            else:
                read = figure.read if isinstance(figure, Constraint) else figure.function
                found = read(design, summaries, truths)
            values[figure.name] = jnp.asarray(found, jnp.result_type(float))
        scores = jnp.stack([o.direction * values[o.name] / o.scale for o in self.objectives])
        rows = [c.excess(values[c.name]) for c in self.measured]
        return Readings(values, jnp.sum(scores), scores, jnp.concatenate([jnp.zeros(0), *rows]))

    def known_excess(self, design: Design) -> Float[Array, "row"]:
        """How far a design is beyond the bounds of the known constraints [scales]."""
        rows = [c.excess(c.read(design, None, None)) for c in self.constraints if c.known]
        return jnp.concatenate([jnp.zeros(0), *rows])

    def repaired(self, space: Space, cube: Float[Array, "param"]) -> Float[Array, "param"]:
        """The place in the cube after the repairs that the known constraints bring, in their order."""
        for repair in [c.repair for c in self.constraints if c.repair is not None]:
            design = space.design(cube)  # rounded; what a repair leaves keeps its place to the last bit
            cube = jnp.clip(cube + (space.cube(repair(design)) - space.cube(design)), 0.0, 1.0)
        return cube

    def evaluation(
        self,
        readings: Readings,
        errors: Readings,
        gradient: Gradient | None,
        *,
        nothing: Bool[Array, ""],
        **counts: Array,
    ) -> Evaluation:
        """The evaluation of one design from its readings, their standard errors and what was accepted.

        Args:
            readings: the figures.
            errors: their standard errors.
            gradient: of the loss, if it was asked for.
            nothing: whether no event was accepted at all.
            counts: the evaluation's fields accepted, effective and empty.
        """
        sure = jnp.nan_to_num(errors.excess)  # an unknown error is no excuse
        violated = jnp.any(readings.excess > 2 * sure)
        return Evaluation(
            values=readings.values,
            errors=errors.values,
            loss=jnp.where(nothing | ~jnp.isfinite(readings.loss), jnp.inf, readings.loss),  # blind: worth nothing
            loss_error=errors.loss,
            scores=readings.scores,
            score_errors=errors.scores,
            excess=readings.excess,
            excess_errors=errors.excess,
            status=status_of(readings.loss, gradient, nothing, violated),
            gradient=gradient,
            **counts,
        )


def jackknife(replicas: PyTree) -> PyTree:
    """Standard errors from numbers with one part left out at a time, axis of the parts first; NaN for a single part.

    Efron and Stein, Ann. Statist. 9 (1981) 586, equation 1.1.
    """
    return jax.tree.map(lambda leaf: jnp.sqrt((leaf.shape[0] - 1 or jnp.nan) * jnp.var(leaf, 0)), replicas)


def unknown(readings: Readings) -> Readings:
    """Errors nobody knows: NaN everywhere."""
    return jax.tree.map(lambda leaf: jnp.full_like(leaf, jnp.nan), readings)
