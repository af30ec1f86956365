"""The check of an optimiser: bounds, reproducibility, a state of arrays, and progress in a quadratic bowl."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, PyTree

from daedalus.core import (
    Capabilities,
    Evaluation,
    Goals,
    Gradient,
    Optimiser,
    Point,
    Proposal,
    Space,
)
from daedalus.testing.evaluations import evaluated
from daedalus.testing.report import Report, require, tree_deviation

_REMAINING = 0.05  # [1]; share of the bowl's depth a gradient method may leave after the stated rounds


def check_optimiser(
    optimiser: Optimiser, space: Space, *, key: Key[Array, ""] | None = None, rounds: int = 100
) -> Report:
    """Checks an optimiser on a convex quadratic bowl over a space's cube, its floor partly beyond a bound.

    The first point asked for is the given one exactly; no point leaves the cube; two searches of one key
    agree; the state is a pytree of arrays, whose shapes never change where it is traceable; equally many points are
    asked for in every round. Within ``rounds`` rounds a gradient method leaves at most a twentieth of the depth, any
    other method improves on the start; also where one evaluation in five fails, and where batches are told in parts,
    if the optimiser says that it takes these.

    Raises:
        ConformanceError: it does not.
    """
    name = type(optimiser).__name__
    seed = jax.random.key(0) if key is None else key
    start = space.point(space.template)
    goals = Goals(1, int(optimiser.handles.constraints))
    begin = optimiser.init(space, start, key=seed, rounds=rounds, goals=goals)
    _check_state(name, begin)
    first = optimiser.ask(begin, key=seed).points
    require(
        first.cube.ndim == 2 and first.cube.shape[1] == space.size,
        f"{name} asks for points of shape {first.cube.shape}",
        f"(start, {space.size})",
        "Put the axis start first.",
    )
    require(
        bool(jnp.all(first.cube[0] == start.cube)),
        f"{name} begins at {first.cube[0]}",
        f"{start.cube}",
        "Ask for the given design first.",
    )
    search = lambda trouble: _search(optimiser, begin, space, trouble, key=seed, rounds=rounds)
    runs = [search(Trouble()) for _ in range(2)]
    cubes, _, ends = runs[0]
    require(bool(jnp.all((cubes >= 0) & (cubes <= 1))), f"{name} leaves the cube", "0 to 1", "Project every move.")
    require(
        tree_deviation(runs[1][:2], runs[0][:2]) == 0,
        f"{name} gives two answers to one key",
        "one",
        "Use the key only.",
    )
    if optimiser.handles.traceable:
        _check_shapes(name, begin, ends)
    else:
        _check_state(name, ends)
    allowed = _REMAINING if optimiser.handles.gradients else 1 - 1e-9
    left = _require_progress(name, cubes, allowed, rounds, "")
    _require_progress(name, search(Trouble(failures=True))[0], 1 - 1e-9, rounds, ", one evaluation in five failing,")
    if optimiser.handles.partial_batches:
        _require_progress(name, search(Trouble(parts=True))[0], 1 - 1e-9, rounds, ", told in parts,")
    return Report(name, (f"{cubes.shape[1]} starts, {rounds} rounds: bounds exact, reproducible, {left:.1%} left",))


class Trouble(NamedTuple):
    """What goes wrong in a search."""

    failures: bool = False  # one evaluation in five has no loss
    parts: bool = False  # tell is called for each point alone, last one first


def _require_progress(name: str, cubes: Array, allowed: float, rounds: int, where: str) -> float:
    left = _remaining(cubes) if bool(jnp.all(jnp.isfinite(cubes))) else np.inf
    require(
        left <= allowed,
        f"{name}{where} leaves {left:.0%} of a bowl's depth after {rounds} rounds",
        f"at most {allowed:.0%}",
        "Check signs and step sizes, and what is made of evaluations without a loss.",
    )
    return left


def _search(
    optimiser: Optimiser, begin: PyTree, space: Space, trouble: Trouble, *, key: Key[Array, ""], rounds: int
) -> tuple[Array, Array, PyTree]:
    """Points, losses and last state of a search in the bowl."""
    whole = not optimiser.handles.gradients  # as the loop does

    def one(state: PyTree, number: Array) -> tuple[PyTree, tuple[Array, Array]]:
        proposal = optimiser.ask(state, key=jax.random.fold_in(key, number))
        if whole:
            cube = jax.vmap(space.snapped)(proposal.points.cube)
            proposal = dataclasses.replace(proposal, points=Point(cube, proposal.points.learned))
        evaluation = _bowl_evaluation(proposal, number, optimiser.handles, trouble.failures)
        for part in reversed(range(len(evaluation.loss))) if trouble.parts else [slice(None)]:
            rows = part if isinstance(part, slice) else slice(part, part + 1)
            told, found = jax.tree.map(lambda leaf, r=rows: leaf[r], (proposal.points, evaluation))
            state = optimiser.tell(state, dataclasses.replace(proposal, points=told), found)
        return state, (proposal.points.cube, evaluation.loss)

    if optimiser.handles.traceable:
        state, (cubes, losses) = jax.jit(lambda s: jax.lax.scan(one, s, jnp.arange(rounds)))(begin)
        return cubes, losses, state
    state, rows = begin, []
    for number in range(rounds):
        state, row = one(state, jnp.asarray(number))
        rows.append(row)
    return jnp.stack([cube for cube, _ in rows]), jnp.stack([loss for _, loss in rows]), state


def _floor(size: int, dtype: Any) -> Float[Array, "param"]:
    """The bottom of the bowl: between 0.3 and 0.8, every third coordinate beyond the upper bound."""
    place = jnp.arange(size)
    return jnp.where(place % 3 == 2, 1.2, 0.3 + 0.5 * (place % 2)).astype(dtype)


def _bowl(point: Point) -> Float[Array, ""]:
    depth = _depth(point.cube)
    return depth + sum((jnp.sum(leaf**2) for leaf in jax.tree.leaves(point.learned)), start=jnp.zeros_like(depth))


def _depth(cube: Float[Array, "*shape"]) -> Float[Array, "*start"]:
    return jnp.sum((cube - _floor(cube.shape[-1], cube.dtype)) ** 2, -1)


def _bowl_evaluation(proposal: Proposal, number: Array, handles: Capabilities, failures: bool) -> Evaluation:
    points = proposal.points
    loss, slopes = jax.vmap(eqx.filter_value_and_grad(_bowl))(points)
    starts, size = points.cube.shape
    failed = failures & ((7 * number + jnp.arange(starts)) % 5 == 3)
    slopes = jax.tree.map(lambda leaf: jnp.where(failed.reshape(-1, *[1] * (leaf.ndim - 1)), 0.0, leaf), slopes)
    gradient = Gradient(slopes, jnp.zeros((starts, 1, size), points.cube.dtype)) if handles.gradients else None
    excess = jnp.full((starts, int(handles.constraints)), -1.0)
    return evaluated(jnp.where(failed, jnp.inf, loss), excess=excess, gradient=gradient)


def _remaining(cubes: Float[Array, "round start param"]) -> float:
    """The share of the first start's depth that the best point has not descended, hardware only [1]."""
    floor = _floor(cubes.shape[-1], cubes.dtype)
    bottom = float(_depth(jnp.clip(floor, 0.0, 1.0)))
    heights = np.asarray(_depth(cubes)) - bottom
    return max(float(np.min(heights)), 0.0) / float(heights[0, 0]) if heights[0, 0] > 0 else 0.0


def _check_state(name: str, state: PyTree) -> None:
    strange = [type(leaf).__name__ for leaf in jax.tree.leaves(state) if not eqx.is_array(leaf)]
    require(not strange, f"the state of {name} holds {strange}", "arrays only", "Keep settings in the optimiser.")


def _check_shapes(name: str, begin: PyTree, end: PyTree) -> None:
    shapes = [
        [
            (
                leaf.shape,
                np.dtype(leaf.dtype).name if not jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else "key",
            )
            for leaf in jax.tree.leaves(tree)
        ]
        for tree in (begin, end)
    ]
    require(
        shapes[0] == shapes[1],
        f"the state of {name} changes shape or precision",
        "fixed shapes",
        "Reserve what is needed in init.",
    )
