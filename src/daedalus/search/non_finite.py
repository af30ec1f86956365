"""Where a number stops being finite: the first stage, sum or figure of an evaluation that holds none."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Key

from daedalus.core import Design, Pipeline, Problem, stage_key
from daedalus.core.problem import Softness
from daedalus.events import blank_events


def first_non_finite(
    problem: Problem,
    design: Design,
    *,
    key: Key[Array, ""],
    events: int,
    softness: Softness,
    scenarios: int | None = None,
) -> str:
    """The stage, summary or figure at which the first non-finite number of an evaluation appears.

    Args:
        problem: the task.
        design: what was evaluated.
        key: of the evaluation.
        events: particles per scenario [1].
        softness: scale of the relaxations' widths [1]; None is the real apparatus.
        scenarios: scenarios of the evaluation [1].
    """
    partition = problem.partition(events, scenarios)
    for number in range(partition.scenarios):
        chain, own = problem.scenario_pipeline(design, number, partition.scenarios, key=key, softness=softness)
        place = place_in(chain, jnp.arange(events), events, key=own)
        if place is not None:
            return place
    return " or ".join(objective.name for objective in problem.objectives)


def place_in(chain: Pipeline, index: Int[Array, "event"], events: int, *, key: Key[Array, ""]) -> str | None:
    """The first stage or summary of a pipeline whose output holds a non-finite number in a living event, or None.

    Args:
        chain: the pipeline.
        index: numbers of the events within their scenario [1].
        events: number of events of the scenario [1].
        key: the scenario's key.
    """
    record = blank_events(index.astype(jnp.uint32)).accept(index < events)
    for stage in chain.stages:
        record = stage(record, key=stage_key(key, stage.name))
        if _non_finite(record, record.alive) or _non_finite(record.weight, record.alive):
            return stage.name
    earlier: dict[str, Any] = {}
    for number in range(len(chain.passes)):
        for name, value in chain.sums(record, number, earlier).items():
            if _non_finite(value, None):
                return name
            earlier[name] = value
    return None


def _non_finite(tree: Any, alive: Array | None) -> bool:
    for leaf in jax.tree.leaves(tree):
        if jnp.issubdtype(leaf.dtype, jnp.inexact):
            bad = ~jnp.isfinite(leaf)
            if alive is not None and leaf.ndim > 0 and leaf.shape[-1] == alive.shape[0]:
                bad = bad & alive
            if bool(jnp.any(bad)):
                return True
    return False
