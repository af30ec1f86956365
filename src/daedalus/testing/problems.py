"""The check of a problem: it evaluates, repeats, maps, differentiates, however its events are cut."""

from __future__ import annotations

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Key

from daedalus.core import Derivative, Evaluation, Partition, Point, Problem, Status
from daedalus.testing.report import Report, deviation, require, rounding, tree_deviation


def check_problem(
    problem: Problem, *, key: Key[Array, ""] | None = None, events: int = 60, scenarios: int | None = None
) -> Report:
    """Checks a problem at its start with a few events.

    Figures and errors are finite; an evaluation repeats; the loss is the objectives' weighted sum; designs
    can be mapped over; and, where every stage has a derivative, the gradient is finite and the same
    whether events come in one block or in several.

    Raises:
        ConformanceError: it is not so.
        ProblemError: no event is accepted in any scenario.
    """
    seed = jax.random.key(0) if key is None else key
    found = problem.evaluate(problem.start, key=seed, events=events, scenarios=scenarios)
    _check_figures(problem, found)
    again = problem.evaluate(problem.start, key=seed, events=events, scenarios=scenarios)
    require(
        tree_deviation(again, found) == 0,
        "two evaluations of one key differ",
        "the same",
        "Use the key only.",
    )
    lines = [f"loss {float(found.loss):.6g}, {int(found.empty)} empty scenarios, figures finite, repeats"]
    if not problem.traceable:
        return Report(problem.name, (*lines, "not traceable: maps and gradients not checked"))
    flags = problem.pipeline(problem.start, key=seed, softness=1.0).derivative
    smooth = Derivative.NONE not in flags
    partition = problem.partition(events, scenarios, block=10 * events)
    lines.append(_check_cuts(problem, partition, seed, gradient=smooth))
    lines.append(f"derivative: {flags.name or 'EXACT'}" + ("" if smooth else "; gradients not checked"))
    return Report(problem.name, tuple(lines))


def _check_figures(problem: Problem, found: Evaluation) -> None:
    require(
        int(found.status) in (Status.OK, Status.INFEASIBLE),
        f"the start's status is {Status(int(found.status)).name}",
        "ok",
        "daedalus.search.first_non_finite names the stage; more events may be what is missing.",
    )
    for figure in problem.figures:
        value, error = float(found.values[figure.name]), float(found.errors[figure.name])
        require(np.isfinite(value), f"{figure.name} is {value}", "a finite number", "Guard the formula.")
        require(
            np.isfinite(error) and error >= 0,
            f"the error of {figure.name} is {error}",
            "a finite number",
            "Let figures be functions of the sums that stand leaving out a part.",
        )
    loss = sum(o.direction * float(found.values[o.name]) / o.scale for o in problem.objectives)
    require(
        abs(float(found.loss) - loss) <= 10 * rounding() * max(abs(loss), 1e-30),
        f"the loss is {found.loss}",
        f"{loss}, the sum of direction * value / scale",
        "Check the objectives' scales.",
    )


def _check_cuts(problem: Problem, partition: Partition, key: Key[Array, ""], *, gradient: bool) -> str:
    """Compares one block with several, and a mapped evaluation with a single one."""
    start = problem.space.point(problem.start)
    inside = Point(0.9 * start.cube + 0.05, start.learned)
    several = dataclasses.replace(partition, block=max(partition.per_group // 3, 1))

    def measure(cut: Partition, point: Point) -> Evaluation:
        return problem.measure(point, key=key, partition=cut, softness=1.0, gradient=gradient)

    both = jax.tree.map(lambda a, b: jnp.stack([a, b]), start, inside)
    mapped = eqx.filter_jit(lambda points: jax.vmap(lambda p: measure(partition, p))(points))(both)
    single = eqx.filter_jit(lambda point: measure(several, point))(start)
    first = jax.tree.map(lambda leaf: leaf[0], mapped)
    off = deviation(single.loss, first.loss)
    require(
        off < 100 * rounding(),
        f"the loss in blocks differs by {off:.1e}",
        "the same sums",
        "Let passes be sums.",
    )
    if gradient:
        assert single.gradient is not None
        assert first.gradient is not None
        one, other = (ravel_pytree(each.value)[0] for each in (single.gradient, first.gradient))
        require(
            np.isfinite(np.asarray(one)).all(),
            "the gradient is not finite",
            "finite numbers",
            "daedalus.search.first_non_finite names the stage.",
        )
        off = max(off, deviation(one, other))
        require(
            off < 1e3 * rounding(),
            f"the gradient in blocks differs by {off:.1e}",
            "the same",
            "Check the passes.",
        )
    return f"one block or {several.blocks} per part, mapped or single: the same to {off:.1e}"
