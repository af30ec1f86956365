"""Acceptance of telescopes: the area two parallel planes offer to a direction, and its integral over all directions."""

from __future__ import annotations

import math

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

Sides = tuple[float, float]


class PlaneTelescope(eqx.Module):
    """A tracker of equal square planes, aligned behind each other at equal distances: two, or more between them.

    A direction is given by its slopes tx, ty against the axis. A straight line that crosses the first and the last
    plane crosses all between, so that only these two limit the field of view: slopes up to side / gap.
    """

    side: float = eqx.field(static=True)  # of the planes [m]
    gap: float = eqx.field(static=True)  # distance of the first and the last plane [m]
    planes: int = eqx.field(static=True, default=3)  # that must all record the particle [1]
    efficiency: float = eqx.field(static=True, default=1.0)  # of one plane [1]

    @property
    def widest(self) -> float:
        """The largest slope that is accepted [1]."""
        return self.side / self.gap

    @property
    def efficiency_of_all(self) -> float:
        """Probability that all planes record a particle that crosses them [1]."""
        return self.efficiency**self.planes

    @property
    def geometric_factor(self) -> float:
        """Integral of the area over all directions, without the efficiency [m2 sr]: `geometric_factor`."""
        return geometric_factor((self.side, self.side), (self.side, self.side), self.gap)

    def area(self, tx: Float[Array, "*#event"], ty: Float[Array, "*#event"]) -> Float[Array, "*event"]:
        """Effective area [m2] perpendicular to a direction: the overlap of the planes seen along it, times efficiency.

        (side - gap |tx|)+ (side - gap |ty|)+ cos(angle to the axis). Exact derivative, with kinks on the axes and at
        the edge.

        Args:
            tx: slope along x [1].
            ty: slope along y [1].
        """
        overlap = [jnp.maximum(self.side - self.gap * jnp.abs(t), 0.0) for t in (tx, ty)]
        return self.efficiency_of_all * overlap[0] * overlap[1] / jnp.sqrt(1.0 + tx**2 + ty**2)

    def slopes(self, uniform: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """Slopes [1] of equally weighted overlap along one axis, from numbers in (0, 1): density (side - gap |t|)+."""
        rest = 2.0 * jnp.minimum(uniform, 1.0 - uniform)
        return self.widest * jnp.where(uniform < 0.5, -1.0, 1.0) * (1.0 - jnp.sqrt(rest))

    def measure(self, tx: Float[Array, "*#event"], ty: Float[Array, "*#event"]) -> Float[Array, "*event"]:
        """Area times solid angle per probability [m2 sr] of directions drawn with `slopes` along both axes.

        Its mean over draws, times an intensity, is the integral of area and intensity over directions: efficiency
        (side^2 / gap)^2 cos^4, since dOmega = cos^3 dtx dty.
        """
        whole = self.efficiency_of_all * (self.side**2 / self.gap) ** 2
        return whole / (1.0 + tx**2 + ty**2) ** 2


def geometric_factor(first: Sides, second: Sides, distance: float) -> float:
    """Integral over directions of the common area of two parallel rectangles on one axis [m2 sr].

    G = 2 [H(p, q) - H(p, s) - H(r, q) + H(r, s)] with p, r half the sum and difference of the sides along x, q, s along
    y, and H(x, y) = x sqrt(d^2 + y^2) atan(x / sqrt(d^2 + y^2)) + y sqrt(d^2 + x^2) atan(y / sqrt(d^2 + x^2)) - d^2 / 2
    ln(d^2 + x^2 + y^2). For equal rectangles it is pi times area times the configuration factor of radiative exchange.
    Source: Thomas & Willis, J. Phys. E 5 (1972) 260; Sullivan, Nucl. Instrum. Methods 95 (1971) 5.

    Args:
        first: sides of one rectangle along x and y [m].
        second: sides of the other [m].
        distance: of the two [m].
    """

    def H(x: float, y: float) -> float:
        far_x, far_y = math.hypot(distance, x), math.hypot(distance, y)
        arcs = x * far_y * math.atan(x / far_y) + y * far_x * math.atan(y / far_x)
        return arcs - 0.5 * distance**2 * math.log(distance**2 + x**2 + y**2)

    (p, r), (q, s) = ((0.5 * (a + b), 0.5 * (a - b)) for a, b in zip(first, second, strict=True))
    return 2.0 * (H(p, q) - H(p, s) - H(r, q) + H(r, s))
