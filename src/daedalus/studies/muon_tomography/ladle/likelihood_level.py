"""The fill level by maximum likelihood: how well each level explains the deflection and offset of every muon."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from daedalus.core import Summaries
from daedalus.events import Events, Momenta, Tracks
from daedalus.geometry import Box, crossing
from daedalus.inference.likelihood_scan import posterior_mean
from daedalus.inference.voxel_paths import unit_variance
from daedalus.physics.materials import material
from daedalus.physics.particles import muon
from daedalus.reconstruction.deflections import deviations, steep, upright
from daedalus.studies.muon_tomography.ladle.scenario import FILLINGS, SLAG, WALL
from daedalus.studies.muon_tomography.scanner import FLOOR, RIM, SIDE
from daedalus.units import cm

NODES = np.arange(50.0, 140.1, 5.0) * cm  # hypotheses, from the ladle's inner floor to its rim [m]
_SLAG_NODES = round(SLAG / (NODES[1] - NODES[0]))  # the slag's surface in steps of the grid
OUTLIERS, OUTLIER_SCALE = 0.02, 3.0  # share of muons in a wide component, and its spread over that of the core [1]


class LevelLikelihood(eqx.Module):
    """The log-likelihood of every level: a sum over muons of the density of (angle, offset) in both projections.

    A muon's path through the ladle is known from its upper track. For each hypothesis it gives the thickness and
    the moments of the scattering power in closed form, hence the covariance of deflection and offset (the same
    formulae as in `daedalus.transport.multiple_scattering`), to which that of the two tracks is added. A wide
    component makes it robust. It knows the ladle's walls, the materials, the slag's thickness and the hits; the true
    level enters nowhere.
    """

    loss_per_thickness: float = eqx.field(static=True, default=0.0)  # mean energy loss [GeV per radiation length]

    def __call__(self, events: Events, earlier: PyTree) -> Float[Array, "node"]:
        """The log-likelihood at every node [1]."""
        upper, lower = events[Tracks, "upper"], events[Tracks, "lower"]
        found = upper.found & lower.found & steep(upper) & steep(lower)
        upper, lower = upright(upper, found), upright(lower, found)
        weight = jnp.where(found, events.effective_weight * upper.probability * lower.probability, 0.0)
        secant = jnp.sqrt(1.0 + upper.tx**2 + upper.ty**2)
        moments = _moments(upper, secant)
        momentum = events[Momenta].value
        variance = unit_variance(moments[0], momentum, mass=muon.mass, loss=self.loss_per_thickness)
        scatter = tuple(variance * moment for moment in moments)
        distance, log_volume = 0.0, 0.0
        for angle, offset, *errors in deviations(upper, lower, FLOOR):
            c, s, o = (term + error for term, error in zip(scatter, errors, strict=True))
            determinant = jnp.maximum(c * o - s * s, 1e-6 * c * o)  # never below rounding
            distance = distance + (angle**2 * o - 2.0 * angle * offset * s + offset**2 * c) / determinant
            log_volume = log_volume + jnp.log(determinant)
        wide = jnp.exp(-0.5 * distance / OUTLIER_SCALE**2)
        density = (1.0 - OUTLIERS) * wide ** round(OUTLIER_SCALE**2) + OUTLIERS / OUTLIER_SCALE**4 * wide
        log_density = jnp.log(jnp.maximum(density, 1e-30)) - 0.5 * log_volume
        return jnp.sum(jnp.where(weight > 0, weight * log_density, 0.0), axis=1)


def likelihood_level(summaries: Summaries) -> Float[Array, "scenario"]:
    """The posterior mean of the level under a flat prior from the ladle's floor to its rim [m]."""
    return posterior_mean(summaries["likelihood"], NODES)[0]


def likelihood_expected_mse(summaries: Summaries, truth: Float[Array, "scenario"]) -> Float[Array, ""]:
    """The mean squared error [m2] that the width of the likelihood leads one to expect, for smooth optimisation.

    The mean posterior variance; it needs no truth, and is far less noisy than the squared errors themselves.
    """
    return summaries.mean(posterior_mean(summaries["likelihood"], NODES)[1] ** 2)


def _moments(upper: Tracks, secant: Float[Array, "event"]) -> tuple[Float[Array, "node event"], ...]:
    """Moments of the inverse radiation length along the path about the ladle's bottom, for every level.

    With h = z - FLOOR, A_k = secant^(k+1) sum over fillings of (h_top^(k+1) - h_bottom^(k+1)) / ((k+1) X0).
    """
    wall, melt, slag, rest = (1.0 / material(name).X0 for name in FILLINGS)
    outer, inner = _heights(upper, 0.0), _heights(upper, WALL)
    surface = jnp.clip(jnp.asarray(_surfaces(), outer[0].dtype)[:, None] - FLOOR, inner[0], inner[1])
    nodes = len(NODES)
    moments = []
    for order in (1, 2, 3):
        scale = secant**order / order
        outside = wall * (outer[1] ** order - outer[0] ** order - inner[1] ** order + inner[0] ** order)
        fixed = outside + rest * inner[1] ** order - melt * inner[0] ** order
        powers = surface**order
        filled = (melt - slag) * powers[:nodes] + (slag - rest) * powers[_SLAG_NODES:]
        moments.append(scale * (fixed + filled))
    return jnp.maximum(moments[0], 1e-4), moments[1], moments[2]


def _surfaces() -> np.ndarray:
    step = NODES[1] - NODES[0]
    return np.concatenate([NODES, NODES[-1] + step * np.arange(1, _SLAG_NODES + 1)])


def _heights(upper: Tracks, wall: float) -> tuple[Float[Array, "event"], Float[Array, "event"]]:
    """Between which heights above the ladle's bottom a track's line is inside walls of a thickness [m]."""
    lower_corner = jnp.array([wall, wall, FLOOR + wall])
    box = Box(lower_corner, jnp.array([SIDE - wall, SIDE - wall, RIM]))
    one = jnp.ones_like(upper.x)
    near, far = crossing(box, (upper.x, upper.y, upper.z * one), (upper.tx, upper.ty, one))
    return tuple(jnp.clip(upper.z + end - FLOOR, 0.0, RIM - FLOOR) for end in (near, far))  # pyright: ignore
