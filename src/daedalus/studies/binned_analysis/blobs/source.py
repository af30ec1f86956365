"""The source: points of four blobs in turn: signal, and the background as it is expected, shifted up and down."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from daedalus.core import Derivative, Stage
from daedalus.events import Events, Observables, Processes, normals, uniforms

SIGNAL, NOMINAL, UP, DOWN = range(4)  # numbers of the processes
PROCESSES = 4

Means = tuple[tuple[float, float], ...]


class Blobs(Stage):
    """Points of normal distributions of unit covariance; adds `Observables` and `Processes`.

    Event i belongs to process i mod 4, and four in a row share their random numbers, as the samples of the
    demonstration do: differences between the background's templates carry less noise.

    Where there is a fixed sample, soft evaluations (the machine's) draw their points from it with replacement; sharp
    ones (for people) always see fresh points.
    """

    means: Means = eqx.field(static=True)  # of the processes, in the order of their numbers [1]
    sample: int | None = eqx.field(static=True, default=None)  # points per process in the fixed sample; None: fresh
    softness: Float[Array, ""] | float | None = None  # not None: the machine's [1]

    name: ClassVar[str] = "blobs"
    derivative: ClassVar[Derivative] = Derivative.EXACT

    def softened(self, softness: Float[Array, ""] | float | None) -> Blobs:
        """The source of the machine's points, or for None that of people's."""
        return dataclasses.replace(self, softness=softness)

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with their points and the number of their process."""
        process = (events.index % PROCESSES).astype(jnp.int32)
        number = events.index // PROCESSES
        if self.sample is not None and self.softness is not None:
            number = (self.sample * uniforms(key, number, 1)[0]).astype(jnp.uint32)
            key = jax.random.key(0)  # of the one sample there is
        points = normals(key, number, 2) + jnp.asarray(np.array(self.means).T)[:, process]
        slopes = jnp.zeros((0, *points.shape), points.dtype)
        return events.add(Observables(points, slopes)).add(Processes(process))
