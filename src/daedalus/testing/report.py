"""What a check answers: a report that prints well, or an error that teaches."""

from __future__ import annotations

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Shaped

from daedalus.errors import DaedalusError


class ConformanceError(DaedalusError, AssertionError):
    """A class or a problem breaks a promise of its seam; the text says found, expected, and remedy."""


@dataclasses.dataclass(frozen=True)
class Report:
    """A check that passed: what was looked at, and what was found about it."""

    subject: str
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join([f"{self.subject}: conforms", *(f"  {line}" for line in self.lines)])


def require(condition: Any, found: str, expected: str, remedy: str) -> None:
    """Does nothing where the condition holds.

    Raises:
        ConformanceError: where it does not.
    """
    if not bool(condition):
        raise ConformanceError(f"{found}; expected {expected}. {remedy}")


def rounding(dtype: Any = None) -> float:
    """What rounding may change in a sum's order, relative [1]: 1e-10, or 1e-5 in float32."""
    return 1e-10 if (dtype or jnp.result_type(float)) == jnp.float64 else 1e-5


Numbers = Shaped[Array, "*shape"] | Shaped[np.ndarray, "*shape"]


def deviation(found: Numbers, expected: Numbers) -> float:
    """The largest difference of two arrays, relative to the largest absolute value expected [1]."""
    a, b = np.asarray(found, float), np.asarray(expected, float)
    if a.size == 0:
        return 0.0
    if not (np.isfinite(a) == np.isfinite(b)).all():
        return float("inf")
    a, b = np.where(np.isfinite(a), a, 0), np.where(np.isfinite(b), b, 0)
    scale = max(float(np.max(np.abs(b))), float(np.max(np.abs(a))), 1e-300)
    return float(np.max(np.abs(a - b))) / scale


def tree_deviation(found: Any, expected: Any) -> float:
    """The largest `deviation` of two trees' arrays, leaf by leaf [1]; infinite where their shapes differ."""
    pairs = list(zip(_arrays(found), _arrays(expected), strict=True))
    if any(a.shape != b.shape for a, b in pairs):
        return float("inf")
    return max((deviation(a, b) for a, b in pairs), default=0.0)


def _arrays(tree: Any) -> list[np.ndarray]:
    leaves = [leaf for leaf in jax.tree.leaves(tree) if eqx.is_array_like(leaf)]
    keys = [jax.random.key_data(x) if jnp.issubdtype(jnp.asarray(x).dtype, jax.dtypes.prng_key) else x for x in leaves]
    return [np.asarray(leaf) for leaf in keys]
