"""The silicon telescope: where its planes stand, how fine their strips are, and how thick their silicon is."""

from __future__ import annotations

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from daedalus.core import Design, Exchange, parameter
from daedalus.detectors.strips import StripPlanes
from daedalus.physics.kicks import kick_variance
from daedalus.physics.materials import material
from daedalus.physics.particles import Particle
from daedalus.units import cm, um

BOX = 3 * cm  # depth of the box a plane is mounted in, and so the least distance of two planes


class TelescopeDesign(Design):
    """A row of silicon planes behind a target at z = 0, each with strips along x and along y."""

    z: Float[Array, "plane"] = parameter(
        8 * cm, 60 * cm, "cm", doc="distance from the target: from its housing to the end of the table"
    )
    pitch: Float[Array, "plane"] = parameter(
        25 * um, 250 * um, "um", doc="distance between strips: from what can be bonded to what still tracks"
    )
    thickness: Float[Array, "plane"] = parameter(
        100 * um, 500 * um, "um", doc="thickness of the silicon: from what still gives a signal"
    )

    symmetries: ClassVar[tuple[Exchange, ...]] = (Exchange(("z", "pitch", "thickness"), by="z"),)


def evenly_spaced(planes: int, *, nearest: float, pitch: float, thickness: float) -> TelescopeDesign:
    """A telescope of equal planes, evenly spaced up to the end of the table.

    Args:
        planes: how many [1].
        nearest: distance of the first from the target [m].
        pitch: of all planes [m].
        thickness: of all planes [m].
    """
    z = jnp.linspace(nearest, 60 * cm, planes)
    return TelescopeDesign(z=z, pitch=jnp.full(planes, pitch), thickness=jnp.full(planes, thickness))


def strip_planes(design: TelescopeDesign, *, span: float, particle: Particle, quasi: bool = False) -> StripPlanes:
    """The planes of a telescope as a stage.

    Args:
        design: the telescope.
        span: full width of the planes in x and y [m].
        particle: what the beam is made of.
        quasi: whether the strips draw quasi-random numbers.

    Raises:
        StageError: more planes than quasi-random numbers are known for.
    """
    thickness = design.thickness / material("silicon").X0
    return StripPlanes(design.z, design.pitch, thickness, span=span, particle=particle, quasi=quasi)


def kicks(design: TelescopeDesign, momentum: Float[Array, ""], particle: Particle) -> Float[Array, "plane"]:
    """Variance of the projected scattering angle in each plane of a telescope [rad2].

    Args:
        design: the telescope.
        momentum: of the beam [GeV].
        particle: what the beam is made of.
    """
    thickness = design.thickness / material("silicon").X0
    return kick_variance(thickness, particle.beta_momentum(jnp.asarray(momentum)[None]))[:, 0]


def crowding(design: TelescopeDesign) -> Float[Array, ""]:
    """How far planes overlap: sum over neighbours of max(1 - distance / depth of a box, 0)^2 [1]."""
    distance = jnp.diff(jnp.sort(design.z))
    return jnp.sum(jnp.maximum(1.0 - distance / BOX, 0.0) ** 2)
