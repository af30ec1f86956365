"""Transport through voxels: multiple scattering with the exact covariance of angle and displacement."""

from typing import ClassVar, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from daedalus.core import Derivative, Stage
from daedalus.errors import StageError
from daedalus.events import Events, Particles, normals, uniforms
from daedalus.geometry import crossing, walk
from daedalus.physics.energy_loss import range_curve
from daedalus.physics.particles import Particle, muon
from daedalus.physics.scattering import (
    Moments,
    correlated_deviation,
    exit_covariance,
    highland_variance,
    lynch_dahl_variance,
    piece_moments,
    tailed_normal,
)
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

    With ``law="lynch_dahl"`` theta0 is that of Lynch and Dahl's two-parameter screening formula for the total path and
    the power is shared out in proportion to the characteristic angle. The tail widens angle and displacement of a
    share of the particles together. The derivative is exact (pathwise) at fixed voxel crossings.
    """

    volume: Volume
    law: Literal["highland", "lynch_dahl"] = eqx.field(static=True, default="highland")
    segments: int = eqx.field(static=True, default=1)  # draws along the path [1]
    energy_loss: bool = eqx.field(static=True, default=False)  # mean loss; needs the volume's minimum_ionisation
    tail_fraction: float = eqx.field(static=True, default=0.0)  # of draws with a wider spread [1]
    tail_scale: float = eqx.field(static=True, default=3.0)  # their spread over that of the core [1]
    particle: Particle = eqx.field(static=True, default=muon)
    name: ClassVar[str] = "multiple_scattering"
    derivative: ClassVar[Derivative] = Derivative.EXACT

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with particles as they leave; those that stop or turn back upwards are no longer alive."""
        particles, box = events[Particles], self.volume.voxels.box
        position, direction = (particles.x, particles.y, particles.z), (particles.ux, particles.uy, particles.uz)
        enter, leave = crossing(box, position, direction)
        start = (
            particles.x + enter * particles.ux,
            particles.y + enter * particles.uy,
            particles.z + enter * particles.uz,
        )
        length = leave - enter
        kinetic = self.particle.energy(particles.momentum) - self.particle.mass
        state = _State(start, direction, kinetic)
        if self.segments == 1:
            position, direction, kinetic = self._advance(state, length, None, self._draws(events, key, 0))
        else:
            whole, _ = self._path(state, length)

            def segment(number, state):
                to_exit = crossing(box, state.position, state.direction)[1]  # along the bent path
                reach = jnp.where(number == self.segments - 1, to_exit, jnp.minimum(length / self.segments, to_exit))
                return self._advance(state, jnp.maximum(reach, 0.0), whole, self._draws(events, key, number))

            position, direction, kinetic = jax.lax.fori_loop(0, self.segments, segment, state)
        momentum = jnp.sqrt(kinetic * (kinetic + 2.0 * self.particle.mass))
        if not self.energy_loss:
            momentum = particles.momentum
        (x, y, z), (ux, uy, uz) = position, direction
        return events.add(Particles(x, y, z, ux, uy, uz, momentum)).accept(
            (kinetic > AT_REST) & (uz * particles.uz > 0.0)
        )

    def _table(self, name: str) -> Float[Array, "voxel"]:
        """A table of the volume, one value per voxel."""
        table = getattr(self.volume, name)
        if table is None:
            raise StageError(f"{self.name} needs the volume's {name}, which is None; make the volume with Volume.of.")
        return table.ravel()

    def _draws(self, events: Events, key: Key[Array, ""], segment: int | Array) -> Float[Array, "4 event"]:
        """Four unit normals of a segment, wider for the share of events in the tail, the same on their whole way."""
        draws = normals(key, events.index, 4, lane=segment)
        if self.tail_fraction == 0.0:
            return draws
        decision = uniforms(key, events.index, 1, lane=_TAIL_LANE)
        return tailed_normal(draws, decision, fraction=self.tail_fraction, width=self.tail_scale)

    def _advance(self, state: "_State", length: Float[Array, "event"], total: "_Path | None", draws) -> "_State":
        """The state at the end of one segment of a path; ``total`` is the whole path where that is longer."""
        position, direction, _ = state
        path, kinetic = self._path(state, length)
        covariance = exit_covariance(
            path.moments.A0 * self._unit_variance(path if total is None else total), path.moments
        )
        angle_1, offset_1 = correlated_deviation(draws[0], draws[1], covariance)
        angle_2, offset_2 = correlated_deviation(draws[2], draws[3], covariance)
        right, up = across(direction)
        moved = [
            p + length * u + offset_1 * r + offset_2 * q
            for p, u, r, q in zip(position, direction, right, up, strict=True)
        ]
        position = (moved[0], moved[1], moved[2])
        return _State(position, turned(direction, right, up, angle_1, angle_2), kinetic)

    def _unit_variance(self, path: "_Path") -> Float[Array, "event"]:
        """Variance of the plane angle over the total of the law's scattering power, at beta p = 1 GeV [rad2 GeV2]."""
        safe = jnp.maximum(path.total, 1e-12)
        if self.law == "highland":
            return highland_variance(safe, 1.0) / safe
        return lynch_dahl_variance(safe, path.screening, 1.0) / safe

    def _path(self, state: "_State", length: Float[Array, "event"]) -> "tuple[_Path, Float[Array, 'event']]":
        """The sums along a straight path, and the kinetic energy at its end [GeV]."""
        highland, mass = self.law == "highland", self.particle.mass
        powers = self._table("inverse_radiation_length" if highland else "characteristic")
        curve = range_curve() if self.energy_loss else None
        reach = curve.range(jnp.maximum(state.kinetic, AT_REST)) if curve else None

        def step(value, voxel, near, far):
            total, screening, A0, A1, A2, opacity, kinetic = value
            piece, before, after = far - near, length - near, length - far
            power = jnp.take(powers, voxel, mode="clip")
            if not highland:
                screening = screening + jnp.take(self._table("screening"), voxel, mode="clip") * piece
            if curve:
                total = total + power * piece
                opacity = opacity + jnp.take(self._table("minimum_ionisation"), voxel, mode="clip") * piece
                later = curve.kinetic(jnp.maximum(reach - opacity, 1e-3 * AT_REST))
                power = power / (_beta_momentum(kinetic, mass) * _beta_momentum(later, mass))
                kinetic = later
            own = piece_moments(piece, before, after)
            A0, A1, A2 = A0 + power * own.A0, A1 + power * own.A1, A2 + power * own.A2
            return total, screening, A0, A1, A2, opacity, kinetic

        zero = jnp.zeros_like(length)
        total, screening, *moments, _, kinetic = walk(
            self.volume.voxels,
            state.position,
            state.direction,
            step=step,
            initial=(zero,) * 6 + (state.kinetic,),
            length=length,
        )
        if curve:
            return _Path(total, screening, Moments(*moments)), kinetic
        scale = 1.0 / _beta_momentum(kinetic, mass) ** 2
        return _Path(moments[0], screening, Moments(*(moment * scale for moment in moments))), kinetic


class _State(NamedTuple):
    """A particle on its way: position [m], direction [1] and kinetic energy [GeV]."""

    position: Vector
    direction: Vector
    kinetic: Float[Array, "event"]


class _Path(NamedTuple):
    """Sums along a path: of the scattering power, of the screening, and the power's moments over (beta p)^2."""

    total: Float[Array, "event"]
    screening: Float[Array, "event"]
    moments: Moments


def _beta_momentum(kinetic: Float[Array, "event"], mass: float) -> Float[Array, "event"]:
    """Beta times momentum, p^2 / E [GeV], of a kinetic energy [GeV]."""
    return kinetic * (kinetic + 2.0 * mass) / (kinetic + mass)
