"""Where a derivative is lost: the first stage whose output follows a parameter while its derivative does not."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from daedalus.core import Point, Problem, stage_key
from daedalus.events import blank_events

EVENTS = 2048  # that are followed through the chain
FINER = 1 / 16  # of the step: what moves smoothly then moves by this much
TINY = 1e-12  # [1]; relative size of a derivative that counts as none


@dataclasses.dataclass(frozen=True)
class Loss:
    """Where a derivative is lost, and whether because something jumps there."""

    jumps: bool
    text: str


def lost_at(
    problem: Problem, point: Point, number: int, *, key: Key[Array, ""], softness: float | None, step: float
) -> Loss:
    """The place where the derivative by one parameter is lost.

    Args:
        problem: the task.
        point: where in the cube.
        number: of the free parameter.
        key: decides the events.
        softness: of the relaxed stages [1].
        step: how far the parameter is moved [share of range].
    """
    direction = jnp.zeros_like(point.cube).at[number].set(1.0)

    def records(share: Array) -> dict[str, Any]:
        """What each stage hands on, by its name, with the parameter moved."""
        design = problem.space.design(Point(point.cube + share * direction, point.learned))
        chain = problem.pipeline(design, key=key, softness=softness)
        events, found = blank_events(jnp.arange(EVENTS, dtype=jnp.uint32)), {}
        for stage in chain.stages:
            events = stage(events, key=stage_key(key, stage.name))
            found[stage.name] = (events.alive, events.weight, events.nouns)
        return found

    here, slope = jax.jvp(records, (jnp.zeros(()),), (jnp.ones(()),))
    far, near = jax.jit(records)(jnp.asarray(step)), jax.jit(records)(jnp.asarray(step * FINER))
    for name in here:
        leaves = zip(*(jax.tree.leaves(tree[name]) for tree in (here, slope, far, near)), strict=True)
        for now, derivative, moved, little in leaves:
            if _follows(now, moved) and not _has_slope(now, derivative, moved, step):
                return _told(name, _jumps(now, moved, little))
    return Loss(False, "lost in the sums or in the objective: every stage's output carries a derivative")


def _follows(now: Array, moved: Array) -> bool:
    return bool(np.any(np.asarray(now) != np.asarray(moved)))


def _has_slope(now: Array, derivative: Any, moved: Array, step: float) -> bool:
    """Whether the derivative accounts for a part of the move."""
    if derivative.dtype == jax.dtypes.float0 or not jnp.issubdtype(now.dtype, jnp.inexact):
        return False
    size = float(np.nanmax(np.abs(np.asarray(moved, float) - np.asarray(now, float))))
    return float(np.nanmax(np.abs(np.asarray(derivative, float)))) * step > max(TINY, 1e-3 * size)


def _jumps(now: Array, moved: Array, little: Array) -> bool:
    """Whether an output jumps: a small step moves fewer entries than a large one, where smooth ones all move."""
    if not jnp.issubdtype(now.dtype, jnp.inexact):
        return True
    touched = lambda other: int(np.sum(np.asarray(other) != np.asarray(now)))
    return touched(little) < 0.9 * touched(moved)


def _told(name: str, jumps: bool) -> Loss:
    if jumps:
        return Loss(True, f"stage {name} cuts hard: what it hands on jumps, and a jump has no derivative")
    return Loss(False, f"stage {name} drops the derivative: what it hands on moves smoothly, its derivative is zero")
