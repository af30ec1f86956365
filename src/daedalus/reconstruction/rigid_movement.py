"""Rigid movements of a stack against the other: what they do to its tracks, and to angles and offsets."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from daedalus.events import Deflections, Events, Tracks
from daedalus.reconstruction.deflections import deviations, upright

MOVEMENTS = ("dx", "dy", "dz", "rx", "ry", "rz")  # shifts [m] and turns about the axes [rad], in this order

Pivot = tuple[Float[Array, ""] | float, Float[Array, ""] | float, Float[Array, ""] | float]


def moved(tracks: Tracks, movement: Float[Array, "6"], pivot: Pivot) -> Tracks:
    """The tracks that a displaced and turned stack would report, in the coordinates it is believed to have.

    A stack shifted by d and turned by r about a pivot c reports of a point p the point p - d - r x (p - c), to first
    order in the turns, and so of a straight line a straight line. Heights of reference, errors and probabilities are
    kept. For shifts, and small turns about the vertical, it is `daedalus.detectors.misalignment.Misalignment`.

    Args:
        tracks: of the stack.
        movement: d [m] and r [rad], in the order of `MOVEMENTS`.
        pivot: c, the point about which the stack turns [m].
    """
    dx, dy, dz, rx, ry, rz = movement
    x, y, z = tracks.x - pivot[0], tracks.y - pivot[1], tracks.z - pivot[2]
    rise = 1.0 - (rx * tracks.ty - ry * tracks.tx)
    tx, ty = (tracks.tx - (ry - rz * tracks.ty)) / rise, (tracks.ty - (rz * tracks.tx - rx)) / rise
    fall = dz + rx * y - ry * x  # of the point below the height of reference
    at_x = tracks.x - dx - (ry * z - rz * y) + fall * tx
    at_y = tracks.y - dy - (rz * x - rx * z) + fall * ty
    return eqx.tree_at(lambda t: (t.x, t.y, t.tx, t.ty), tracks, (at_x, at_y, tx, ty))


class MovementResponse(eqx.Module):
    """How angles and offsets (`daedalus.events.Deflections`) answer to a small movement of the outgoing stack.

    The derivative of `daedalus.reconstruction.deflections.deviations` at rest; that of a design is exact.
    """

    height: Float[Array, ""] | float  # of the reference plane of the offsets [m]
    pivot: Pivot  # about which the stack turns [m]
    incoming: str = eqx.field(static=True, default="upper")
    outgoing: str = eqx.field(static=True, default="lower")

    def __call__(self, events: Events) -> Float[Array, "param 2 projection event"]:
        """By movement [m or rad]: angle [rad], offset [m], of either projection; zero where nothing was found."""
        found = events[Deflections].found
        incoming, outgoing = (upright(events[Tracks, label], found) for label in (self.incoming, self.outgoing))

        def measured(movement: Float[Array, "6"]) -> Float[Array, "2 projection event"]:
            pair = deviations(incoming, moved(outgoing, movement, self.pivot), self.height)
            return jnp.stack([jnp.stack([each.angle for each in pair]), jnp.stack([each.offset for each in pair])])

        still = jnp.zeros(len(MOVEMENTS), incoming.x.dtype)
        ways = jnp.eye(len(MOVEMENTS), dtype=incoming.x.dtype)
        slopes = jax.vmap(lambda way: jax.jvp(measured, (still,), (way,))[1])(ways)
        return jnp.where(found, slopes, 0.0)
