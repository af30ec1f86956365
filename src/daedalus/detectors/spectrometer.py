"""A spectrometer: it knows the momentum of each particle to some precision."""

from __future__ import annotations

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from daedalus.core import Derivative, Stage
from daedalus.events import Events, Momenta, Particles, normals


class Spectrometer(Stage):
    """Measures the momentum of particles where it stands, with a Gaussian error of fixed relative size.

    Zero means exactly known. A measured value is never below a tenth of the true one, so that it stays positive.
    """

    resolution: Float[Array, ""] | float  # sigma(p) / p [1]
    name: ClassVar[str] = "spectrometer"
    derivative: ClassVar[Derivative] = Derivative.EXACT

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with `Momenta`."""
        momentum = events[Particles].momentum
        (noise,) = normals(key, events.index, 1)
        measured = momentum * jnp.maximum(1.0 + self.resolution * noise, 0.1)
        return events.add(Momenta(measured, jnp.full_like(momentum, 1.0) * self.resolution))
