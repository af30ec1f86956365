"""Panels: stacks of thin rectangular position detectors."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from daedalus.core import Derivative, Stage
from daedalus.detectors.edges import FAR_AWAY, Edges, SigmoidEdges
from daedalus.detectors.passage import passage
from daedalus.detectors.recording import score_weight
from daedalus.events import Events, Hits, Particles, normals, uniforms
from daedalus.physics.kicks import kick_variance, kick_width
from daedalus.physics.particles import Particle, muon


class Panels(Stage):
    """A stack of thin, horizontal, rectangular panels that measure x and y of passing particles.

    A recorded hit lies where the particle crosses the panel, smeared by the resolution: moving a panel along the line
    of a noiseless particle moves the hit along it.

    Hard edges: a hit is recorded where the particle crosses the panel and a draw falls below the efficiency.

    Relaxed edges, ``sampled``: a hit is recorded where the draw falls below efficiency * response. This is a real
    detector with soft edges; its derivative with respect to x, y and span goes through the event weight, which is
    multiplied by exp(logp - stop_gradient(logp)) with logp the log-probability of what was recorded: unbiased for the
    soft edges, noisy, and biased for the hard ones only by their softness.

    Relaxed edges, not sampled: whether a hit is recorded depends on the efficiency alone; outside the panel it fades,
    its claimed and true error growing as resolution / response^2, and its probability, the response, acts as a weight
    later on. Pathwise, without extra noise in the derivative, but some information leaks in from outside the panel.

    With a ``thickness``, a panel that is crossed also deflects, recorded or not: after the hit the projected angles
    get independent Gaussian kicks of variance `kick_variance`, for the path thickness / cos(theta) of the incoming
    line and the logarithm of the whole stack, whichever of its panels are crossed (for one of three panels alone that
    is 5 % too wide). Later hits and the outgoing particle, which then stands at its last panel, carry the kicks of
    earlier ones, see `passage`. Hard panels deflect inside their edges; relaxed ones everywhere, the kick fading with
    the response. No energy is lost. A plain zero, the default, leaves this out of the program; the particle is
    then untouched.
    """

    x: Float[Array, "plane"]  # centre [m]
    y: Float[Array, "plane"]  # centre [m]
    z: Float[Array, "plane"]  # height [m]
    span: Float[Array, "plane"] | Float[Array, "2 plane"]  # full width, of squares or along x and along y [m]
    resolution: Float[Array, "plane"] | Float[Array, ""] | float  # standard deviation of a measured coordinate [m]
    efficiency: Float[Array, "plane"] | Float[Array, ""] | float  # probability of a hit inside the panel [1]
    edges: Edges | None  # None: hard
    label: str = eqx.field(static=True)  # of the hits, e.g. "upper"
    relaxed_edges: Edges = SigmoidEdges()  # what `softened` puts in place of hard ones
    sampled: bool = eqx.field(static=True, default=True)  # how relaxed edges act, see above
    price: Float[Array, "plane"] | Float[Array, ""] | float = 0.0  # of a panel's area [EUR/m2]
    thickness: Float[Array, "plane"] | Float[Array, ""] | float = 0.0  # of a panel [radiation lengths]
    particle: Particle = eqx.field(static=True, default=muon)  # what passes; sets beta where panels deflect

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
        if jnp.ndim(self.price) == 0:
            return self.price * jnp.sum(width * length)
        return jnp.sum(self.price * width * length)

    @property
    def deflects(self) -> bool:
        """Whether particles are deflected, which only a thickness of a plain 0 excludes."""
        return not (isinstance(self.thickness, (int, float)) and self.thickness == 0)

    def softened(self, softness: Float[Array, ""] | float | None) -> "Panels":
        """The panels with edges relaxed to ``softness`` times their width [1], or hard for None."""
        edges = None if softness is None else self.relaxed_edges.scaled(softness)
        return eqx.tree_at(lambda p: p.edges, self, edges, is_leaf=lambda leaf: leaf is None)

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with hits of this stack's label, and deflected particles where panels have a thickness."""
        planes = len(self.z)
        width, length = self._widths()
        if self.deflects:
            kick = self._kicks(events, key)
            passed = passage(events[Particles], self.z, kick, self._response, (self.x, self.y, width, length))
            true_x, true_y, response = passed.x, passed.y, passed.presence
            events = events.add(passed.particles)
        else:
            true_x, true_y = events[Particles].at_z(self.z[:, None])
            response = self._response(true_x, true_y, *(v[:, None] for v in (self.x, self.y, width, length)))
        noise = normals(key, events.index, 2 * planes)
        draw = uniforms(key, events.index, planes, lane=1)
        if self.edges is None or self.sampled:
            chance = _column(self.efficiency) * response
            sigma = jnp.full_like(true_x, 1.0) * _column(self.resolution)
            recorded = draw < chance
            probability = recorded.astype(true_x.dtype)
            if self.edges is not None:
                events = events.reweight(score_weight(recorded, chance))
        else:
            sigma = _column(self.resolution) / jnp.maximum(response**2, FAR_AWAY)
            recorded = draw < _column(self.efficiency)
            probability = response * recorded
        x, y = true_x + sigma * noise[:planes], true_y + sigma * noise[planes:]
        return events.add(Hits(x, y, self.z, sigma, probability, recorded), self.label)

    def _response(
        self,
        x: Float[Array, "*place"],
        y: Float[Array, "*place"],
        *shape: Float[Array, "..."],
    ) -> Float[Array, "*place"]:
        """The response at a place [m] of panels of a shape: centre in x and y and widths along x and y [m]."""
        centre_x, centre_y, width, length = shape
        offset_x = (x - centre_x) / (0.5 * width)
        offset_y = (y - centre_y) / (0.5 * length)
        if self.edges is None:
            return ((jnp.abs(offset_x) < 1.0) & (jnp.abs(offset_y) < 1.0)).astype(x.dtype)
        return self.edges.response(offset_x) * self.edges.response(offset_y)

    def _kicks(
        self, events: Events, key: Key[Array, ""]
    ) -> tuple[Float[Array, "plane event"], Float[Array, "plane event"]]:
        """The turns of the direction in x and in y [rad] that the panels have in store for each particle."""
        particles, planes = events[Particles], len(self.z)
        tx, ty = particles.slopes
        thickness = jnp.broadcast_to(self.thickness, self.z.shape).astype(self.z.dtype)
        beta_momentum = self.particle.beta_momentum(particles.momentum)
        width = kick_width(kick_variance(thickness, beta_momentum, jnp.sqrt(1.0 + tx**2 + ty**2)))
        draw = normals(key, events.index, 2 * planes, lane=2)
        return width * draw[:planes], width * draw[planes:]

    def _widths(self) -> Float[Array, "2 plane"]:
        """The full widths along x and along y [m]."""
        return jnp.broadcast_to(self.span, (2, len(self.z)))


def _column(value: Float[Array, "plane"] | Float[Array, ""] | float) -> Float[Array, "#plane 1"] | Array | float:
    """A number as it is, or one per plane as a column."""
    return value if jnp.ndim(value) == 0 else jnp.asarray(value)[:, None]
