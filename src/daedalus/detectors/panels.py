"""Panels: stacks of thin rectangular position detectors."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from daedalus.core import Derivative, Stage
from daedalus.detectors.edges import FAR_AWAY, Edges, SigmoidEdges
from daedalus.events import Events, Hits, Particles, normals, uniforms


class Panels(Stage):
    """A stack of infinitely thin, horizontal, square panels that measure x and y of passing particles.

    The particle is not deflected. With hard edges a hit exists where the particle crosses the panel and a draw falls
    below the efficiency. With relaxed edges every particle makes a hit, whose claimed error grows as
    resolution / response and whose probability is efficiency * response; the measured position is then
    true position + error * normal number, so that pulls stay standard normal. The hit lies on the particle's line at
    the panel's height: moving a panel along the line of a noiseless particle moves the hit along it.
    """

    x: Float[Array, "plane"]  # centre [m]
    y: Float[Array, "plane"]  # centre [m]
    z: Float[Array, "plane"]  # height [m]
    span: Float[Array, "plane"]  # full width in x and in y [m]
    resolution: Float[Array, ""] | float  # standard deviation of a measured coordinate [m]
    efficiency: Float[Array, ""] | float  # probability of a hit inside the panel [1]
    edges: Edges | None  # None: hard
    label: str = eqx.field(static=True)  # of the hits, e.g. "upper"
    relaxed_edges: Edges = SigmoidEdges()  # what `softened` puts in place of hard ones

    @property
    def name(self) -> str:
        """The stage's name, "panels:label"."""
        return f"panels:{self.label}"

    @property
    def derivative(self) -> Derivative:
        """Biased where edges are relaxed; none in x, y and span where they are hard."""
        return Derivative.NONE if self.edges is None else Derivative.BIASED

    def softened(self, softness: Float[Array, ""] | float | None) -> Panels:
        """The panels with edges relaxed to ``softness`` times their width [1], or hard for None."""
        edges = None if softness is None else self.relaxed_edges.scaled(softness)
        geometry = (self.x, self.y, self.z, self.span)
        return Panels(*geometry, self.resolution, self.efficiency, edges, self.label, self.relaxed_edges)

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with hits of this stack's label."""
        planes = len(self.z)
        true_x, true_y = events[Particles].at_z(self.z[:, None])
        noise = normals(key, events.index, 2 * planes)
        half = 0.5 * self.span[:, None]
        offset_x, offset_y = (true_x - self.x[:, None]) / half, (true_y - self.y[:, None]) / half
        if self.edges is None:
            draw = uniforms(key, events.index, planes, lane=1)
            inside = (jnp.abs(offset_x) < 1.0) & (jnp.abs(offset_y) < 1.0)
            recorded = inside & (draw < self.efficiency)
            probability = recorded.astype(true_x.dtype)
            sigma = jnp.full_like(true_x, 1.0) * self.resolution
        else:
            response = self.edges.response(offset_x) * self.edges.response(offset_y)
            recorded = jnp.ones_like(true_x, bool)
            probability = self.efficiency * response
            sigma = self.resolution / jnp.maximum(response, FAR_AWAY)
        hits = Hits(
            true_x + sigma * noise[:planes], true_y + sigma * noise[planes:], self.z, sigma, probability, recorded
        )
        return events.add(hits, self.label)
