"""The check of a stage: pure, random numbers by event, precision kept, honest about its derivative."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from daedalus.core import Derivative, Stage
from daedalus.events import Events
from daedalus.testing.report import Report, require, rounding, tree_deviation

_MACROSCOPIC = 0.1  # [1]; relative change of all parameters that must not change who is accepted
_STEPS = {"float64": (1e-4, 1e-6), "float32": (2e-2, 5e-2)}  # [1]; largest relative step of differences, tolerance
_ROUNDED = {"float64": 1e-5, "float32": 1e-2}  # [1]; derivatives below rounding over this step are compared with that
_HALVINGS = 8  # of the largest step; the differences that settle best are taken

Build = Callable[[Float[Array, "param"]], Stage]


def check_stage(
    stage: Stage,
    events: Events,
    *,
    key: Key[Array, ""],
    build: Build | None = None,
    at: Float[Array, "param"] | None = None,
) -> Report:
    """Checks that a stage keeps the promises of its seam on a given record.

    It is pure; compiled it gives what it gives eagerly; permuted or fewer events get the same rows;
    floating-point rows have the record's precision; living rows are finite; and where it declares its
    derivative exact, that agrees with finite differences and nobody's acceptance hangs on a parameter.

    Args:
        stage: the stage.
        events: a record it can work on; its number of events should differ from all other axes.
        key: key of the stage's stream.
        build: how the stage is built from numbers, for the derivative; by default its own arrays are varied.
        at: the numbers at which ``build`` gives the stage.

    Raises:
        ConformanceError: a promise is broken.
    """
    before = jax.tree.map(np.array, events)
    after = stage(events, key=key)
    _check_pure(stage, events, before, after, key)
    _check_rows(stage, events, after, key)
    _check_numbers(stage, events, after)
    lines = [f"{events.index.shape[0]} events: pure, compiled as eager, random numbers by event, precision kept"]
    flags = stage.derivative & ~Derivative.IMPLICIT
    if flags == Derivative.EXACT:
        lines.append(_check_derivative(stage, events, key=key, build=build, at=at))
    else:
        lines.append(f"derivative declared {flags.name}: not compared with finite differences here")
    return Report(f"stage {stage.name}", tuple(lines))


def _check_pure(stage: Stage, events: Events, before: Events, after: Events, key: Key[Array, ""]) -> None:
    name = stage.name
    same = tree_deviation(events, before) == 0
    require(same, f"{name} changes the record it was given", "a new record", "Use events.add(...) and so on.")
    repeated = tree_deviation(stage(events, key=key), after) == 0
    require(
        repeated,
        f"{name} gives different events when called twice",
        "a pure function of events and key",
        "Draw random numbers from the key only.",
    )
    compiled = eqx.filter_jit(lambda s, e: s(e, key=key))(stage, events)
    off = tree_deviation(compiled, after)
    require(
        off < 1e3 * rounding(),
        f"{name} compiled differs from eager by {off:.1e}",
        "the same to rounding",
        "Look for Python branches on values.",
    )
    require(
        after.index.shape == events.index.shape and bool(jnp.all(after.index == events.index)),
        f"{name} changes the events' indices",
        "the same indices",
        "Indices belong to the events.",
    )


def _check_rows(stage: Stage, events: Events, after: Events, key: Key[Array, ""]) -> None:
    count = events.index.shape[0]
    order = np.random.default_rng(0).permutation(count)
    for what, rows in (("permuted", order), ("fewer", order[: max(count // 2, 1)])):
        off = tree_deviation(stage(_taken(events, rows), key=key), _taken(after, rows))
        require(
            off < 1e3 * rounding(),
            f"{stage.name} gives {what} events other rows (off by {off:.1e})",
            "the same rows",
            "Draw with daedalus.events.normals or uniforms and events.index.",
        )


def _check_numbers(stage: Stage, events: Events, after: Events) -> None:
    count = events.index.shape[0]
    for path, leaf in jax.tree_util.tree_leaves_with_path(after):
        if jnp.issubdtype(leaf.dtype, jnp.inexact):
            where = f"{stage.name}{jax.tree_util.keystr(path)}"
            require(
                leaf.dtype == events.weight.dtype,
                f"{where} is {leaf.dtype}",
                str(events.weight.dtype),
                "Never write a precision down; derive it from the arguments.",
            )
            living = np.asarray(leaf)[..., np.asarray(after.alive)] if _rowwise(leaf, count) else np.asarray(leaf)
            require(
                np.isfinite(living).all(),
                f"{where} is not finite for a living event",
                "finite numbers",
                "Guard the formula, or do not accept the event.",
            )


def _check_derivative(
    stage: Stage,
    events: Events,
    *,
    key: Key[Array, ""],
    build: Build | None,
    at: Float[Array, "param"] | None,
) -> str:
    """Compares derivatives along random directions with central differences, by parameters and inputs."""
    parts, rest = eqx.partition(stage, _varies)
    rebuilt = (lambda numbers: eqx.combine(numbers, rest)) if build is None else build
    numbers = parts if build is None else at
    nouns, others = eqx.partition(events, _varies)
    probe = _probe(stage(events, key=key))

    def outcome(given: tuple[Any, Any]) -> Array:
        return probe(rebuilt(given[0])(eqx.combine(given[1], others), key=key))

    width, tolerance = _STEPS[str(events.weight.dtype)]
    found = []
    for what, along in (("parameters", (True, False)), ("inputs", (False, True))):
        direction = tuple(_direction(t, on) for t, on in zip((numbers, nouns), along, strict=True))
        slope = jax.jvp(outcome, ((numbers, nouns),), (direction,))[1]
        line = jax.jit(lambda step, along=direction: outcome(_moved((numbers, nouns), along, step)))
        difference = settled_difference(line, width)
        least = abs(float(line(0.0))) * rounding() / _ROUNDED[str(events.weight.dtype)]
        size = max(abs(float(slope)), abs(difference), least)
        off = abs(float(slope) - difference) / max(size, 1e-30)
        require(
            off < tolerance,
            f"{stage.name} declares an exact derivative, but by its {what} it is "
            f"{float(slope):.6g} and finite differences give {difference:.6g}",
            f"agreement to {tolerance:g}",
            "Correct the derivative, or declare it biased or none.",
        )
        found.append(f"{what} {off:.1e}")
    _check_acceptance(stage, rebuilt, numbers, events, key)
    return "derivative against finite differences, relative: " + ", ".join(found)


def settled_difference(line: Callable[..., Array], width: float) -> float:
    """The derivative at 0 of a function of one number by central differences, from the steps at which they settle.

    Steps are halved from ``width`` on; of the extrapolations (4 D(h/2) - D(h)) / 3 (Richardson 1911) the one that
    differs least from the next, rounding added, is taken: large steps suffer from curvature, small ones from rounding.
    The choice knows nothing of the derivative that is tested.

    Args:
        line: the function.
        width: the largest step [unit of its argument].
    """
    steps = width * 0.5 ** np.arange(_HALVINGS)
    central = np.array([float(line(step) - line(-step)) / (2 * step) for step in steps])
    better = (4 * central[1:] - central[:-1]) / 3
    lost = abs(float(line(0.0))) * rounding() / steps[2:]
    return float(better[1:][np.argmin(np.abs(np.diff(better)) + lost)])


def _check_acceptance(stage: Stage, rebuilt: Callable[[Any], Stage], numbers: Any, events: Events, key: Any) -> None:
    for sign in (1, -1):
        moved = jax.tree.map(lambda leaf, s=sign: leaf * (1 + s * _MACROSCOPIC), numbers)
        hangs = jnp.any(rebuilt(moved)(events, key=key).alive != stage(events, key=key).alive)
        require(
            not hangs,
            f"{stage.name} declares an exact derivative, but its parameters decide who stays alive",
            "acceptance that does not hang on a parameter",
            "Relax it and declare it biased.",
        )


def _probe(sample: Events) -> Callable[[Events], Array]:
    """A fixed random weighted sum over all floating-point rows of living events."""
    count = sample.index.shape[0]
    generator = np.random.default_rng(1)
    weights = jax.tree.map(lambda leaf: generator.normal(size=leaf.shape), sample)

    def total(events: Events) -> Array:
        result = jnp.zeros((), events.weight.dtype)
        for leaf, weight in zip(jax.tree.leaves(events), jax.tree.leaves(weights), strict=True):
            if jnp.issubdtype(leaf.dtype, jnp.inexact):
                kept = jnp.where(sample.alive, leaf, 0.0) if _rowwise(leaf, count) else leaf
                result += jnp.sum(jnp.asarray(weight, leaf.dtype) * kept)
        return result

    return total


def _direction(tree: Any, on: bool) -> Any:
    """A random direction in which every number changes in proportion to its leaf's root mean square."""
    generator = np.random.default_rng(2)

    def one(leaf: Array) -> Array:
        size = jnp.sqrt(jnp.mean(jnp.where(jnp.isfinite(leaf), leaf, 0.0) ** 2)) if leaf.size else 0.0
        return jnp.asarray(on * size * generator.normal(size=leaf.shape) * 0.1, leaf.dtype)

    return jax.tree.map(one, tree)


def _moved(tree: Any, direction: Any, step: float | Float[Array, ""]) -> Any:
    return jax.tree.map(lambda leaf, change: leaf + step * change, tree, direction)


def _varies(leaf: Any) -> bool:
    # a stage's numpy arrays are tables and data, which no design reaches
    return isinstance(leaf, jax.Array) and eqx.is_inexact_array(leaf)


def _rowwise(leaf: Array, count: int) -> bool:
    return leaf.ndim > 0 and leaf.shape[-1] == count


def _taken(events: Events, rows: np.ndarray) -> Events:
    count = events.index.shape[0]
    return jax.tree.map(lambda leaf: leaf[..., rows] if _rowwise(leaf, count) else leaf, events)
