"""Admission: wished-for places moved so that they meet what is known beforehand."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

STEPS = 20  # Gauss-Newton steps towards the admissible region
HALVINGS = 30  # of the way back to an admissible place
MARGIN = 1e-6  # [scales]; how far inside a step aims, so that rounding leaves it there

Cube = Float[Array, "param"]


def admitted(
    wished: Cube, anchor: Cube, beyond: Callable[[Cube], Float[Array, "row"]], snap: Callable[[Cube], Cube]
) -> Cube:
    """A place near the wished one, inside the cube, where no known constraint is exceeded.

    Least moves (Gauss-Newton on the exceeded rows) first; where these do not arrive, the last admissible place on the
    way from the anchor to the wished one.

    Args:
        wished: a place in the cube [1].
        anchor: a place that is admissible [1].
        beyond: how far a place exceeds each constraint [scales]; not above zero is met.
        snap: rounds what must be whole.
    """
    met = lambda cube: jnp.all(beyond(cube) <= 0.0)
    wished = snap(jnp.clip(wished, 0.0, 1.0))

    def step(cube: Cube, _: None) -> tuple[Cube, None]:
        excess, slope = beyond(cube), jax.jacobian(beyond)(cube)
        push = jnp.where(excess > -MARGIN, excess + MARGIN, 0.0)
        slope = jnp.where(push[:, None] > 0, slope, 0.0)
        # what a bound holds back cannot help
        held = ((cube <= 0) & (push @ slope > 0)) | ((cube >= 1) & (push @ slope < 0))
        slope = jnp.where(held, 0.0, slope)
        move = slope.T @ jnp.linalg.lstsq(slope @ slope.T, push)[0]
        moved = jnp.clip(cube - move, 0.0, 1.0)
        return jnp.where(met(cube) | ~jnp.all(jnp.isfinite(moved)), cube, moved), None

    def halve(ends: tuple[Array, Array], _: None) -> tuple[tuple[Array, Array], None]:
        good, bad = ends
        middle = 0.5 * (good + bad)
        fine = met(snap(anchor + middle * (wished - anchor)))
        return (jnp.where(fine, middle, good), jnp.where(fine, bad, middle)), None

    near = snap(jax.lax.scan(step, wished, None, STEPS)[0])
    (share, _), _ = jax.lax.scan(halve, (jnp.zeros(()), jnp.ones(())), None, HALVINGS)
    back = snap(anchor + share * (wished - anchor))
    return jnp.where(met(wished), wished, jnp.where(met(near), near, jnp.where(met(back), back, anchor)))
