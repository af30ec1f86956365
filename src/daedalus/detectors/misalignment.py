"""Misalignment: planes that are not quite where one believes they are."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from daedalus.core import Derivative, Stage
from daedalus.events import Events, Hits, Particles


class Misalignment(Stage):
    """Moves the measured positions of a stack as displaced and turned planes would report them.

    A plane shifted by (dx, dy, dz) and turned by phi about the vertical through the pivot reports, in the coordinates
    it is believed to have, the particle's place there moved back: first by the slope times dz (it is crossed at another
    height), then by -dx and -dy, then turned by -phi. The slopes are those of the particles as they are now, so place
    it right after the panels; kicks within the stack change them by milliradians. Edges do not move. Arrays typically
    come from a scenario's truth; neutral at zero. The derivative is exact.
    """

    label: str = eqx.field(static=True)  # of the hits
    dx: Float[Array, "plane"] | Float[Array, ""] | float = 0.0  # displacement [m]
    dy: Float[Array, "plane"] | Float[Array, ""] | float = 0.0  # [m]
    dz: Float[Array, "plane"] | Float[Array, ""] | float = 0.0  # [m]
    turn: Float[Array, "plane"] | Float[Array, ""] | float = 0.0  # phi, counter-clockwise seen from above [rad]
    pivot: tuple[Float[Array, ""] | float, Float[Array, ""] | float] = (0.0, 0.0)  # x and y of the axis of the turn [m]

    @property
    def name(self) -> str:
        """The stage's name, "misalignment:label"."""
        return f"misalignment:{self.label}"

    @property
    def derivative(self) -> Derivative:
        """Exact."""
        return Derivative.EXACT

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with displaced hits of the label."""
        hits = events[Hits, self.label]
        tx, ty = events[Particles].slopes
        column = lambda value: jnp.broadcast_to(value, hits.z.shape)[:, None]
        dx, dy, dz, turn = map(column, (self.dx, self.dy, self.dz, self.turn))
        x = hits.x + tx * dz - dx - self.pivot[0]
        y = hits.y + ty * dz - dy - self.pivot[1]
        cosine, sine = jnp.cos(turn), jnp.sin(turn)
        moved = Hits(
            self.pivot[0] + cosine * x + sine * y,
            self.pivot[1] + cosine * y - sine * x,
            hits.z,
            hits.sigma,
            hits.probability,
            hits.recorded,
        )
        return events.add(moved, self.label)
