"""Small symmetric systems, solved inside compiled programs."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

_ROUNDINGS = 8.0  # of the unit diagonal [1]


def positive_solve(matrix: Float[Array, "row row"], right: Float[Array, "row column"]) -> Float[Array, "row column"]:
    """X with K X = B for a symmetric positive definite matrix K of some ten rows; not finite where it is not.

    Gauss and Jordan's elimination, which needs no pivoting here (Higham, Accuracy and Stability of Numerical
    Algorithms, 2nd ed. 2002, section 10.1); the derivative is that of the solution, not of the elimination. In place
    of LAPACK's Cholesky factor, because two of those on batches of matrices wait for each other for ever where XLA has
    two threads (jaxlib 0.10), and because on a GPU a batch of small factorisations is slow.

    Args:
        matrix: K [any unit].
        right: B [any unit].
    """
    return jax.lax.custom_linear_solve(lambda x: matrix @ x, right, lambda _, b: _eliminated(matrix, b), symmetric=True)


def equilibrated_solve(
    matrix: Float[Array, "row row"], right: Float[Array, "row column"]
) -> Float[Array, "row column"]:
    """X with K X = B for an information matrix, which rounding may have made indefinite.

    Rows and columns are scaled to a unit diagonal (van der Sluis, Numerische Mathematik 14 (1969) 14), to which eight
    roundings are added: directions that the numbers cannot tell from each other get a small share instead of none.

    Args:
        matrix: K; a row whose diagonal is zero counts as one of the identity [any unit].
        right: B [any unit].
    """
    size = jax.lax.stop_gradient(jnp.diagonal(matrix))
    scale = jnp.where(size > 0, jax.lax.rsqrt(jnp.where(size > 0, size, 1.0)), 1.0)[:, None]
    ridge = jnp.where(size > 0, _ROUNDINGS * jnp.finfo(matrix.dtype).eps, 1.0).astype(matrix.dtype)
    return scale * positive_solve(scale * matrix * scale.T + jnp.diag(ridge), scale * right)


def _eliminated(matrix: Float[Array, "row row"], right: Float[Array, "row column"]) -> Float[Array, "row column"]:
    size = len(matrix)
    row = jnp.arange(size)

    def eliminate(pivot: Array, both: Array) -> Array:
        line = both[pivot] / jnp.where(both[pivot, pivot] > 0, both[pivot, pivot], jnp.nan)  # positive for every such K
        return jnp.where((row == pivot)[:, None], line, both - both[:, pivot, None] * line)

    return jax.lax.fori_loop(0, size, eliminate, jnp.concatenate([matrix, right], 1))[:, size:]
