"""Fisher information of a contrast between two maps, with the density of everything as a nuisance."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from daedalus.events import Deflections, Events, Momenta
from daedalus.inference.expected_ratio import covariances
from daedalus.inference.scattering_likelihood import ScatteringModel
from daedalus.inference.voxel_paths import Voxel


class ContrastInformation(eqx.Module):
    """Pass: the Fisher information of (strength, logarithm of the density) of a contrast, a sum over particles.

    The map is exp(b) [other + a (true - other)] with strength a and nuisance b, at a = b = 0. For Gaussians of mean
    zero the information is tr(S^-1 dS/dk S^-1 dS/dl) / 2 per particle and projection (Kay, Fundamentals of Statistical
    Signal Processing: Estimation Theory, 1993, equation 3.31), S the covariance of angle and offset as in
    `daedalus.inference.expected_ratio`, the logarithm of the total path included. It is that of the expected data, so
    that it varies little. The derivative is exact.
    """

    model: ScatteringModel
    true: Voxel  # inverse radiation lengths [1/m]
    other: Voxel  # [1/m]

    def __call__(self, events: Events, earlier: PyTree) -> Float[Array, "2 2"]:
        """The information of strength and logarithm of the density [1]."""
        paths, momentum = events[Deflections], events[Momenta].value
        weight = jnp.where(paths.found, events.effective_weight * paths.probability, 0.0)
        at = lambda density: covariances(self.model, density, paths, momentum)
        (c, s, o), slopes = jax.vmap(lambda way: jax.jvp(at, (self.other,), (way,)))(
            jnp.stack([self.true - self.other, self.other])
        )
        c, s, o = c[0], s[0], o[0]
        determinant = jnp.maximum(c * o - s * s, 1e-6 * c * o)  # never below rounding
        p, q, r = o / determinant, -s / determinant, c / determinant
        rows = [_product((p, q, r), [slope[k] for slope in slopes]) for k in (0, 1)]
        entry = lambda k, l: jnp.sum(jnp.where(weight > 0, 0.5 * weight * jnp.sum(_trace(rows[k], rows[l]), 0), 0.0))
        mixed = entry(0, 1)
        return jnp.stack([jnp.stack([entry(0, 0), mixed]), jnp.stack([mixed, entry(1, 1)])])


def _product(inverse: tuple[Array, Array, Array], slope: list[Array]) -> tuple[Array, Array, Array, Array]:
    """The rows of S^-1 dS, both symmetric: [[p, q], [q, r]] [[c, s], [s, o]]."""
    (p, q, r), (c, s, o) = inverse, slope
    return p * c + q * s, p * s + q * o, q * c + r * s, q * s + r * o


def _trace(first: tuple[Array, ...], second: tuple[Array, ...]) -> Array:
    """The trace of a product of two matrices given by rows."""
    return first[0] * second[0] + first[1] * second[2] + first[2] * second[1] + first[3] * second[3]
