"""The check of an objective: empty scenarios carry no weight, in the value and in the derivative."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from daedalus.core import Constraint, Design, Metric, Objective, Summaries
from daedalus.testing.report import Report, require, rounding


def check_objective(
    objective: Objective | Constraint | Metric, design: Design, summaries: Summaries, truths: PyTree
) -> Report:
    """Checks a figure on the summaries of at least two scenarios.

    A scenario of weight zero may hold any sums, those of another scenario or none at all, without changing
    the value; with an empty scenario the derivative by the sums stays finite (write sum / maximum(count,
    tiny)).

    Raises:
        ConformanceError: it does not.
    """
    name = objective.name
    value = _figure(objective, design, truths, summaries)
    require(value.shape == (), f"{name} has shape {value.shape}", "one number", "Average with summaries.mean.")
    require(jnp.isfinite(value), f"{name} is {value}", "a finite number", "Guard divisions and logarithms.")
    scenarios = summaries.weight.shape[0]
    if scenarios < 2:
        return Report(name, (f"{float(value):.6g} (one scenario: weights not checked)",))
    weight = summaries.weight.at[-1].set(0.0)
    require(jnp.any(weight > 0), f"{name} has only empty scenarios", "an accepted event", "Use more events.")
    swapped = _with_last(summaries, lambda leaf: leaf[0])
    blank = _with_last(summaries, lambda leaf: jnp.zeros_like(leaf[0]))
    figures = [_figure(objective, design, truths, Summaries(s.sums, weight)) for s in (summaries, swapped, blank)]
    for what, other in zip(("another scenario's sums", "nothing"), figures[1:], strict=True):
        off = abs(float(other - figures[0]))
        require(
            off <= 10 * rounding() * max(abs(float(figures[0])), 1e-30),
            f"{name} changes from {figures[0]} to {other} when a scenario of weight zero holds {what}",
            "no change",
            "Average over scenarios with summaries.mean.",
        )
    _check_slope(objective, design, truths, Summaries(blank.sums, weight))
    return Report(name, (f"{float(value):.6g}; empty scenarios carry no weight, and do not spoil the derivative",))


def _figure(objective: Any, design: Design, truths: PyTree, summaries: Summaries) -> Any:
    read = objective.read if isinstance(objective, Constraint) else objective.function
    return jnp.asarray(read(design, summaries, truths))


def _check_slope(objective: Any, design: Design, truths: PyTree, summaries: Summaries) -> None:
    numbers = {k: v for k, v in summaries.sums.items() if _floating(v)}
    others = {k: v for k, v in summaries.sums.items() if not _floating(v)}
    value = lambda sums: _figure(objective, design, truths, Summaries({**sums, **others}, summaries.weight))
    slopes = jax.grad(value)(numbers)
    spoiled = [name for name, tree in slopes.items() if not _finite(tree)]
    require(
        not spoiled or isinstance(objective, Metric),
        f"the derivative of {objective.name} by {spoiled} is not finite with an empty scenario",
        "finite derivatives",
        "Divide by jnp.maximum(count, tiny) before summaries.mean.",
    )


def _floating(tree: PyTree) -> bool:
    return all(jnp.issubdtype(jnp.asarray(leaf).dtype, jnp.inexact) for leaf in jax.tree.leaves(tree))


def _finite(tree: PyTree) -> bool:
    return all(bool(np.isfinite(leaf).all()) for leaf in jax.tree.leaves(tree))


def _with_last(summaries: Summaries, value: Any) -> Summaries:
    """Summaries whose last scenario holds ``value(leaf)``, made from the array of all scenarios."""
    place = lambda leaf: leaf.at[-1].set(value(leaf))
    return Summaries(jax.tree.map(place, summaries.sums), summaries.weight)
