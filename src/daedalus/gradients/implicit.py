"""Implicit derivatives of a root, a minimum or a fixed point: from the equation solved, not from its search."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, PyTree

if TYPE_CHECKING:
    import optimistix as optx

Function = Callable[[Any, Any], Any]


class Solution(eqx.Module):
    """What solves an equation, with its derivative, and whether it does."""

    value: PyTree[Array]
    converged: Bool[Array, ""]  # where not, the value is a guess and its derivative zero


def implicit(
    residual: Function, solution: PyTree[Array], theta: PyTree, *, converged: Bool[Array, ""] | bool = True
) -> Solution:
    """The solution y of residual(y, theta) = 0 with the derivative dy/dtheta = -(dr/dy)^-1 dr/dtheta.

    However it was found: one Newton step at the solution, with its matrix and starting point held fixed, has the right
    value and the right derivative, forwards and backwards. **First derivatives only.** The matrix is dense, so this
    is for fits of some tens of numbers. What theta is differentiated by must come through ``theta``.
    Exact at a solution; off one by e, the derivative is off by order e. A matrix that cannot be inverted counts as not
    converged. Source: Griewank and Walther, Evaluating Derivatives (2nd ed., 2008), chapter 15.

    Args:
        residual: ``residual(y, theta)``, as many numbers as y has.
        solution: where it vanishes, found by any means.
        theta: any tree of parameters.
        converged: what the means say of themselves.
    """
    flat, unravel = ravel_pytree(jax.lax.stop_gradient(solution))
    residuals = lambda y, at: ravel_pytree(residual(unravel(y), at))[0]
    inverse = jnp.linalg.inv(jax.jacfwd(residuals)(flat, jax.lax.stop_gradient(theta)))
    sound = jnp.asarray(converged) & jnp.all(jnp.isfinite(flat)) & jnp.all(jnp.isfinite(inverse))
    inverse = jax.lax.stop_gradient(jnp.where(sound, inverse, 0))
    return Solution(unravel(flat - inverse @ residuals(flat, theta)), sound)


def root(
    residual: Function,
    start: PyTree[Array],
    theta: PyTree,
    *,
    solver: optx.AbstractRootFinder | optx.AbstractLeastSquaresSolver | None = None,
    steps: int = 256,
) -> Solution:
    """The root y of residual(y, theta) = 0 near a start, with its `implicit` derivative by theta.

    Args:
        residual: ``residual(y, theta)``, as many numbers as y has.
        start: where the search begins; any tree.
        theta: any tree of parameters.
        solver: of optimistix; Newton's method by default.
        steps: at most so many [1].
    """
    import optimistix as optx

    solver = optx.Newton(*_tolerances(start)) if solver is None else solver
    found = optx.root_find(residual, solver, start, _fixed(theta), max_steps=steps, throw=False)
    value, converged = _outcome(found, start)
    return implicit(residual, value, theta, converged=converged)


def fixed_point(
    function: Function,
    start: PyTree[Array],
    theta: PyTree,
    *,
    solver: optx.AbstractFixedPointSolver | None = None,
    steps: int = 256,
) -> Solution:
    """The fixed point y = function(y, theta) near a start, with its `implicit` derivative by theta.

    Args:
        function: ``function(y, theta)``, of y's shape.
        start: where the search begins; any tree.
        theta: any tree of parameters.
        solver: of optimistix; plain iteration by default.
        steps: at most so many [1].
    """
    import optimistix as optx

    solver = optx.FixedPointIteration(*_tolerances(start)) if solver is None else solver
    found = optx.fixed_point(function, solver, start, _fixed(theta), max_steps=steps, throw=False)
    value, converged = _outcome(found, start)
    return implicit(lambda y, at: jax.tree.map(jnp.subtract, function(y, at), y), value, theta, converged=converged)


def held_fixed_point(
    function: Function, solution: Array, theta: PyTree, *, converged: Bool[Array, ""] | bool = True
) -> Array:
    """A fixed point y = function(y, theta) of many numbers, found by any means, with its implicit derivative.

    Backwards only, and without a matrix: the cotangent c of y becomes that of theta through w (dfunction/dtheta) with
    w = c + w (dfunction/dy), solved by restarted GMRES with products from automatic differentiation. Where it has not
    converged the derivative is zero. Source: Griewank and Walther (2008), chapter 15; Saad and Schultz, SIAM J. Sci.
    Stat. Comput. 7 (1986) 856.

    Args:
        function: ``function(y, theta)``, of y's shape.
        solution: y, an array of any shape.
        theta: any tree of parameters; what is differentiated by must come through it.
        converged: what the means say of themselves.
    """
    arrays, rest = eqx.partition(theta, eqx.is_inexact_array)

    @jax.custom_vjp
    def held(arrays: PyTree, y: Array) -> Array:
        return y

    def backward(saved: tuple, cotangent: Array) -> tuple:
        arrays, y = saved
        _, by_y = jax.vjp(lambda y: function(y, eqx.combine(arrays, rest)), y)
        _, by_theta = jax.vjp(lambda a: function(y, eqx.combine(a, rest)), arrays)
        solved, _ = jax.scipy.sparse.linalg.gmres(lambda w: w - by_y(w)[0], cotangent, tol=1e-5, restart=30, maxiter=20)
        solved = jnp.where(jnp.asarray(converged), solved, 0.0)
        return by_theta(solved)[0], jnp.zeros_like(y)

    held.defvjp(lambda arrays, y: (y, (arrays, y)), backward)
    return held(arrays, jax.lax.stop_gradient(solution))


def minimum(
    loss: Function,
    start: PyTree[Array],
    theta: PyTree,
    *,
    solver: optx.AbstractMinimiser | None = None,
    steps: int = 256,
) -> Solution:
    """The y of smallest loss(y, theta) near a start, a fit, with its `implicit` derivative by theta.

    dy/dtheta = -(d2L/dy2)^-1 d2L/dy dtheta. A point whose curvature is not positive in every direction counts as not
    converged: the derivative of a flat direction does not exist.

    Args:
        loss: ``loss(y, theta)``, a number.
        start: where the search begins; any tree.
        theta: any tree of parameters.
        solver: of optimistix; BFGS by default.
        steps: at most so many [1].
    """
    import optimistix as optx

    solver = optx.BFGS(*_tolerances(start)) if solver is None else solver
    found = optx.minimise(loss, solver, start, _fixed(theta), max_steps=steps, throw=False)
    value, converged = _outcome(found, start)
    flat, unravel = ravel_pytree(value)
    curvature = jax.hessian(lambda y: loss(unravel(y), _fixed(theta)))(flat)
    return implicit(jax.grad(loss), value, theta, converged=converged & jnp.all(jnp.linalg.eigvalsh(curvature) > 0))


def _fixed(theta: PyTree) -> PyTree:
    return jax.lax.stop_gradient(theta)


def _outcome(found: optx.Solution, start: PyTree[Array]) -> tuple[PyTree[Array], Array]:
    """What a search found (its start, if that is not finite: a NaN would reach the derivative), and whether it did."""
    import optimistix as optx

    value = jax.lax.stop_gradient(found.value)
    finite = jnp.all(jnp.isfinite(ravel_pytree(value)[0]))
    value = jax.tree.map(lambda new, old: jnp.where(finite, new, old), value, start)
    return value, finite & (found.result == optx.RESULTS.successful)


def _tolerances(start: PyTree[Array]) -> tuple[float, float]:
    """Relative and absolute: the root of the rounding error, which the last Newton step squares."""
    tolerance = float(jnp.finfo(ravel_pytree(start)[0].dtype).eps) ** 0.5
    return tolerance, tolerance
