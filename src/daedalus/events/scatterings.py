"""Scatterings: where and by how much two tracks of one particle differ."""

from __future__ import annotations

import equinox as eqx
from jaxtyping import Array, Bool, Float


class Scatterings(eqx.Module):
    """The point of closest approach of an incoming and an outgoing track, and the angle between them."""

    x: Float[Array, "event"]  # point of closest approach [m]
    y: Float[Array, "event"]  # [m]
    z: Float[Array, "event"]  # [m]
    sigma_x: Float[Array, "event"]  # propagated standard deviation [m]
    sigma_y: Float[Array, "event"]  # [m]
    sigma_z: Float[Array, "event"]  # [m]
    angle: Float[Array, "event"]  # between the two directions, in space [rad]
    sigma_angle: Float[Array, "event"]  # [rad]
    distance: Float[Array, "event"]  # of the two lines [m]
    found: Bool[Array, "event"]  # False: a track is missing, or the tracks are parallel
    probability: Float[Array, "event"]  # that both tracks are recorded [1]
