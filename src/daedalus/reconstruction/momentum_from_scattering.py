"""Momentum from the scattering in the detector itself: how far hits stray from a line, in units of what p allows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from daedalus.core import Derivative, Stage
from daedalus.errors import StageError
from daedalus.events import Events, Hits, Momenta
from daedalus.physics.flux import Flux
from daedalus.physics.kicks import kick_variance
from daedalus.physics.particles import Particle, muon
from daedalus.reconstruction.line_fit import line_fit

LEAST_HITS = 3  # with two there is no residual
STEEPEST = 1e-3  # slope below which a direction counts as vertical, for which both projections scatter alike [1]
_LEAST_PRIOR = 1e-30  # of a node; its logarithm is finite in float32 [1]
_LEAST_ERROR = 1e-6  # relative; keeps the derivative of the root finite on a grid of one node [1]

Nodes = Float[np.ndarray, "node"] | Float[Array, "node"]
Shares = Float[np.ndarray, "_"] | Float[Array, "_"]  # of nodes; their number is checked with a text of its own


class MomentumFromScattering(Stage):
    """The posterior mean of the momentum on a grid, from hits of one or two stacks of panels of known thickness.

    For each node p of the grid the hits of a stack are Gaussian about an unknown straight line, with the covariance
    sigma_i^2 delta_ij + sum over k of var_k max(z_i - z_k, 0) max(z_j - z_k, 0), var_k ~ 1 / (beta p)^2 the kicks of
    `kick_variance` for the slant of the fitted line; a flat prior of the line is integrated out (restricted likelihood;
    Patterson and Thompson, Biometrika 58 (1971) 545), see `momentum_likelihood`. Projections along and across the
    inclination are independent and both count; so do the stacks. Each stack of n recorded hits has 2 (n - 2) degrees
    of freedom. Where scattering dominates, f of them give a relative error of 1 / sqrt(2 f) if they are many, and ln p
    one of sqrt(trigamma(f / 2)) / 2 in any case (0.40 for two stacks of three planes), whatever the momentum; where
    sigma dominates, the hits only say that p is large and the prior rules.

    Stacks with fewer than three recorded hits say nothing; an event without any other keeps the prior. Plane by plane
    the errors claimed by the hits are believed. Momentum lost between the stacks is not known. The derivative is exact.
    """

    stacks: dict[str, Float[Array, "_"]]  # label of the hits: thickness of each panel [radiation lengths]
    grid: Nodes  # momenta [GeV]
    prior: Nodes  # probability of each node, up to a factor [1]
    particle: Particle = eqx.field(static=True)  # sets beta
    mean: Literal["momentum", "inverse_square"] = eqx.field(static=True)  # of what the mean is taken

    name: ClassVar[str] = "momentum_from_scattering"
    derivative: ClassVar[Derivative] = Derivative.EXACT

    def __init__(
        self,
        stacks: Mapping[str, Float[Array, "_"]],
        grid: Nodes,
        prior: Shares | None = None,
        *,
        particle: Particle = muon,
        mean: Literal["momentum", "inverse_square"] = "momentum",
    ) -> None:
        """An estimate from stacks of panels.

        Args:
            stacks: thickness of each panel, by the label of the hits [radiation lengths].
            grid: momenta, best evenly spaced in the logarithm [GeV].
            prior: probability of each node, as from `node_probabilities`; all the same by default [1].
            particle: what scatters.
            mean: "momentum", or "inverse_square" for 1 / sqrt(mean of 1 / p^2), which makes variances of further
                scattering right on average.

        Raises:
            StageError: a prior that does not fit the grid.
        """
        self.stacks, self.grid = dict(stacks), grid
        self.prior = np.ones(len(grid)) if prior is None else prior
        self.particle, self.mean = particle, mean
        if len(self.prior) != len(grid):
            raise StageError(
                f"a prior of {len(self.prior)} numbers for {len(grid)} momenta; expected one for each node of the grid."
            )

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with `Momenta`."""
        dtype = events.weight.dtype
        grid = jnp.asarray(self.grid, dtype)
        logarithm = jnp.log(jnp.maximum(jnp.asarray(self.prior, dtype), _LEAST_PRIOR))[:, None]
        beta_momentum = self.particle.beta_momentum(grid)
        for label, thickness in self.stacks.items():
            logarithm = logarithm + momentum_likelihood(events[Hits, label], thickness, beta_momentum)
        posterior = jax.nn.softmax(logarithm, axis=0)
        if self.mean == "momentum":
            value = posterior.T @ grid
            square = posterior.T @ grid**2 - value**2
            return events.add(Momenta(value, _root(square / value**2)))
        inverse = grid**-2
        mean = posterior.T @ inverse
        square = posterior.T @ inverse**2 - mean**2
        return events.add(Momenta(mean**-0.5, 0.5 * _root(square / mean**2)))


