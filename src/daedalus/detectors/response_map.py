"""Response maps: planes whose sensitivity is a smooth, free density; where would one want to measure well?"""

from __future__ import annotations

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from daedalus.core import Derivative, Stage
from daedalus.detectors.edges import FAR_AWAY
from daedalus.detectors.recording import score_weight
from daedalus.events import Events, Hits, Particles, normals, uniforms

_EMPTY = 1e-3  # intensity below which the mean number of elements of a hit is given by its series [1]


class ResponseMap(Stage):
    """A stack of horizontal planes over which sensitive elements are strewn with the density of a Gaussian mixture.

    The intensity I(x, y) = sum over components of A_k / (2 pi s_k^2) exp(-r_k^2 / (2 s_k^2)) is the mean number of
    elements that cover a place; its integral is the sum of the A_k, the sensitive area, which the price counts: share
    out a fixed one with `daedalus.objectives.budget_shares`. With a Poisson number of elements, one or more cover a
    place with probability r = 1 - exp(-I), the response, and n independent measurements have an error resolution /
    sqrt(n). A model to explore with, not an apparatus anybody sells.

    As it is: a hit is recorded where a draw falls below efficiency * r, and its error is resolution / sqrt(I / r),
    with I / r the mean number of elements where there are any. Pathwise in the error, and through the event weight in
    what is recorded (see `score_weight`): unbiased and noisy.

    Softened and not ``sampled``: a hit is recorded with the efficiency anywhere, its error is resolution / sqrt(I), up
    to 1e4 times the resolution, and its probability, the response, acts as a weight later on. The derivative of this is
    exact (pathwise), and biased for what it stands for. Planes do not deflect.
    """

    x: Float[Array, "plane component"]  # centres [m]
    y: Float[Array, "plane component"]  # centres [m]
    width: Float[Array, "plane component"]  # standard deviations s_k [m]
    area: Float[Array, "plane component"]  # sensitive areas A_k, not negative [m2]
    z: Float[Array, "plane"]  # height [m]
    resolution: Float[Array, ""] | float  # standard deviation of a coordinate measured by one element [m]
    efficiency: Float[Array, ""] | float  # probability of a hit where there are elements [1]
    label: str = eqx.field(static=True)  # of the hits
    sampled: bool = eqx.field(static=True, default=True)  # how it acts when softened, see above
    price: Float[Array, ""] | float = 0.0  # of sensitive area [EUR/m2]
    relaxed: bool = eqx.field(static=True, default=False)  # whether it is softened

    @property
    def name(self) -> str:
        """The stage's name, "response_map:label"."""
        return f"response_map:{self.label}"

    @property
    def derivative(self) -> Derivative:
        """Noisy, or biased where the response acts as a weight."""
        return Derivative.BIASED if self.relaxed and not self.sampled else Derivative.NOISY

    @property
    def sensitive_area(self) -> Float[Array, "plane"]:
        """The integral of the intensity of each plane [m2]."""
        return jnp.sum(self.area, 1)

    @property
    def cost(self) -> Float[Array, ""]:
        """The price of all sensitive area [EUR]."""
        return self.price * jnp.sum(self.area)

    def intensity(self, x: Float[Array, "*shape"], y: Float[Array, "*shape"]) -> Float[Array, "plane *shape"]:
        """The mean number of sensitive elements at places in each plane [1], to be drawn as a map.

        Args:
            x: where [m].
            y: where [m].
        """
        return jax.vmap(_intensity, (None, None, 0))(x, y, (self.x, self.y, self.width, self.area))

    def softened(self, softness: Float[Array, ""] | float | None) -> ResponseMap:
        """The map as the machine sees it, whatever the softness [1], or the real one for None."""
        return dataclasses.replace(self, relaxed=softness is not None)

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with hits of this stack's label."""
        planes = len(self.z)
        true_x, true_y = events[Particles].at_z(self.z[:, None])
        intensity = jax.vmap(_intensity)(true_x, true_y, (self.x, self.y, self.width, self.area))
        response = -jnp.expm1(-intensity)
        noise = normals(key, events.index, 2 * planes)
        draw = uniforms(key, events.index, planes, lane=1)
        if self.relaxed and not self.sampled:
            sigma = self.resolution / jnp.sqrt(jnp.maximum(intensity, FAR_AWAY**2))
            recorded = draw < self.efficiency
            probability = response * recorded
        else:
            chance = self.efficiency * response
            sigma = self.resolution / jnp.sqrt(_elements(intensity))
            recorded = draw < chance
            probability = recorded.astype(true_x.dtype)
            events = events.reweight(score_weight(recorded, chance))
        x, y = true_x + sigma * noise[:planes], true_y + sigma * noise[planes:]
        return events.add(Hits(x, y, self.z, sigma, probability, recorded), self.label)


def _intensity(
    x: Float[Array, "*shape"], y: Float[Array, "*shape"], mixture: tuple[Float[Array, "component"], ...]
) -> Float[Array, "*shape"]:
    """The density of one plane at places [m], for centres x and y, widths [m] and areas [m2] of its components."""

    def one(centre_x: Array, centre_y: Array, width: Array, area: Array) -> Array:
        square = ((x - centre_x) ** 2 + (y - centre_y) ** 2) / (2.0 * width**2)
        return area / (2.0 * jnp.pi * width**2) * jnp.exp(-square)

    return jnp.sum(jax.vmap(one)(*mixture), 0)


def _elements(intensity: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The mean of a Poisson number of mean I, given that it is not zero: I / (1 - exp(-I)) [1]."""
    few = intensity < _EMPTY
    safe = jnp.where(few, 1.0, intensity)
    return jnp.where(few, 1.0 + intensity / 2.0 + intensity**2 / 12.0, safe / -jnp.expm1(-safe))
