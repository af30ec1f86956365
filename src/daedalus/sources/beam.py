"""A beam: particles of one momentum that leave a target plane with a Gaussian spot and Gaussian slopes."""

from __future__ import annotations

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from daedalus.core import Derivative, Stage
from daedalus.errors import StageError
from daedalus.events import Events, Particles, normals, quasi_normals


class Beam(Stage):
    """The source of a beam along +z that starts in a plane.

    Position and slopes are independent Gaussians in x and y: x = spot * n1, dx/dz = divergence * n2 (no
    correlation of the two, as at a waist). Directions are normalised exactly. The derivative is exact
    (pathwise) in all fields of the beam; `widening` and `quasi` change how it is sampled, not what it is.

    Quasi-random numbers (`daedalus.events.quasi`) pay where a figure depends smoothly on where the particles
    start and go, and jackknife errors are upper bounds then.

    Importance: with a widening s the slopes t are drawn from a Gaussian s times as wide, t = s * divergence * n2,
    and an event weighs p(t) / q(t) = s^2 exp(-(s^2 - 1) |n2|^2 / 2), at most s^2. Weighted sums keep their
    expectations; what happens at large angles is seen more often. The price is Kish's effective number. As the mean
    weight is 1 and, per slope, the mean of w^2 over q is the integral of p^2 / q = s^2 / sqrt(2 s^2 - 1), for two
    slopes it tends to events * (2 s^2 - 1) / s^4: a share of 0.69 at s = 1.5, 0.44 at s = 2. It pays for figures
    that live beyond two standard deviations or so; for others it costs that share.
    """

    momentum: Float[Array, ""] | float  # of all particles [GeV]
    spot: Float[Array, ""] | float  # standard deviation of x and of y [m]
    divergence: Float[Array, ""] | float  # standard deviation of dx/dz and of dy/dz [rad]
    z: Float[Array, ""] | float = 0.0  # height of the plane the particles start in [m]
    widening: float = eqx.field(static=True, default=1.0)  # slopes are drawn so much wider, and weighted [1]
    quasi: bool = eqx.field(static=True, default=False)  # quasi-random numbers instead of independent ones

    name: ClassVar[str] = "beam"
    derivative: ClassVar[Derivative] = Derivative.EXACT

    def __check_init__(self) -> None:
        """Refuses a widening that narrows: its weights would have no bound.

        Raises:
            StageError: a widening below one, or not finite.
        """
        if not 1.0 <= self.widening < np.inf:
            raise StageError(
                f"the beam's slopes are to be drawn {self.widening} times as wide; expected a finite number of "
                "at least 1. Use 1 for the beam as it is."
            )

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with one particle each, weighted where the slopes are widened."""
        x, y, tx, ty = (quasi_normals if self.quasi else normals)(key, events.index, 4)
        if self.widening != 1.0:
            square = self.widening**2
            events = events.reweight(square * jnp.exp(-0.5 * (square - 1.0) * (tx**2 + ty**2)))
            tx, ty = self.widening * tx, self.widening * ty
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
