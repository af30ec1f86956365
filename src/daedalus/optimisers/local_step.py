"""Local steps: the way down a smooth model inside bounds, inside a ball and within measured constraints."""

from __future__ import annotations

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Step = Float[Array, "param"]
Model = Callable[[Step], Float[Array, "output"]]  # loss first, then what must not exceed zero

MOVES = 50  # projected moves between two updates of the multipliers
UPDATES = 8  # of the multipliers, where there are constraints
SHARES = (1.0, 0.5, 0.1, 0.01)  # of a move's length, tried side by side [1]
FIRST_WEIGHT, GROWTH = 4.0, 2.0  # of the squared violations; factor at each update [1]
HALVINGS = 30  # of the interval that holds a projection's multiplier


@eqx.filter_jit
def steps_down(
    model: Model, lower: Step, upper: Step, lengths: Float[Array, "rung"]
) -> Float[Array, "rung param"]:  # fmt: skip
    """Steps that lower a model's loss, one for each length of the ball; feasible ones where the ball holds any.

    Projected gradient moves on an augmented Lagrangian (Birgin and Martínez, Practical Augmented Lagrangian Methods,
    2014, algorithm 4.1), every output in units of its own slope. Where the ball holds no feasible step, the violation
    is what is lowered.

    Args:
        model: of the outputs near an origin.
        lower: how far each parameter may move down, not above zero.
        upper: how far it may move up, not below zero.
        lengths: radii of the balls.
    """
    slopes = jnp.linalg.norm(jax.jacrev(model)(jnp.zeros_like(lower)), axis=1)
    unit = jnp.where(slopes > 0, slopes, 1.0)
    rows = len(slopes) - 1
    updates = UPDATES if rows else 1

    def one(length: Float[Array, ""]) -> Step:
        def settle(state: tuple, number: Array) -> tuple[tuple, None]:
            step, multipliers = state
            weight = FIRST_WEIGHT * GROWTH**number / length
            merit = lambda s: _lagrangian(model(s) / unit, multipliers, weight)
            step = _descended(merit, step, lower, upper, length)
            excess = model(step)[1:] / unit[1:]
            return (step, jnp.maximum(0.0, multipliers + weight * excess)), None

        begin = (jnp.zeros_like(lower), jnp.zeros(rows, lower.dtype))
        return jax.lax.scan(settle, begin, jnp.arange(updates))[0][0]

    return jax.vmap(one)(lengths)


def _lagrangian(
    outputs: Float[Array, "output"], multipliers: Float[Array, "row"], weight: Float[Array, ""]
) -> Float[Array, ""]:
    pushed = jnp.maximum(0.0, multipliers + weight * outputs[1:])
    return outputs[0] + jnp.sum(pushed**2 - multipliers**2) / (2 * weight)


def _descended(
    merit: Callable[[Step], Float[Array, ""]], step: Step, lower: Step, upper: Step, length: Float[Array, ""]
) -> Step:
    """A step of lower merit: projected moves against the gradient, of Barzilai and Borwein's length or a share of it.

    Barzilai and Borwein, IMA Journal of Numerical Analysis 8 (1988) 141, equation 5; of the shares the best is taken,
    so that the merit never rises.
    """
    slope_of = jax.grad(merit)
    longest = lambda slope: length / jnp.maximum(jnp.linalg.norm(slope), 1e-30)

    def move(state: tuple, _: None) -> tuple[tuple, None]:
        step, slope, rate = state
        rates = rate * jnp.asarray(SHARES, step.dtype)
        tried = jax.vmap(lambda r: confined(step - r * slope, lower, upper, length))(rates)
        merits = jax.vmap(merit)(tried)
        best = jnp.argmin(jnp.where(jnp.isnan(merits), jnp.inf, merits))
        better = merits[best] < merit(step)
        moved = jnp.where(better, tried[best], step)
        turned = slope_of(moved)
        along, bent = moved - step, turned - slope
        curvature = along @ bent
        newton = (along @ along) / jnp.where(curvature > 0, curvature, 1.0)
        rate = jnp.where(better, jnp.where(curvature > 0, newton, longest(turned)), SHARES[-1] * rate)
        return (moved, turned, jnp.minimum(rate, 4 * longest(turned))), None

    slope = slope_of(step)
    return jax.lax.scan(move, (step, slope, longest(slope)), None, MOVES)[0][0]


def confined(step: Step, lower: Step, upper: Step, length: Float[Array, ""]) -> Step:
    """The nearest step inside the bounds and inside the ball of a length: clip(step / (1 + m)) for some m >= 0."""
    inside = lambda share: jnp.clip(share * step, lower, upper)

    def halve(ends: tuple[Array, Array], _: None) -> tuple[tuple[Array, Array], None]:
        good, bad = ends
        middle = 0.5 * (good + bad)
        fits = jnp.linalg.norm(inside(middle)) <= length
        return (jnp.where(fits, middle, good), jnp.where(fits, bad, middle)), None

    size = jnp.linalg.norm(step)
    safe = jnp.minimum(length / jnp.where(size > 0, size, 1.0), 1.0)
    (share, _), _ = jax.lax.scan(halve, (safe, jnp.ones_like(safe)), None, HALVINGS)
    whole = inside(jnp.ones_like(safe))
    return jnp.where(jnp.linalg.norm(whole) <= length, whole, inside(share))
