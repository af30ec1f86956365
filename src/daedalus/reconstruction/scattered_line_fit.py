"""The straight-line fit that knows of multiple scattering: generalised least squares, in closed form."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from daedalus.core import Derivative, Stage
from daedalus.events import Events, Hits, Tracks
from daedalus.gradients.positive_solve import positive_solve


class LineEstimate(NamedTuple):
    """The best linear estimate of a line from the hits of a telescope.

    Attributes:
        weights: by which hits are multiplied and summed to give position [1] and slope [1/m]. covariance: of
        position [m2] and slope [1], off the diagonal [m]. solvable: False where the planes do not span any
        length; the other fields are then finite but mean nothing.
    """

    weights: Float[Array, "2 plane"]
    covariance: Float[Array, "2 2"]
    solvable: Bool[Array, ""]


class ScatteredLineFit(Stage):
    """A straight line through the hits of thin scattering planes, extrapolated back to the plane z_reference.

    Generalised least squares with the full covariance of the hits, see `line_estimate`: the line is that of
    the particle *before* its first plane, so z_reference must not lie beyond the first plane. Errors claimed
    by the hits are not read: the fit has the planes' errors and kicks as data, one set for all events, for a
    beam of one momentum. Tracks with a plane missing are not found and their events stop living. The
    derivative is that of the closed form, exact.
    """

    z: Float[Array, "plane"]  # position along the beam [m]
    sigma: Float[Array, "plane"]  # standard deviation of a measured coordinate [m]
    kick: Float[Array, "plane"]  # variance of the projected scattering angle in a plane [rad2]
    z_reference: Float[Array, ""] | float  # where position and slope are wanted [m]
    label: str = eqx.field(static=True)  # of hits and tracks

    derivative: ClassVar[Derivative] = Derivative.EXACT

    def __init__(
        self,
        z: Float[Array, "plane"],
        sigma: Float[Array, "plane"],
        kick: Float[Array, "plane"],
        *,
        z_reference: Float[Array, ""] | float = 0.0,
        label: str = "telescope",
    ) -> None:
        """A fit for planes of the given places [m], errors [m] and variances of the kick [rad2]."""
        self.z, self.sigma, self.kick, self.z_reference, self.label = z, sigma, kick, z_reference, label

    @property
    def name(self) -> str:
        """The stage's name, "scattered_line_fit:label"."""
        return f"scattered_line_fit:{self.label}"

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with tracks of this label; only those with a hit in every plane stay alive."""
        hits = events[Hits, self.label]
        estimate = line_estimate(self.z, self.sigma, self.kick, self.z_reference)
        x, tx = estimate.weights @ hits.x
        y, ty = estimate.weights @ hits.y
        found = jnp.all(hits.recorded, 0) & estimate.solvable
        level = jnp.ones_like(x)
        covariance = estimate.covariance
        tracks = Tracks(
            x=x,
            y=y,
            tx=tx,
            ty=ty,
            z=self.z_reference * level,
            var_position=covariance[0, 0] * level,
            var_slope=covariance[1, 1] * level,
            covariance=covariance[0, 1] * level,
            found=found,
            probability=jnp.prod(hits.probability, 0),
        )
        return events.add(tracks, self.label).accept(found)


def line_estimate(
    z: Float[Array, "plane"],
    sigma: Float[Array, "plane"],
    kick: Float[Array, "plane"],
    z_reference: Float[Array, ""] | float = 0.0,
) -> LineEstimate:
    """The estimate of position and slope at z_reference before the first plane, with its covariance.

    (x0, t) = C A^T V^-1 x, C = (A^T V^-1 A)^-1, rows of A (1, z_i - z_reference), V from `hit_covariance`:
    the minimum-variance linear estimate (Gauss and Markov), as in Gluckstern, Nucl. Instrum. Methods 24
    (1963) 381 and Lutz, Nucl. Instrum. Methods A 273 (1988) 349. Solved about the planes' centre, where
    float32 loses least. The derivative is exact, except where two planes meet.

    Args:
        z: position of the planes along the beam, in any order [m].
        sigma: standard deviation of a measured coordinate in each plane [m].
        kick: variance of the projected scattering angle in each plane [rad2].
        z_reference: where position and slope are wanted, not beyond the first plane [m].
    """
    scale, centre = jnp.mean(sigma**2), jnp.mean(z)
    length = jnp.max(z) - jnp.min(z)
    solvable = length > 1e-6 * jnp.max(jnp.abs(z) + 1e-30)
    safe = jnp.where(solvable, length, 1.0)
    A = jnp.stack([jnp.ones_like(z), (z - centre) / safe], 1)
    W = positive_solve(hit_covariance(z, sigma, kick) / scale, A)
    (a, b), (_, c) = A.T @ W
    determinant = jnp.where(solvable, a * c - b * b, 1.0)
    inverse = jnp.array([[c, -b], [-b, a]]) / determinant
    move = jnp.array([[1.0, (z_reference - centre) / safe], [0.0, 1.0 / safe]])
    return LineEstimate(move @ inverse @ W.T, scale * move @ inverse @ move.T, solvable)


def hit_covariance(
    z: Float[Array, "plane"], sigma: Float[Array, "plane"], kick: Float[Array, "plane"]
) -> Float[Array, "plane plane"]:
    """Covariance [m2] of the hits of one particle about its line before the first plane.

    V_ij = sigma_i^2 delta_ij + sum over k of kick_k max(z_i - z_k, 0) max(z_j - z_k, 0): each plane deflects,
    and what lies behind it moves together (Gluckstern, Nucl. Instrum. Methods 24 (1963) 381). Thin planes,
    small angles. The derivative is exact, except where two planes meet.

    Args:
        z: position of the planes along the beam, in any order [m].
        sigma: standard deviation of a measured coordinate in each plane [m].
        kick: variance of the projected scattering angle in each plane [rad2].
    """
    lever = jnp.maximum(z[:, None] - z, 0.0)
    return jnp.diag(sigma**2) + (lever * kick) @ lever.T
