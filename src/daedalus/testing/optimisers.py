"""The check of an optimiser: bounds, reproducibility, a state of arrays, and progress in a quadratic bowl."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, PyTree

from daedalus.core import Evaluation, Gradient, Optimiser, Point, Space, Status
from daedalus.testing.report import Report, require, tree_deviation

_REMAINING = 0.05  # [1]; share of the bowl's depth a gradient method may leave after the stated rounds


def check_optimiser(
    optimiser: Optimiser, space: Space, *, key: Key[Array, ""] | None = None, rounds: int = 100
) -> Report:
    """Checks an optimiser on a convex quadratic bowl over a space's cube, its floor partly beyond a bound.

    The first point asked for is the given one exactly; no point leaves the cube; two searches of one key
    agree; the state is a pytree of arrays whose shapes never change; the axis start is there. Within
    ``rounds`` rounds a gradient method leaves at most a twentieth of the depth, any other method improves
    on the start.

    Raises:
        ConformanceError: it does not.
    """
    name = type(optimiser).__name__
    if space.whole.any() and not optimiser.handles.whole_numbers:
        space = space.freeze(*[e.name for e in space.entries if e.kind != "continuous"])
    seed = jax.random.key(0) if key is None else key
    start = space.point(space.template)
    begin = optimiser.init(space, start, key=seed, rounds=rounds)
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
    runs = [_search(optimiser, begin, key=seed, rounds=rounds) for _ in range(2)]
    cubes, _, ends = runs[0]
    require(bool(jnp.all((cubes >= 0) & (cubes <= 1))), f"{name} leaves the cube", "0 to 1", "Project every move.")
    require(
        tree_deviation(runs[1], runs[0]) == 0,
        f"{name} gives two answers to one key",
        "one",
        "Use the key only.",
    )
    _check_shapes(name, begin, ends)
    left = _remaining(cubes)
    allowed = _REMAINING if optimiser.handles.gradients else 1 - 1e-9
    require(
        left <= allowed,
        f"{name} leaves {left:.0%} of a bowl's depth after {rounds} rounds",
        f"at most {allowed:.0%}",
        "Check signs and step sizes.",
    )
    return Report(name, (f"{cubes.shape[1]} starts, {rounds} rounds: bounds exact, reproducible, {left:.1%} left",))


def _search(optimiser: Optimiser, begin: PyTree, *, key: Key[Array, ""], rounds: int) -> tuple[Array, Array, PyTree]:
    """Points, losses and last state of a search in the bowl."""

    def one(state: PyTree, number: Array) -> tuple[PyTree, tuple[Array, Array]]:
        proposal = optimiser.ask(state, key=jax.random.fold_in(key, number))
        evaluation = _bowl_evaluation(proposal.points, optimiser.handles.gradients)
        return optimiser.tell(state, proposal, evaluation), (proposal.points.cube, evaluation.loss)

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


def _bowl_evaluation(points: Point, gradients: bool) -> Evaluation:
    loss, slopes = jax.vmap(eqx.filter_value_and_grad(_bowl))(points)
    starts, size = points.cube.shape
    gradient = Gradient(slopes, jnp.zeros((starts, size, size), points.cube.dtype)) if gradients else None
    whole = jnp.zeros(starts, jnp.int32)
    status = jnp.full(starts, int(Status.OK), jnp.int32)
    return Evaluation(
        {"bowl": loss}, {"bowl": jnp.zeros_like(loss)}, loss, status, jnp.ones_like(loss), whole, gradient
    )


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