def momentum_likelihood(
    hits: Hits, thickness: Float[Array, "plane"], beta_momentum: Float[Array, "node"]
) -> Float[Array, "node event"]:
    """The logarithm of the likelihood of each beta c p, up to what does not depend on it [1].

    The hits are passed in the order of their heights: a quadratic form of place and slope collects each hit, is
    carried to the next plane, and widened there by the kick (a Kalman filter in its information form, in which the
    flat prior is exact and a missing hit a zero; Fruehwirth, Nucl. Instrum. Methods A 262 (1987) 444). Both directions
    of passage give the same. Zero where fewer than three hits are recorded. The derivative is exact.

    Args:
        hits: of one stack.
        thickness: of each panel [radiation lengths].
        beta_momentum: beta c p of the nodes [GeV].
    """
    order = jnp.argsort(hits.z)
    track = line_fit(hits)
    run = hits.z[:, None] - track.z
    weight = jnp.where(hits.recorded, 1.0 / hits.sigma**2, 0.0)[order]
    off = (hits.x - track.x - run * track.tx)[order], (hits.y - track.y - run * track.ty)[order]
    square = track.tx**2 + track.ty**2
    inclined = square > STEEPEST**2
    slope = jnp.sqrt(jnp.where(inclined, square, 1.0))
    cosine, sine = jnp.where(inclined, track.tx / slope, 1.0), jnp.where(inclined, track.ty / slope, 0.0)
    slant = jnp.sqrt(1.0 + square)
    kick = kick_variance(thickness, jnp.ones_like(slant), slant)[order] * slant**2
    z, enough = hits.z[order], track.found & (jnp.sum(hits.recorded, 0) >= LEAST_HITS)
    along, across = cosine * off[0] + sine * off[1], cosine * off[1] - sine * off[0]
    both = jax.vmap(lambda u, widened: _line_likelihood(z, u, weight, widened, beta_momentum))
    total = jnp.sum(both(jnp.stack([along, across]), jnp.stack([kick * slant**2, kick])), 0)
    return jnp.where(enough, total, 0.0)


def node_probabilities(
    flux: Flux, grid: Float[np.ndarray, "node"], cos_zenith: float = 1.0, particle: Particle = muon
) -> Float[np.ndarray, "node"]:
    """The share of particles of a flux model at each momentum of a grid, evenly spaced in the logarithm [1].

    dN / dln p = intensity * p^2 / E at one zenith angle.

    Args:
        flux: the model.
        grid: momenta [GeV].
        cos_zenith: cosine of the zenith angle [1].
        particle: sets the energy.
    """
    energy = np.sqrt(grid**2 + particle.mass**2)
    weight = np.asarray(flux(energy, np.full_like(energy, cos_zenith))) * grid**2 / energy
    return weight / weight.sum()


def _line_likelihood(
    z: Float[Array, "plane"],
    u: Float[Array, "plane event"],
    weight: Float[Array, "plane event"],
    kick: Float[Array, "plane event"],
    beta_momentum: Float[Array, "node"],
) -> Float[Array, "node event"]:
    """One projection: hits u [m] of weights [1/m2], slope kicks at 1 GeV [GeV2], heights z [m] in order."""
    before = lambda rows: jnp.concatenate([jnp.zeros_like(rows[:1]), rows[:-1]])  # of the plane before
    zero = jnp.zeros((len(beta_momentum), u.shape[1]), u.dtype)

    def pass_plane(form: tuple[Array, ...], rows: tuple[Array, ...]) -> tuple[tuple[Array, ...], None]:
        # the form (a, b, c) . (place^2, 2 place slope, slope^2) - 2 (e, f) . (place, slope) + rest
        a, b, c, e, f, rest = form
        u, weight, kick, gap = rows
        variance = kick / beta_momentum[:, None] ** 2  # has widened the slope behind the plane before
        shrunk = variance / (1.0 + variance * c)
        rest = rest - shrunk * f**2 + jnp.log1p(variance * c) + weight * u**2
        a, b, c, e, f = a - shrunk * b**2, b - shrunk * b * c, c - shrunk * c**2, e - shrunk * b * f, f - shrunk * c * f
        b, c, f = b - gap * a, c - 2.0 * gap * b + gap**2 * a, f - gap * e
        return (a + weight, b, c, e + weight * u, f, rest), None

    rows = (u, weight, before(kick), jnp.diff(z, prepend=z[:1]))
    (a, b, c, e, f, rest), _ = jax.lax.scan(pass_plane, (zero,) * 6, rows)
    determinant = a * c - b**2
    solvable = determinant > 0.0
    safe = jnp.where(solvable, determinant, 1.0)
    best = (c * e**2 - 2.0 * b * e * f + a * f**2) / safe
    return jnp.where(solvable, -0.5 * (rest - best + jnp.log(safe)), 0.0)


def _root(square: Float[Array, "event"]) -> Float[Array, "event"]:
    """The root of a relative variance [1]."""
    return jnp.sqrt(jnp.maximum(square, _LEAST_ERROR**2))
