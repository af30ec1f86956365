"""Transport through voxels: multiple scattering with the exact covariance of angle and displacement."""

from __future__ import annotations

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from daedalus.core import Derivative, Stage
from daedalus.events import Events, Particles, normals, uniforms
from daedalus.geometry import crossing, walk
from daedalus.physics.energy_loss import range_curve
from daedalus.physics.particles import Particle, muon
from daedalus.physics.scattering import correlated_deviation, highland_variance
from daedalus.transport.frames import Vector, across, turned
from daedalus.transport.volume import Volume

_TAIL_LANE = 2**15  # stream of the draw that decides about the tail
AT_REST = 0.01  # kinetic energy below which a particle counts as stopped [GeV]


class MultipleScattering(Stage):
    """Carries particles through a volume of voxels, in one correlated draw per segment of the path.

    Along the straight path the walk through the voxels sums thickness in radiation lengths, t, and the moments
    A_k = int w(s) (L - s)^k ds of the scattering power w = 1 / (X0 (beta p)^2). The plane angle and displacement at
    the exit are jointly normal with covariance (theta0^2 / A_0) [[A_0, A_1], [A_1, A_2]], where theta0 is Highland's
    with the logarithm of the *total* thickness of the path, everything in the volume included, air and walls too
    (PDG, Passage of particles through matter, eqs. 34.16 to 34.20; a homogeneous slab has correlation +sqrt(3)/2 and
    rms displacement L theta0 / sqrt(3)). Cutting the path into segments therefore changes nothing but the bending of
    the path itself: one segment is right where displacements are small against a voxel; more follow the bent path.

    The derivative is exact (pathwise) at fixed voxel crossings.
    """

    volume: Volume
    segments: int = eqx.field(static=True, default=1)  # draws along the path [1]
    energy_loss: bool = eqx.field(static=True, default=False)  # mean loss; needs the volume's minimum_ionisation
    tail_fraction: float = eqx.field(static=True, default=0.0)  # of draws with a wider spread [1]
    tail_scale: float = eqx.field(static=True, default=3.0)  # their spread over that of the core [1]
    particle: Particle = eqx.field(static=True, default=muon)
    name: ClassVar[str] = "multiple_scattering"
    derivative: ClassVar[Derivative] = Derivative.EXACT

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with particles as they leave the volume; those that stop in it are no longer alive."""
        particles, box = events[Particles], self.volume.voxels.box
        position, direction = (particles.x, particles.y, particles.z), (particles.ux, particles.uy, particles.uz)
        enter, leave = crossing(box, position, direction)
        start = tuple(p + enter * u for p, u in zip(position, direction, strict=True))
        length = leave - enter
        kinetic = self.particle.energy(particles.momentum) - self.particle.mass
        state, spread = (start, direction, kinetic), self._spread(events, key)
        if self.segments == 1:
            position, direction, kinetic = self._advance(state, length, None, normals(key, events.index, 4) * spread)
        else:
            thickness = self._moments(state, length)[0]

            def segment(number, state):
                to_exit = crossing(box, *state[:2])[1]  # the last segment runs to the exit of the bent path
                reach = jnp.where(number == self.segments - 1, to_exit, jnp.minimum(length / self.segments, to_exit))
                draws = normals(key, events.index, 4, lane=number) * spread
                return self._advance(state, jnp.maximum(reach, 0.0), thickness, draws)

            position, direction, kinetic = jax.lax.fori_loop(0, self.segments, segment, state)
        momentum = jnp.sqrt(kinetic * (kinetic + 2.0 * self.particle.mass))
        moved = Particles(*position, *direction, momentum if self.energy_loss else particles.momentum)
        return events.add(moved).accept(kinetic > AT_REST)

    def _spread(self, events: Events, key: Key[Array, ""]) -> Float[Array, "event"] | float:
        """One for the core, the tail's scale for the share of events in the tail."""
        if self.tail_fraction == 0.0:
            return 1.0
        (draw,) = uniforms(key, events.index, 1, lane=_TAIL_LANE)
        return jnp.where(draw < self.tail_fraction, self.tail_scale, 1.0)

    def _advance(self, state, length: Float[Array, "event"], total: Float[Array, "event"] | None, draws):
        """Position, direction and kinetic energy at the end of one segment of a path of a total thickness."""
        position, direction, _ = state
        thickness, *moments, kinetic = self._moments(state, length)
        total = thickness if total is None else total
        unit_variance = highland_variance(total, 1.0) / jnp.maximum(total, 1e-12)
        covariance = [unit_variance * moment for moment in moments]
        angle_1, offset_1 = correlated_deviation(draws[0], draws[1], *covariance)
        angle_2, offset_2 = correlated_deviation(draws[2], draws[3], *covariance)
        right, up = across(direction)
        position = tuple(
            p + length * u + offset_1 * r + offset_2 * q
            for p, u, r, q in zip(position, direction, right, up, strict=True)
        )
        return position, turned(direction, right, up, angle_1, angle_2), kinetic

    def _moments(self, state, length: Float[Array, "event"]):
        """Thickness [radiation lengths], moments A_0, A_1, A_2 about the end of a path, and the energy there."""
        position, direction, kinetic = state
        power_table = self.volume.inverse_radiation_length.ravel()
        mass = self.particle.mass

        curve = range_curve() if self.energy_loss else None
        reach = curve.range(jnp.maximum(kinetic, AT_REST)) if curve else None

        def step(value, voxel, near, far):
            thickness, zeroth, first, second, (opacity, kinetic) = value
            before, after = length - near, length - far
            power = jnp.take(power_table, voxel, mode="clip")
            if curve:
                thickness = thickness + power * (far - near)
                opacity = opacity + jnp.take(self.volume.minimum_ionisation.ravel(), voxel, mode="clip") * (far - near)
                later = curve.kinetic(jnp.maximum(reach - opacity, 1e-3 * AT_REST))
                power = power / (_beta_momentum(kinetic, mass) * _beta_momentum(later, mass))
                kinetic = later
            zeroth = zeroth + power * (before - after)
            first = first + power * (before**2 - after**2) / 2.0
            second = second + power * (before**3 - after**3) / 3.0
            return thickness, zeroth, first, second, (opacity, kinetic)

        zero = jnp.zeros_like(length)
        start = (zero, zero, zero, zero, (zero, kinetic))
        thickness, *moments, (_, kinetic) = walk(
            self.volume.voxels, position, direction, step=step, initial=start, length=length
        )
        if self.energy_loss:
            return thickness, *moments, kinetic
        scale = 1.0 / _beta_momentum(kinetic, mass) ** 2
        return moments[0], *(moment * scale for moment in moments), kinetic


def _beta_momentum(kinetic: Float[Array, "event"], mass: float) -> Float[Array, "event"]:
    """Beta times momentum, p^2 / E [GeV], of a kinetic energy [GeV]."""
    return kinetic * (kinetic + 2.0 * mass) / (kinetic + mass)
