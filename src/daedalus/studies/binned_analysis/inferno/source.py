"""The source: signal and background events in turn, with what the nuisances do to them."""

from __future__ import annotations

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from daedalus.core import Derivative, Stage
from daedalus.events import Events, Observables, Processes, Scores, normals, uniforms
from daedalus.studies.binned_analysis.inferno.truth import (
    BACKGROUND,
    MEAN,
    RATE,
    SHIFT,
    SIGNAL,
    SIGNAL_RATE,
    VARIANCES,
)

SIGNAL_EVERY = 4  # events of which one is signal [1]


class SignalAndBackground(Stage):
    """One event in four is signal, the others background, as their index says; adds observables, scores and process.

    The counts and slopes of the background come with most of the statistical errors, so it gets most of the events.

    The nuisances r and l are exact transformations of the background: x0 moves with r, x2 scales with 1 / l. Slopes are
    their derivatives event by event, scores those of the logarithm of the density.
    """

    shift: Float[Array, ""] | float = SHIFT  # r [1]
    rate: Float[Array, ""] | float = RATE  # l [1]

    name: ClassVar[str] = "signal_and_background"
    derivative: ClassVar[Derivative] = Derivative.EXACT

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with `Observables`, `Scores` by (r, l), and `Processes`."""
        background = events.index % SIGNAL_EVERY != 0
        number = jnp.where(background, BACKGROUND, SIGNAL)
        across, along = normals(key, events.index, 2)
        waiting = -jnp.log(uniforms(key, events.index, 1, lane=1)[0])  # exponential of rate one
        first = jnp.where(background, MEAN + self.shift + jnp.sqrt(VARIANCES[0]) * across, across)
        second = jnp.where(background, jnp.sqrt(VARIANCES[1]) * along, along)
        third = jnp.where(background, waiting / self.rate, waiting / SIGNAL_RATE)
        zero, rows = jnp.zeros_like(first), jnp.where(background, 1.0, 0.0)
        moved, scaled = rows, -rows * third / self.rate
        slopes = jnp.stack([jnp.stack([moved, zero, zero]), jnp.stack([zero, zero, scaled])])
        scores = jnp.stack([rows * (first - MEAN - self.shift) / VARIANCES[0], rows * (1.0 / self.rate - third)])
        events = events.add(Observables(jnp.stack([first, second, third]), slopes))
        return events.add(Scores(scores)).add(Processes(number))
