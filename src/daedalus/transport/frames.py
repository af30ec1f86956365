"""The frame of a track: two directions across it, and small turns away from it."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

Vector = tuple[Float[Array, "event"], Float[Array, "event"], Float[Array, "event"]]


def across(direction: Vector) -> tuple[Vector, Vector]:
    """Two unit vectors that make a right-handed orthonormal frame with a unit direction.

    Duff et al., "Building an orthonormal basis, revisited", JCGT 6 (2017) 1: no branch, no singular direction.
    """
    x, y, z = direction
    sign = jnp.where(z < 0, -1.0, 1.0)
    a = -1.0 / (sign + z)
    b = x * y * a
    return (1.0 + sign * x * x * a, sign * b, -sign * x), (b, sign + y * y * a, -y)


def turned(
    direction: Vector,
    first: Vector,
    second: Vector,
    angle_1: Float[Array, "event"],
    angle_2: Float[Array, "event"],
) -> Vector:
    """The direction turned by two small angles [rad] along two vectors across it, normalised for any angle.

    The turn is along a great circle by sqrt(angle_1^2 + angle_2^2), so that large angles stay angles.
    """
    square = angle_1**2 + angle_2**2
    small = square < 1e-8
    size = jnp.sqrt(jnp.where(small, 1.0, square))
    cosine = jnp.where(small, 1.0 - 0.5 * square, jnp.cos(size))
    ratio = jnp.where(small, 1.0 - square / 6.0, jnp.sin(size) / size)
    return tuple(
        cosine * u + ratio * (angle_1 * p + angle_2 * q) for u, p, q in zip(direction, first, second, strict=True)
    )  # pyright: ignore[reportReturnType]
