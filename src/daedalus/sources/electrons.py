"""Electrons: soft particles among the ones wanted."""

from __future__ import annotations

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from daedalus.core import Derivative, Stage
from daedalus.events import Events, Particles, uniforms


class Electrons(Stage):
    """Turns some particles of a source into soft ones, which scatter much: the electrons that come with muons.

    With the probability given a particle's momentum is drawn again, from an exponential of mean ``momentum`` above a
    least value; place and direction stay. That is all: later stages still take the particle for the species they are
    made for. A muon of 0.1 GeV has beta = 0.69, so that its angles are 1.5 times as wide as an electron's; nothing is
    absorbed after some radiation lengths, nor radiates. The spectrum is a convention of this package, its mean and the
    share are the user's. Neutral at zero. The derivative with respect to both momenta is exact (pathwise); the share
    counts as a fact of nature and has none.
    """

    share: Float[Array, ""] | float  # of electrons among all particles [1]
    momentum: Float[Array, ""] | float  # mean above the least one [GeV]
    least: Float[Array, ""] | float = 0.01  # least momentum [GeV]; softer ones hardly leave the first plane

    name: ClassVar[str] = "electrons"
    derivative: ClassVar[Derivative] = Derivative.EXACT

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with some momenta drawn again."""
        particles = events[Particles]
        decision, draw = uniforms(key, events.index, 2)
        momentum = jnp.where(decision < self.share, self.least - self.momentum * jnp.log(draw), particles.momentum)
        p = particles
        return events.add(Particles(p.x, p.y, p.z, p.ux, p.uy, p.uz, momentum))
