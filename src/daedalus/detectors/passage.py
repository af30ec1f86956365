"""The passage of a particle through a stack of thin horizontal planes that deflect it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from daedalus.events import Particles
from daedalus.physics.kicks import slope_change

Presence = Callable[..., Float[Array, "event"]]


class Passage(NamedTuple):
    """Where a particle crosses the planes of a stack, and how it leaves it.

    Attributes:
        x: of the crossings [m]. y: of the crossings [m]. presence: share of each plane's kick that acted [1].
        particles: at the height of the last plane, with the direction after it.
    """

    x: Float[Array, "plane event"]
    y: Float[Array, "plane event"]
    presence: Float[Array, "plane event"]
    particles: Particles


def passage(
    particles: Particles,
    z: Float[Array, "plane"],
    kick: tuple[Float[Array, "plane event"], Float[Array, "plane event"]],
    presence: Presence,
    shapes: Sequence[Float[Array, "plane"]] = (),
) -> Passage:
    """The broken lines of particles through thin planes, each of which deflects them after they have crossed it.

    The line given is that before the first plane, wherever on it the particle is said to be; the planes, in any
    order, are passed in the order of their heights, downwards or upwards as each particle goes. A plane's kick is
    multiplied by its presence where the particle crosses it. The derivative is exact, except where two planes meet;
    the path in a plane, the loss of energy and kicks that are not small are left to others.

    Args:
        particles: before the first plane.
        z: height of the planes [m].
        kick: of each plane, turns of the direction in x and in y, see `slope_change` [rad].
        presence: ``presence(x, y, *shape)``, from 0 (nothing there) to 1, at a crossing [m] of one plane [1].
        shapes: numbers of each plane that ``presence`` asks for, one array each.
    """
    order = jnp.argsort(-z)
    down = particles.uz < 0.0
    both = lambda rows: (rows[order], rows[order][::-1])  # as seen by particles going down, and up
    chosen = lambda pair: jnp.where(down, *pair)

    def step(line: tuple[Array, ...], rows: tuple) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
        x, y, height, tx, ty = line
        z, kick_x, kick_y, *shape = map(chosen, rows)
        x, y = x + (z - height) * tx, y + (z - height) * ty
        there = presence(x, y, *shape)
        change = slope_change((tx, ty), (there * kick_x, there * kick_y))
        return (x, y, z, tx + change[0], ty + change[1]), (x, y, there)

    start = (particles.x, particles.y, particles.z, *particles.slopes)
    (x, y, height, tx, ty), crossings = jax.lax.scan(step, start, tuple(map(both, (z, *kick, *shapes))))
    place = jnp.argsort(order)
    place_x, place_y, there = (jnp.where(down, rows, rows[::-1])[place] for rows in crossings)
    uz = jnp.where(down, -1.0, 1.0) / jnp.sqrt(1.0 + tx**2 + ty**2)
    return Passage(place_x, place_y, there, Particles(x, y, height, tx * uz, ty * uz, uz, particles.momentum))
