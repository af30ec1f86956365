"""Minima within bounds: a damped Newton method for fits, compiled, mapped, and differentiated implicitly."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PyTree

from daedalus.gradients.positive_solve import positive_solve

Loss = Callable[[Float[Array, "param"], Any], Float[Array, ""]]

STEPS = 100  # at most [1]
_DAMPING, _MORE, _LESS = 0.03, 8.0, 0.1  # the first damping, and what it grows and falls by [1]; fewest steps in toys


class Outcome(enum.IntEnum):
    """How the search for a minimum ended."""

    CONVERGED = 0
    FLAT = 1  # the loss does not rise with some free parameter, or a mixture of them: the minimum is not unique
    STEPS_EXHAUSTED = 2
    NOT_FINITE = 3  # the loss at the start is not finite

    @property
    def meaning(self) -> str:
        """What it means and what to do about it [text]."""
        return _MEANINGS[self]


_MEANINGS = {
    Outcome.CONVERGED: "the minimum was found",
    Outcome.FLAT: "the loss does not rise with some parameter or mixture of parameters; fix it or constrain it",
    Outcome.STEPS_EXHAUSTED: "no minimum was found in the allowed steps; start nearer, or tighten the bounds",
    Outcome.NOT_FINITE: "the loss at the start is not finite: data that cannot be; start elsewhere or mend the model",
}


class BoundedMinimum(eqx.Module):
    """The minimum of a loss within bounds, with its implicit derivative, and how it was found."""

    value: Float[Array, "*batch param"]
    loss: Float[Array, "*batch"]
    free: Bool[Array, "*batch param"]  # neither fixed nor held by a bound
    hessian: Float[Array, "*batch param param"]  # of the loss at the minimum; without a derivative
    distance: Float[Array, "*batch"]  # expected further decrease of the loss
    steps: Int[Array, "*batch"]
    outcome: Int[Array, "*batch"]  # an `Outcome`

    @property
    def converged(self) -> Bool[Array, "*several"]:
        """Whether the minimum was found; where not, the value is a guess and its derivative zero."""
        return self.outcome == Outcome.CONVERGED


def bounded_minimum(
    loss: Loss,
    start: Float[Array, "param"],
    theta: PyTree,
    *,
    lower: Float[Array, "param"],
    upper: Float[Array, "param"],
    fixed: Bool[Array, "param"] | None = None,
    steps: int = STEPS,
) -> BoundedMinimum:
    """The y of smallest loss(y, theta) with lower <= y <= upper, near a start, with its derivative by theta.

    Newton's method with exact Hessians, damped as by Levenberg and Marquardt where the Hessian is not positive or a
    step does not lower the loss as promised; parameters at a bound whose slope points outwards are held (Bertsekas,
    SIAM J. Control Optim. 20 (1982) 221). It ends when the next step promises less than the rounding of the loss.

    The derivative is the implicit one of the free parameters, dy = -(d2L/dy2)^-1 d2L/dy dtheta; a held parameter moves
    with its bound, a fixed one with its start: the projected derivative. **First derivatives only**; zero where the
    search did not converge. It does not exist where a parameter is about to leave its bound.

    Args:
        loss: ``loss(y, theta)``, twice differentiable; may be infinite, not NaN.
        start: where the search begins.
        theta: any tree; what is differentiated by must come through it, through the bounds or the fixed starts.
        lower: bounds from below, possibly -inf.
        upper: bounds from above, possibly inf.
        fixed: which parameters stay at their start.
        steps: at most so many [1].
    """
    fixed = jnp.zeros(start.shape, bool) if fixed is None else fixed
    still, (low, high) = jax.lax.stop_gradient(((start, theta), (lower, upper)))
    box = _Box(low, high, fixed)
    found = _search(loss, *still, box, steps)
    at, free = found.best, ~box.holds(found.best)
    sound = found.outcome == Outcome.CONVERGED
    theta = _without_derivative(theta, found.outcome == Outcome.NOT_FINITE)
    anchor = jnp.where(fixed, start, jnp.where(at.y <= low, lower, jnp.where(at.y >= high, upper, at.y)))
    matrix = _free_matrix(at.hessian, free, 0.0)
    slope = jax.grad(loss)(at.y, theta)
    moved = jnp.where(free, 0.0, anchor - at.y)  # zero, with the derivative of what holds it
    residual = jnp.where(free, slope + at.hessian @ moved, 0.0)
    step = positive_solve(matrix, jnp.where(sound, residual, 0.0)[:, None])[:, 0]
    step = jnp.where(sound, step, 0.0)
    step = step - jax.lax.stop_gradient(step)  # the search itself decides the value
    value = at.y + jnp.where(free, -step, jnp.where(sound, moved, 0.0))
    return BoundedMinimum(value, loss(value, theta), free, at.hessian, found.distance, found.steps, found.outcome)


def _without_derivative(theta: PyTree, where: Array) -> PyTree:
    """The same values, but without a derivative where that would be that of something infinite."""
    stopped = lambda leaf: jnp.where(where, jax.lax.stop_gradient(leaf), leaf) if eqx.is_inexact_array(leaf) else leaf
    return jax.tree.map(stopped, theta)


class _Place(NamedTuple):
    """Where the search is, and what was measured there."""

    y: Array
    loss: Array
    slope: Array
    hessian: Array


class _Box(NamedTuple):
    """What the parameters may not leave."""

    lower: Array
    upper: Array
    fixed: Array

    def holds(self, at: _Place) -> Array:
        """Which parameters are fixed, or at a bound with a slope that points outwards."""
        low, high = at.y <= self.lower, at.y >= self.upper
        return self.fixed | (low & (at.slope > 0)) | (high & (at.slope < 0)) | (low & high)


class _State(NamedTuple):
    best: _Place  # so far
    trial: Array  # the next place
    promised: Array  # the decrease expected there; negative or NaN where no step was found
    damping: Array
    distance: Array
    steps: Array
    outcome: Array  # negative while the search goes on


def _search(loss: Loss, start: Array, theta: PyTree, box: _Box, steps: int) -> _State:
    eps = float(jnp.finfo(start.dtype).eps)

    def measured(y: Array) -> _Place:
        def slopes(y: Array) -> tuple[Array, tuple[Array, Array]]:
            value, slope = jax.value_and_grad(loss)(y, theta)
            return slope, (value, slope)

        hessian, (value, slope) = jax.jacfwd(slopes, has_aux=True)(y)
        return _Place(y, value, slope, hessian)

    def step(state: _State) -> _State:
        new = measured(state.trial)
        finite = jnp.isfinite(new.loss) & jnp.isfinite(new.slope).all() & jnp.isfinite(new.hessian).all()
        first, gained = state.steps < 0, state.best.loss - new.loss
        rounding = 8 * eps * _size(state.best)
        tiny = ~first & (jnp.abs(state.promised) <= rounding)  # of either sign, which rounding decides
        better = finite & (first | tiny | ((state.promised >= 0) & (gained > 0.05 * state.promised)))
        light = state.damping <= 1.01 * _DAMPING
        good = tiny | (gained > 0.5 * state.promised)
        eased = jnp.where(good, jnp.where(light, 0.0, _LESS * state.damping), state.damping)
        damping = jnp.where(better, eased, jnp.maximum(_MORE * state.damping, _DAMPING))
        done = tiny & better & light
        outcome = jnp.where(done, Outcome.CONVERGED, jnp.where(state.steps + 1 >= steps, Outcome.STEPS_EXHAUSTED, -1))
        outcome = jnp.where(first & ~finite, Outcome.NOT_FINITE, outcome).astype(jnp.int32)
        distance = jnp.where(state.promised >= 0, state.promised, state.distance)
        best = jax.tree.map(lambda own, old: jnp.where(better, own, old), new, state.best)
        trial, promised = _step(best, damping, box)
        return _State(best, trial, promised, damping, distance, state.steps + 1, outcome)

    begin = jnp.where(box.fixed, start, jnp.clip(start, box.lower, box.upper))
    zero, far = jnp.zeros((), start.dtype), jnp.full((), jnp.inf, start.dtype)
    nowhere = _Place(begin, far, jnp.zeros_like(begin), jnp.zeros((begin.size, begin.size), start.dtype))
    begun, going = jnp.full((), -1, jnp.int32), jnp.full((), -1, jnp.int32)
    state = _State(nowhere, begin, -far, zero, far, begun, going)
    found = jax.lax.while_loop(lambda s: s.outcome < 0, step, state)
    flat = (found.outcome == Outcome.CONVERGED) & _flat(found.best.hessian, ~box.holds(found.best))
    return found._replace(outcome=jnp.where(flat, Outcome.FLAT, found.outcome).astype(jnp.int32))


def _size(at: _Place) -> Array:
    """What a loss is the difference of, by its value and its curvature: its rounding is a share of this."""
    return 1.0 + jnp.abs(at.loss) + 0.5 * jnp.abs(jnp.diagonal(at.hessian)) @ at.y**2


def _step(at: _Place, damping: Array, box: _Box) -> tuple[Array, Array]:
    """The next place, damped and within the bounds, and the decrease that the second order promises there."""
    free = ~box.holds(at)
    newton = positive_solve(_free_matrix(at.hessian, free, damping), jnp.where(free, -at.slope, 0.0)[:, None])[:, 0]
    move = jnp.where(free, jnp.clip(at.y + newton, box.lower, box.upper) - at.y, 0.0)
    promised = -(at.slope @ move + 0.5 * move @ at.hessian @ move)
    return jnp.where(promised >= 0, at.y + move, at.y), promised


def _free_matrix(hessian: Array, free: Array, damping: Array | float) -> Array:
    """The Hessian of the free parameters, damped by its own diagonal; one on the diagonal of the others."""
    diagonal = jnp.diagonal(hessian)
    scale = jnp.where(free, damping * jnp.maximum(jnp.abs(diagonal), 1e-12), 0.0)
    both = free[:, None] & free[None, :]
    return jnp.where(both, hessian, 0.0) + jnp.diag(jnp.where(free, scale, 1.0))


def _flat(hessian: Array, free: Array) -> Array:
    """Whether the curvature of the free parameters, scaled to a unit diagonal, vanishes in some direction."""
    diagonal = jnp.where(free, jnp.diagonal(hessian), 1.0)
    scale = jax.lax.rsqrt(jnp.where(diagonal > 0, diagonal, 1.0))
    matrix = _free_matrix(scale[:, None] * hessian * scale, free, 0.0)
    inverse = positive_solve(matrix, jnp.eye(len(free), dtype=hessian.dtype))
    largest = jnp.max(jnp.where(free, jnp.abs(jnp.diagonal(inverse)), 1.0))
    limit = 0.01 / float(jnp.finfo(hessian.dtype).eps)
    return jnp.any(diagonal <= 0) | ~(largest < limit)
