"""Quadratic steps: the way down a quadratic model inside bounds and inside a ball of trust."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

Step = Float[Array, "param"]
Product = Callable[[Step], Step]  # of the model's Hessian with a vector

PASSES = 4  # faces of the bounds that are tried; each pass starts where the last one ended
HALVINGS = 8  # of a move that bounds may have spoiled
SMALL = 1e-5  # [1]; conjugate gradients end where the residual has fallen by this factor


def quadratic_step(product: Product, slope: Step, lower: Step, upper: Step, radius: Float[Array, ""]) -> Step:
    """A step s that lowers g·s + s·Hs/2 inside bounds and inside |s| <= radius; the Hessian H may be indefinite.

    Steihaug's truncated conjugate gradients (SIAM Journal on Numerical Analysis 20 (1983) 626) on the parameters that
    no bound holds, then a projected search back along the move, and again on the face thus found (Lin and Moré, SIAM
    Journal on Optimization 9 (1999) 1100). Never worse than the projected steepest descent. Where the model is a line,
    or bends down, the step goes on to the ball's surface.

    Args:
        product: the product of H with a vector.
        slope: g.
        lower: how far each parameter may move down, not above zero.
        upper: how far it may move up, not below zero.
        radius: of the ball.
    """
    shares = 0.5 ** jnp.arange(HALVINGS, dtype=slope.dtype)
    height = lambda step: slope @ step + 0.5 * step @ product(step)

    def improve(step: Step, _: None) -> tuple[Step, None]:
        rest = slope + product(step)
        free = ~(((step <= lower) & (rest > 0)) | ((step >= upper) & (rest < 0)))
        rest = jnp.where(free, rest, 0.0)
        inner = _truncated(lambda v: jnp.where(free, product(v), 0.0), rest, step, radius)
        steepest = -_distance(step, -rest, radius) * rest
        moves = jnp.concatenate([shares[:, None] * inner, shares[:, None] * steepest, jnp.zeros((1, len(step)))])
        reached = jnp.clip(step + moves, lower, upper)
        return reached[jnp.argmin(jax.vmap(height)(reached))], None

    return jax.lax.scan(improve, jnp.zeros_like(slope), None, PASSES)[0]


def _truncated(product: Product, rest: Step, origin: Step, radius: Float[Array, ""]) -> Step:
    """Conjugate gradients from an origin in the ball, up to its surface or to the model's bottom."""
    goal = SMALL * jnp.linalg.norm(rest)
    limit = 2 * len(rest) + 2  # rounding delays the end

    def unfinished(state: tuple) -> Bool[Array, ""]:
        _, residual, _, done, count = state
        return ~done & (count < limit) & (jnp.linalg.norm(residual) > goal)

    def advance(state: tuple) -> tuple:
        move, residual, direction, _, count = state
        bent = product(direction)
        curvature, square = direction @ bent, residual @ residual
        length = square / jnp.where(curvature > 0, curvature, 1.0)
        room = _distance(origin + move, direction, radius)
        out = (curvature <= 0) | (length >= room)
        length = jnp.where(out, room, length)
        left = residual + length * bent
        turned = -left + (left @ left) / jnp.where(square > 0, square, 1.0) * direction
        return move + length * direction, left, turned, out, count + 1

    begin = (jnp.zeros_like(rest), rest, -rest, jnp.zeros((), bool), jnp.zeros((), int))
    return jax.lax.while_loop(unfinished, advance, begin)[0]


def _distance(origin: Step, direction: Step, radius: Float[Array, ""]) -> Float[Array, ""]:
    """How often a direction fits between an origin in the ball and its surface; 0 for no direction."""
    a, b = direction @ direction, origin @ direction
    c = jnp.minimum(origin @ origin - radius**2, 0.0)
    root = jnp.sqrt(b**2 - a * c)
    # the form without cancellation of the positive root of a t^2 + 2 b t + c
    ahead = jnp.where(b > 0, -c / jnp.where(b > 0, b + root, 1.0), (root - b) / jnp.where(a > 0, a, 1.0))
    return jnp.where(a > 0, ahead, 0.0)
