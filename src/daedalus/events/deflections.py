"""Deflections: how a particle left a box against how it entered, and the path between the two points."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


class Deflections(eqx.Module):
    """Angle and offset of the outgoing track against the incoming one, in two projections, and the path between.

    The path is one of straight legs, one after the other, from where the particle enters the box to where it leaves.
    The projections are the plane of the incoming track's inclination and the one across it. Angles count along the
    motion; the offset is that of the lines where the outgoing one crosses a reference plane behind the box, measured
    across the incoming one. The covariance is that of the tracks' own errors.
    """

    x: Float[Array, "leg event"]  # where the leg begins [m]
    y: Float[Array, "leg event"]  # [m]
    z: Float[Array, "leg event"]  # [m]
    ux: Float[Array, "leg event"]  # direction of the leg [1]
    uy: Float[Array, "leg event"]  # [1]
    uz: Float[Array, "leg event"]  # [1]
    legs: Float[Array, "leg event"]  # length of the leg [m]
    beyond: Float[Array, "event"]  # from the end of the last leg to the reference plane, along the path [m]
    angle: Float[Array, "projection event"]  # [rad]
    offset: Float[Array, "projection event"]  # [m]
    var_angle: Float[Array, "projection event"]  # [rad2]
    covariance: Float[Array, "projection event"]  # of angle and offset [rad m]
    var_offset: Float[Array, "projection event"]  # [m2]
    found: Bool[Array, "event"]  # False: a track is missing or too flat, or misses the box; the rest is finite
    probability: Float[Array, "event"]  # that both tracks are recorded [1]

    @property
    def length(self) -> Float[Array, "event"]:
        """The length of the path within the box [m]."""
        return jnp.sum(self.legs, 0)
