"""A beam: particles of one momentum that leave a target plane with a Gaussian spot and Gaussian slopes."""

from __future__ import annotations

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from daedalus.core import Derivative, Stage
from daedalus.events import Events, Particles, normals


class Beam(Stage):
    """The source of a beam along +z that starts in a plane.

    Position and slopes are independent Gaussians in x and y: x = spot * n1, dx/dz = divergence * n2 (no
    correlation of the two, as at a waist). Directions are normalised exactly. The derivative is exact
    (pathwise) in all fields.
    """

    momentum: Float[Array, ""] | float  # of all particles [GeV]
    spot: Float[Array, ""] | float  # standard deviation of x and of y [m]
    divergence: Float[Array, ""] | float  # standard deviation of dx/dz and of dy/dz [rad]
    z: Float[Array, ""] | float = 0.0  # height of the plane the particles start in [m]

    name: ClassVar[str] = "beam"
    derivative: ClassVar[Derivative] = Derivative.EXACT

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with one particle each."""
        x, y, tx, ty = normals(key, events.index, 4)
        tx, ty = self.divergence * tx, self.divergence * ty
        uz = 1.0 / jnp.sqrt(1.0 + tx**2 + ty**2)
        level = jnp.ones_like(x)
        return events.add(
            Particles(
                x=self.spot * x,
                y=self.spot * y,
                z=self.z * level,
                ux=tx * uz,
                uy=ty * uz,
                uz=uz,
                momentum=self.momentum * level,
            )
        )
