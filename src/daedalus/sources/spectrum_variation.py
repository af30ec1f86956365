"""Variations of a spectrum by weights: what if the particles came with other momenta?"""

from __future__ import annotations

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from daedalus.core import Derivative, Stage
from daedalus.events import Events, Particles, blank_events
from daedalus.physics.flux import Flux
from daedalus.physics.particles import Particle, muon

_FLATTEST = 1e-3  # smallest cosine of the zenith angle at which intensities are asked for [1]


class SpectrumTilt(Stage):
    """Multiplies each event's weight by (p / p0)^delta / norm: the same particles with a harder or a softer spectrum.

    Neutral at delta = 0 and norm = 1. With norm = `mean_factor` of the tilt, only the shape of the spectrum changes,
    and not the number of particles. The derivative is exact.
    """

    delta: Float[Array, ""] | float  # change of the spectral index; positive is harder [1]
    reference: Float[Array, ""] | float = 3.0  # p0, where the weight is 1 / norm [GeV]
    norm: Float[Array, ""] | float = 1.0  # [1]

    name: ClassVar[str] = "spectrum_tilt"
    derivative: ClassVar[Derivative] = Derivative.EXACT

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with other weights."""
        logarithm = jnp.log(events[Particles].momentum / self.reference)
        return events.reweight(jnp.exp(self.delta * logarithm) / self.norm)


class FluxRatio(Stage):
    """Multiplies each event's weight by the ratio of two flux models at its energy and zenith angle, over norm.

    Particles drawn from the model ``drawn`` then stand for ``wanted``. Place it where the particles still have the
    energy and direction they came with. The mean of the ratio, `mean_factor`, is the ratio of the rates; as norm it
    leaves the difference in shape only. Where the two models differ much, few events carry most of the weight. Outside
    the models' ranges of validity they are extrapolated without a warning. The derivative is exact.
    """

    wanted: Flux
    drawn: Flux
    norm: Float[Array, ""] | float = 1.0  # [1]
    particle: Particle = eqx.field(static=True, default=muon)  # sets the energy

    name: ClassVar[str] = "flux_ratio"
    derivative: ClassVar[Derivative] = Derivative.EXACT

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with other weights."""
        particles = events[Particles]
        energy = self.particle.energy(particles.momentum)
        cosine = jnp.maximum(jnp.abs(particles.uz), _FLATTEST)
        ratio = self.wanted.intensity(energy, cosine) / self.drawn.intensity(energy, cosine)
        return events.reweight(jnp.asarray(ratio) / self.norm)


def mean_factor(
    variation: SpectrumTilt | FluxRatio, source: Stage, *, key: Key[Array, ""], events: int = 4096
) -> Float[Array, ""]:
    """The factor by which a variation changes the sum of the weights of a source's events [1].

    An estimate from ``events`` particles of the source, with a relative error of their factors' relative spread over
    sqrt(events). One number for a whole study, so that weights never depend on the batch.

    Args:
        variation: the stage, usually with norm 1.
        source: of the particles.
        key: key of the source's stream.
        events: number of particles [1].
    """
    before = source(blank_events(jnp.arange(events, dtype=jnp.uint32)), key=key)
    after = variation(before, key=key)
    return jnp.sum(after.effective_weight) / jnp.sum(before.effective_weight)
