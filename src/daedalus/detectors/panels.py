"""Panels: stacks of thin rectangular position detectors."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from daedalus.core import Derivative, Stage
from daedalus.detectors.edges import FAR_AWAY, Edges, SigmoidEdges
from daedalus.events import Events, Hits, Particles, normals, uniforms


class Panels(Stage):
    """A stack of infinitely thin, horizontal, rectangular panels that measure x and y of passing particles.

    The particle is not deflected, and a recorded hit lies on its line at the panel's height, smeared by the
    resolution: moving a panel along the line of a noiseless particle moves the hit along it.

    Hard edges: a hit is recorded where the particle crosses the panel and a draw falls below the efficiency.

    Relaxed edges, ``sampled``: a hit is recorded where the draw falls below efficiency * response. This is a real
    detector with soft edges; its derivative with respect to x, y and span goes through the event weight, which is
    multiplied by exp(logp - stop_gradient(logp)) with logp the log-probability of what was recorded: unbiased for the
    soft edges, noisy, and biased for the hard ones only by their softness.

    Relaxed edges, not sampled: whether a hit is recorded depends on the efficiency alone; outside the panel it fades,
    its claimed and true error growing as resolution / response^2, and its probability, the response, acts as a weight
    later on. Pathwise, without extra noise in the derivative, but some information leaks in from outside the panel.
    """

    x: Float[Array, "plane"]  # centre [m]
    y: Float[Array, "plane"]  # centre [m]
    z: Float[Array, "plane"]  # height [m]
    span: Float[Array, "plane"] | Float[Array, "2 plane"]  # full width, of squares or along x and along y [m]
    resolution: Float[Array, ""] | float  # standard deviation of a measured coordinate [m]
    efficiency: Float[Array, ""] | float  # probability of a hit inside the panel [1]
    edges: Edges | None  # None: hard
    label: str = eqx.field(static=True)  # of the hits, e.g. "upper"
    relaxed_edges: Edges = SigmoidEdges()  # what `softened` puts in place of hard ones
    sampled: bool = eqx.field(static=True, default=True)  # how relaxed edges act, see above
    price: Float[Array, ""] | float = 0.0  # of a panel's area [EUR/m2]

    @property
    def name(self) -> str:
        """The stage's name, "panels:label"."""
        return f"panels:{self.label}"

    @property
    def derivative(self) -> Derivative:
        """Biased where edges are relaxed, and noisy where they are sampled; none where they are hard."""
        if self.edges is None:
            return Derivative.NONE
        return Derivative.BIASED | Derivative.NOISY if self.sampled else Derivative.BIASED

    @property
    def cost(self) -> Float[Array, ""]:
        """The price of all panels of the stack [EUR]."""
        width, length = self._widths()
        return self.price * jnp.sum(width * length)

    def softened(self, softness: Float[Array, ""] | float | None) -> "Panels":
        """The panels with edges relaxed to ``softness`` times their width [1], or hard for None."""
        edges = None if softness is None else self.relaxed_edges.scaled(softness)
        return eqx.tree_at(lambda p: p.edges, self, edges, is_leaf=lambda leaf: leaf is None)

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with hits of this stack's label."""
        planes = len(self.z)
        true_x, true_y = events[Particles].at_z(self.z[:, None])
        width, length = self._widths()
        offset_x = (true_x - self.x[:, None]) / (0.5 * width[:, None])
        offset_y = (true_y - self.y[:, None]) / (0.5 * length[:, None])
        if self.edges is None:
            response = ((jnp.abs(offset_x) < 1.0) & (jnp.abs(offset_y) < 1.0)).astype(true_x.dtype)
        else:
            response = self.edges.response(offset_x) * self.edges.response(offset_y)
        noise = normals(key, events.index, 2 * planes)
        draw = uniforms(key, events.index, planes, lane=1)
        if self.edges is None or self.sampled:
            chance = self.efficiency * response
            sigma = jnp.full_like(true_x, 1.0) * self.resolution
            recorded = draw < chance
            probability = recorded.astype(true_x.dtype)
            if self.edges is not None:
                safe = jnp.clip(chance, RAREST, 1.0 - RAREST)
                log_chance = jnp.sum(jnp.where(recorded, jnp.log(safe), jnp.log1p(-safe)), 0)
                events = events.reweight(jnp.exp(log_chance - jax.lax.stop_gradient(log_chance)))
        else:
            sigma = self.resolution / jnp.maximum(response**2, FAR_AWAY)
            recorded = draw < self.efficiency
            probability = response * recorded
        x, y = true_x + sigma * noise[:planes], true_y + sigma * noise[planes:]
        return events.add(Hits(x, y, self.z, sigma, probability, recorded), self.label)

    def _widths(self) -> Float[Array, "2 plane"]:
        """The full widths along x and along y [m]."""
        return jnp.broadcast_to(self.span, (2, len(self.z)))


RAREST = 1e-4  # smallest probability of a hit, or of none, that a derivative is taken of [1]
