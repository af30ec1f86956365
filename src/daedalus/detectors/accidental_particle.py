"""Accidental particles: another particle takes the place of the one that was followed so far."""

from __future__ import annotations

from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from daedalus.core import Derivative, Stage, stage_key
from daedalus.events import Events, Particles, blank_events, uniforms


class AccidentalParticle(Stage):
    """Replaces some particles by others of a source of their own: what is recorded further on belongs to another one.

    Between two arms this is a wrong pairing. For a rate R of particles through the second arm and a coincidence window
    T, a second particle is there with probability 1 - exp(-R T); how often it is the one that is paired depends on the
    trigger. The other particle has its source's weight and its source's random numbers, drawn with a key folded from
    this stage's, and goes on from where it starts: what lies between the arms is not passed again unless a transport
    stage follows. A measured momentum stays that of the first. Neutral at zero. The derivative is that of the source
    for the particles exchanged; the probability counts as a fact of nature and has none.
    """

    source: Stage  # of the other particles
    probability: Float[Array, ""] | float  # that the other particle is taken [1]

    name: ClassVar[str] = "accidental_particle"

    @property
    def derivative(self) -> Derivative:
        """That of the source."""
        return self.source.derivative

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with some particles exchanged."""
        other = self.source(blank_events(events.index), key=stage_key(key, self.source.name))
        taken = uniforms(key, events.index, 1)[0] < self.probability
        particles = jax.tree.map(lambda a, b: jnp.where(taken, a, b), other[Particles], events[Particles])
        weight = jnp.where(taken, other.weight, 1.0)
        return events.add(particles).reweight(weight).accept(other.alive | ~taken)
