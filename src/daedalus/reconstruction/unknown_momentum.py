"""An unknown momentum: one assumed value for every event."""

from __future__ import annotations

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from daedalus.core import Derivative, Stage
from daedalus.events import Events, Momenta


class UnknownMomentum(Stage):
    """Gives every event the same momentum, with the relative error one admits to: an apparatus without a spectrometer.

    Choose the value for what is inferred: scattering goes as 1 / p^2, so 1 / sqrt(<1 / p^2>) makes variances right on
    average. The derivative is exact, and nothing of the particle enters.
    """

    value: Float[Array, ""] | float  # assumed momentum [GeV]
    relative_error: Float[Array, ""] | float  # standard deviation over value [1]
    name: ClassVar[str] = "unknown_momentum"
    derivative: ClassVar[Derivative] = Derivative.EXACT

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with `Momenta`."""
        one = jnp.ones_like(events.weight)
        return events.add(Momenta(self.value * one, self.relative_error * one))
