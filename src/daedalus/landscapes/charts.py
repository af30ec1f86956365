"""Charts: the coordinates in which chains walk over the cube, and how they turn round where no design is allowed."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from daedalus.landscapes.surface import Place, Scalar, Surface

Turn = Callable[[Place, Place, Scalar], tuple[Place, Place]]  # from place, speed and length of a move
MIRRORS = 4  # walls that a move is mirrored at in turn: in a corner, or where units are pushed outside by others
FLAT = 1e-3  # by which the square of a speed may change at walls that count as flat [1]


class Chart(NamedTuple):
    """Coordinates of the cube."""

    cube: Callable[[Float[Array, "param"]], Place]  # traceable
    coordinates: Callable[[np.ndarray], np.ndarray]  # of places
    log_jacobian: Callable[[Float[Array, "param"]], Float[Array, ""]]  # of the cube by the coordinates; traceable
    placed: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]  # both of these, of rows, in double precision
    turned: Turn | None  # place and speed after a straight move that may meet walls


def log_jacobian(logit: Float[Array, "param"]) -> Float[Array, ""]:
    """The logarithm of the derivative of the cube by its logits, and the density of logits that are uniform there.

    Args:
        logit: x, where u = 1 / (1 + exp(-x)).
    """
    return -jnp.sum(jax.nn.softplus(logit) + jax.nn.softplus(-logit))


def _placed(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    up, down = np.logaddexp(0.0, logits), np.logaddexp(0.0, -logits)
    return np.exp(-down), -np.sum(up + down, 1)


LOGITS = Chart(jax.nn.sigmoid, lambda cubes: np.log(cubes / (1 - cubes)), log_jacobian, _placed, None)


def chart(surface: Surface) -> Chart:
    """The chart that suits a surface: logits, or the cube with mirrors for walls where constraints are known.

    Args:
        surface: that chains walk over.
    """
    if not surface.walled:
        return LOGITS
    itself, flat = lambda cube: cube, lambda cube: jnp.zeros_like(cube[0])
    return Chart(itself, itself, flat, lambda cubes: (cubes, np.zeros(len(cubes))), mirrored(surface))


def mirrored(surface: Surface) -> Turn:
    """Straight moves that are turned back where they would leave the cube or the known constraints.

    The place goes as far inside as it was outside of the nearest allowed one, and the speed across the wall is turned
    round (Afshar and Domke, NeurIPS 28 (2015), 3007): the derivative of "nearest" along the speed is what the speed is
    along the wall. Where walls are flat that keeps volumes and energies and can be undone, and so a walk of Hamiltonian
    steps keeps the uniform density up to the walls, which a penalty cannot do. Where they are not, as where two units
    meet, those parameters that would have to give way stay where they are, and their speeds are turned round; or all.

    Args:
        surface: whose known constraints are the walls.
    """
    nearest = lambda place: surface.admitted(jnp.clip(place, 0.0, 1.0))
    outside = lambda place: (surface.known(place) > 0) | jnp.any((place < 0) | (place > 1))

    def reflected(state: tuple[Array, ...]) -> tuple[Array, ...]:
        place, speed, hit, number = state
        found, along = jax.jvp(nearest, (place,), (speed,))
        return 2 * found - place, 2 * along - speed, hit | (found != place), number + 1

    @jax.custom_batching.sequential_vmap
    def turned(start: Array, speed: Array, length: Array) -> tuple[Array, Array]:
        moved = start + length * speed
        going = lambda state: outside(state[0]) & (state[3] < MIRRORS)
        begun = (moved, speed, jnp.zeros(start.shape, bool), jnp.zeros((), jnp.int32))
        place, back, hit, _ = jax.lax.while_loop(going, reflected, begun)
        flat = (jnp.abs(jnp.sum(back**2) / jnp.sum(speed**2) - 1.0) < FLAT) & ~outside(place)
        stopped = jnp.where(hit, start, moved)
        hit = hit | outside(stopped)
        stopped = jnp.where(hit, start, moved)
        return jnp.where(flat, place, stopped), jnp.where(flat, back, jnp.where(hit, -speed, speed))

    return turned
