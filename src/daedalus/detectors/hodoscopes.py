"""Hodoscopes: rigid boxes of several planes that are moved as one, and how far boxes are apart."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from jaxtyping import Array, Float

from daedalus.detectors.edges import Edges
from daedalus.detectors.panels import Panels
from daedalus.geometry.boxes import Box


class Hodoscopes(eqx.Module):
    """Boxes of equal build: planes at fixed gaps, in a casing that reaches beyond the outer ones.

    The planes of all boxes make one stack of `Panels`, box by box and from below; whichever of them a particle crosses
    give its track. Constraints that no box stands in another, nor in what is looked at, are known without events::

        Constraint("no overlap", lambda design: least_separation(boxes(design)), lower=0.0, unit="m", known=True)
    """

    x: Float[Array, "box"]  # centre [m]
    y: Float[Array, "box"]  # centre [m]
    z: Float[Array, "box"]  # centre [m]
    span: Float[Array, "box"] | Float[Array, "2 box"]  # full width of planes and box, of squares or along x and y [m]
    gaps: Float[Array, "gap"]  # between neighbouring planes, from below [m]
    casing: Float[Array, ""] | float = 0.0  # what the box reaches beyond its lowest and highest plane, each [m]

    @property
    def height(self) -> Float[Array, ""]:
        """The total height of a box [m]."""
        return jnp.sum(self.gaps) + 2.0 * self.casing

    @property
    def corners(self) -> tuple[Float[Array, "3 box"], Float[Array, "3 box"]]:
        """The lower and the upper corners of the boxes [m]."""
        width, length = self._widths()
        half = 0.5 * jnp.stack([width, length, jnp.broadcast_to(self.height, self.z.shape)])
        centre = jnp.stack([self.x, self.y, self.z])
        return centre - half, centre + half

    @property
    def plane_heights(self) -> Float[Array, "box plane"]:
        """The heights of the planes of each box [m]."""
        above = jnp.concatenate([jnp.zeros(1), jnp.cumsum(self.gaps)])
        return self.z[:, None] + (above - 0.5 * jnp.sum(self.gaps))

    def panels(
        self,
        label: str,
        resolution: Float[Array, "plane"] | Float[Array, ""] | float,
        efficiency: Float[Array, "plane"] | Float[Array, ""] | float,
        edges: Edges | None = None,
        **others: Any,
    ) -> Panels:
        """The planes of all boxes as one stack.

        Args:
            label: of the hits.
            resolution: standard deviation of a measured coordinate [m].
            efficiency: probability of a hit inside a plane [1].
            edges: relaxed ones; hard by default.
            others: further fields of `Panels` by name: price, thickness ...
        """
        each = lambda row: jnp.repeat(row, len(self.gaps) + 1, axis=-1)
        span = each(self._widths())
        return Panels(
            each(self.x),
            each(self.y),
            jnp.ravel(self.plane_heights),
            span,
            resolution,
            efficiency,
            edges,
            label,
            **others,
        )

    def _widths(self) -> Float[Array, "2 box"]:
        """The full widths along x and along y [m]."""
        return jnp.broadcast_to(self.span, (2, len(self.z)))


def least_separation(*hodoscopes: Hodoscopes, softness: float = 0.0) -> Float[Array, ""]:
    """The smallest signed gap [m] between any two boxes of the given hodoscopes; infinite for a single box.

    The signed gap of two boxes is the largest of the three gaps along the axes: not negative exactly where they do not
    overlap, and minus the shortest way out where they do. Piecewise linear in places and sizes; its derivative is that
    of the pair and axis that decide. With a softness the largest and the smallest are softened by sums of exponentials
    such that the result is never larger than the sharp one: a constraint on it is on the safe side.

    Args:
        hodoscopes: whose boxes must not overlap.
        softness: over how much the choice of the axis and the pair is smeared; 0 is sharp [m].
    """
    lower, upper = (jnp.concatenate(side, axis=1) for side in zip(*(h.corners for h in hodoscopes)))
    first, second = np.triu_indices(lower.shape[1], 1)
    if len(first) == 0:
        return jnp.asarray(jnp.inf, lower.dtype)
    gap = signed_gap((lower[:, first], upper[:, first]), (lower[:, second], upper[:, second]), softness)
    return _smallest(gap, softness)


def least_clearance(hodoscopes: Hodoscopes, volume: Box, softness: float = 0.0) -> Float[Array, ""]:
    """The smallest signed gap [m] between the boxes of hodoscopes and a volume; see `least_separation`.

    Args:
        hodoscopes: whose boxes must stay outside.
        volume: what must be kept clear.
        softness: over how much the choice of the axis and the box is smeared; 0 is sharp [m].
    """
    gap = signed_gap(hodoscopes.corners, (volume.lower[:, None], volume.upper[:, None]), softness)
    return _smallest(gap, softness)


def signed_gap(
    first: tuple[Float[Array, "3 #pair"], Float[Array, "3 #pair"]],
    second: tuple[Float[Array, "3 #pair"], Float[Array, "3 #pair"]],
    softness: float = 0.0,
) -> Float[Array, "pair"]:
    """The signed gaps [m] of pairs of boxes, given as lower and upper corners [m]; see `least_separation`."""
    along = jnp.maximum(first[0] - second[1], second[0] - first[1])
    if softness == 0.0:
        return jnp.max(along, 0)
    return softness * (logsumexp(along / softness, axis=0) - np.log(len(along)))


def _smallest(gap: Float[Array, "pair"], softness: float) -> Float[Array, ""]:
    """The smallest of some gaps, or something smaller."""
    return jnp.min(gap) if softness == 0.0 else -softness * logsumexp(-gap / softness)
