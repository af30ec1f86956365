"""Dead time: events that are lost because the apparatus is still busy with an earlier one."""

from __future__ import annotations

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from daedalus.core import Derivative, Stage
from daedalus.events import Events, uniforms


class DeadTime(Stage):
    """Loses events at random while the apparatus is dead for a fixed time after each one it takes (non-paralysable).

    The live fraction is 1 / (1 + rate * time) (Knoll, Radiation Detection and Measurement, 4th ed. 2010, chapter 4, on
    dead time). Place it before anything else decides which events count; arrival times themselves are not simulated.

    ``sampled``: events are dropped; rate and time count as facts of nature and have no derivative, that of everything
    else is exact. Otherwise the weight of every event is multiplied by the live fraction, with an exact derivative.
    """

    rate: Float[Array, ""] | float  # of events offered to the apparatus [1/ns]
    time: Float[Array, ""] | float  # for which it is dead after each one taken [ns]
    sampled: bool = eqx.field(static=True, default=True)  # drop events, rather than weigh them

    name: ClassVar[str] = "dead_time"
    derivative: ClassVar[Derivative] = Derivative.EXACT

    @property
    def live_fraction(self) -> Float[Array, ""] | float:
        """The share of events that is taken [1]."""
        return 1.0 / (1.0 + self.rate * self.time)

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events, of which some are lost or all weigh less."""
        if self.sampled:
            return events.accept(uniforms(key, events.index, 1)[0] < self.live_fraction)
        return events.reweight(jnp.full_like(events.weight, 1.0) * self.live_fraction)
