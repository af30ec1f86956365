"""Strips: thin planes of strips that measure x and y of passing particles and deflect them."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, UInt32

from daedalus.core import Derivative, Stage
from daedalus.errors import StageError
from daedalus.events import Events, Hits, Particles, normals, quasi_normals_and_uniforms, uniforms
from daedalus.events.direction_numbers import DIMENSIONS
from daedalus.physics.kicks import kick_variance
from daedalus.physics.particles import Particle

BINARY_ERROR = 12.0**-0.5  # 1; standard deviation of a uniform distribution of width 1
QUASI_PLANES = DIMENSIONS // 2  # 1; a kick and an error of each, in x and in y


class StripPlanes(Stage):
    """A row of thin planes, each with strips along x and along y, passed in the direction of +z.

    Plane k measures, then deflects: each projected slope gets a Gaussian kick of variance `kick_variance`, so
    that the particle crosses plane i at x_i = x + t z_i + sum over k of max(z_i - z_k, 0) kick_k. Planes may
    stand in any order; small angles, so that slopes add and the path in a plane is its thickness. The real
    apparatus reports the centre of the strip that was hit, and only inside the span. Its stand-in adds an
    error drawn uniformly from one pitch: the same distribution where a particle's place within a strip is
    random (spread much wider than the pitch), without edges. The stand-in's derivative is exact (pathwise) in
    z, pitch and thickness, except where two planes meet; the real apparatus has none.

    With `quasi`, kicks and errors come from quasi-random numbers (`daedalus.events.quasi`): all kicks and errors of a
    projection from one lane, for up to eight planes. What depends smoothly on them converges faster: for the telescope
    of five planes of `daedalus.studies.tracking`, the variance of the stand-in's loss fell by factors of 9.9 +- 1.3 (64
    momenta of 128 events) and 1450 +- 190 (4096 events), that of its gradient by 11 and 1300; real strips jump, and
    gained 1.5 +- 0.2. Events are not independent then: for smooth figures a jackknife's error is an upper bound, there
    4.0 and 5.7 times the true spread. Kicks and errors in lanes of their own would gain almost nothing.
    """

    z: Float[Array, "plane"]  # position along the beam [m]
    pitch: Float[Array, "plane"]  # distance between strips [m]
    thickness: Float[Array, "plane"]  # of all material of the plane [radiation lengths]
    span: float  # full width in x and y [m]
    particle: Particle = eqx.field(static=True)  # what the beam is made of; sets beta
    hard: bool = eqx.field(static=True)  # report centres of strips
    label: str = eqx.field(static=True)  # of the hits
    quasi: bool = eqx.field(static=True)  # quasi-random numbers instead of independent ones

    def __init__(
        self,
        z: Float[Array, "plane"],
        pitch: Float[Array, "plane"],
        thickness: Float[Array, "plane"],
        *,
        span: float,
        particle: Particle,
        hard: bool = True,
        label: str = "telescope",
        quasi: bool = False,
    ) -> None:
        """Planes of the given places [m], pitches [m], thicknesses [radiation lengths] and span [m].

        Raises:
            StageError: more planes than quasi-random numbers are known for.
        """
        if quasi and len(z) > QUASI_PLANES:
            raise StageError(
                f"{len(z)} planes of strips with quasi-random numbers, two for each plane; expected at most "
                f"{QUASI_PLANES} planes. Take fewer, or quasi=False."
            )
        self.quasi = quasi
        self.z, self.pitch, self.thickness = z, pitch, thickness
        self.span, self.particle, self.hard, self.label = span, particle, hard, label

    @property
    def name(self) -> str:
        """The stage's name, "strips:label"."""
        return f"strips:{self.label}"

    @property
    def derivative(self) -> Derivative:
        """None for real strips; biased for their stand-in, as far as the errors are not uniform."""
        return Derivative.NONE if self.hard else Derivative.BIASED

    def softened(self, softness: Float[Array, ""] | float | None) -> StripPlanes:
        """The stand-in with uniform errors, whatever the softness [1], or the real strips for None."""
        return StripPlanes(
            z=self.z,
            pitch=self.pitch,
            thickness=self.thickness,
            span=self.span,
            particle=self.particle,
            hard=softness is None,
            label=self.label,
            quasi=self.quasi,
        )

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with hits of this label; the particles stay as they were before the first plane."""
        particles = events[Particles]
        variance = kick_variance(self.thickness, self.particle.beta_momentum(particles.momentum))
        normal, uniform = self._drawn(events.index, key)
        kicks = jnp.sqrt(variance)[:, None] * normal
        lever = jnp.maximum(self.z[:, None] - self.z, 0.0)
        straight = jnp.stack(jax.vmap(particles.at_z)(self.z))
        place = straight + jnp.einsum("ik,kan->ain", lever, kicks)
        width = self.pitch[:, None]
        if uniform is None:
            measured = width * (jnp.floor(place / width) + 0.5)
            recorded = jnp.all(jnp.abs(place) < 0.5 * self.span, 0)
        else:
            measured = place + width * (jnp.swapaxes(uniform, 0, 1) - 0.5)
            recorded = jnp.ones(place.shape[1:], bool)
        sigma = BINARY_ERROR * width * jnp.ones_like(place[0])
        probability = recorded.astype(place.dtype)
        return events.add(Hits(measured[0], measured[1], self.z, sigma, probability, recorded), self.label)

    def _drawn(
        self, index: UInt32[Array, "event"], key: Key[Array, ""]
    ) -> tuple[Float[Array, "plane 2 event"], Float[Array, "plane 2 event"] | None]:
        """Normal numbers for the kicks, and uniform ones for the stand-in's errors (None for real strips)."""
        planes = len(self.z)
        if self.quasi:  # all that acts on one projection is in one lane; mapped, so that it is compiled once
            errors = 0 if self.hard else planes
            draw = jax.vmap(lambda axis: quasi_normals_and_uniforms(key, index, planes, errors, lane=axis), out_axes=1)
            normal, uniform = draw(jnp.arange(2))
            return normal, None if self.hard else uniform
        lanes = jnp.arange(planes)  # each plane has a stream of its own; mapped, so that it is compiled once
        normal = jax.vmap(lambda k: normals(key, index, 2, lane=k))(lanes)
        return normal, None if self.hard else jax.vmap(lambda k: uniforms(key, index, 2, lane=planes + k))(lanes)
