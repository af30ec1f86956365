"""Displaced particles: prompt ones from a vertex, and decay products that miss it."""

from __future__ import annotations

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from daedalus.core import Derivative, Stage
from daedalus.events import Events, Particles, Processes, normals, uniforms


class DisplacedParticles(Stage):
    """Particles of one momentum from several processes in turn, which pass the vertex at random distances.

    Event i is of process i modulo their number: equally many of each. The impact, the distance from the vertex at
    (0, 0, z) in the plane z, is exponential with the process's mean in any direction (zero: prompt): a convention
    near the law of decay products of fast parents, for which the mean is about c tau. Slopes are Gaussian.
    The derivative is exact (pathwise) in all fields.
    """

    momentum: Float[Array, ""] | float  # of all particles [GeV]
    impact: Float[Array, "process"]  # mean distance from the vertex [m]
    divergence: Float[Array, ""] | float  # standard deviation of dx/dz and of dy/dz [rad]
    z: Float[Array, ""] | float = 0.0  # height of the vertex [m]

    name: ClassVar[str] = "displaced_particles"
    derivative: ClassVar[Derivative] = Derivative.EXACT

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with one particle each and the number of its process."""
        number = process_of(events, len(self.impact))
        share, turn = uniforms(key, events.index, 2)
        distance = -self.impact[number] * jnp.log(share)
        tx, ty = self.divergence * normals(key, events.index, 2, lane=1)
        uz = 1.0 / jnp.sqrt(1.0 + tx**2 + ty**2)
        level = jnp.ones_like(uz)
        x, y = distance * jnp.cos(2.0 * jnp.pi * turn), distance * jnp.sin(2.0 * jnp.pi * turn)
        particles = Particles(x, y, self.z * level, tx * uz, ty * uz, uz, self.momentum * level)
        return events.add(particles).add(Processes(number))


def process_of(events: Events, processes: int) -> Int[Array, "event"]:
    """The process of every event where they come in turn: its index modulo their number [1]."""
    return (events.index % processes).astype(jnp.int32)
