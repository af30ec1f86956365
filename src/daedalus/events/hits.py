"""Hits: what a stack of planes recorded of each event."""

from __future__ import annotations

import equinox as eqx
from jaxtyping import Array, Bool, Float


class Hits(eqx.Module):
    """Measured positions on a stack of planes, plane by plane.

    ``sigma`` is what the detector claims of itself; ``probability`` is that of the hit being recorded, and
    ``recorded`` what happened (always True where edges are relaxed and the probability acts as a weight).
    """

    x: Float[Array, "plane event"]  # measured position [m]
    y: Float[Array, "plane event"]  # measured position [m]
    z: Float[Array, "plane"]  # height of the plane [m]
    sigma: Float[Array, "plane event"]  # standard deviation of x and of y [m]
    probability: Float[Array, "plane event"]  # that the hit is recorded [1]
    recorded: Bool[Array, "plane event"]
