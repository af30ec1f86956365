"""Fisher information of a contrast between two maps, with the density of everything as a nuisance."""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from daedalus.events import Deflections, Events, Momenta
from daedalus.inference.expected_ratio import covariances
from daedalus.inference.scattering_likelihood import ScatteringModel
from daedalus.inference.voxel_paths import Voxel

Entry = Float[Array, "projection event"]


class Symmetric(NamedTuple):
    """A symmetric matrix of angle and offset, [[angle, mixed], [mixed, offset]], of every projection and particle."""

    angle: Entry
    mixed: Entry
    offset: Entry


class ContrastTerms(NamedTuple):
    """What the likelihood of a contrast is made of, particle by particle.

    Attributes:
        weight: zero for particles that do not count [1].
        inverse: S^-1, of the covariance of angle and offset [1/rad2, 1/(rad m), 1/m2].
        slopes: dS by strength and by the logarithm of the density [rad2, rad m, m2].
    """

    weight: Float[Array, "event"]
    inverse: Symmetric
    slopes: tuple[Symmetric, Symmetric]


class ContrastInformation(eqx.Module):
    """Pass: the Fisher information of (strength, logarithm of the density) of a contrast, a sum over particles.

    The map is exp(b) [other + a (true - other)] with strength a and nuisance b, at b = 0 and a given a. For Gaussians
    of mean zero the information is tr(S^-1 dS/dk S^-1 dS/dl) / 2 per particle and projection (Kay, Fundamentals of
    Statistical Signal Processing: Estimation Theory, 1993, equation 3.31), S the covariance of angle and offset as in
    `daedalus.inference.expected_ratio`, the logarithm of the total path included. It is that of the expected data, so
    that it varies little. The derivative is exact.
    """

    model: ScatteringModel
    true: Voxel  # inverse radiation lengths [1/m]
    other: Voxel  # [1/m]
    strength: float = eqx.field(static=True, default=0.0)  # a; at 0 a strong contrast's errors are far too small [1]

    def __call__(self, events: Events, earlier: PyTree) -> Float[Array, "2 2"]:
        """The information of strength and logarithm of the density [1]."""
        return information(self.terms(events))

    def terms(self, events: Events) -> ContrastTerms:
        """The covariances' inverses and slopes."""
        paths, momentum = events[Deflections], events[Momenta].value
        weight = jnp.where(paths.found, events.effective_weight * paths.probability, 0.0)
        at = lambda density: covariances(self.model, density, paths, momentum)
        here = self.other + self.strength * (self.true - self.other)
        (c, s, o), slopes = jax.vmap(lambda way: jax.jvp(at, (here,), (way,)))(
            jnp.stack([self.true - self.other, here])
        )
        c, s, o = c[0], s[0], o[0]
        determinant = jnp.maximum(c * o - s * s, 1e-6 * c * o)  # never below rounding
        inverse = Symmetric(o / determinant, -s / determinant, c / determinant)
        strength, density = (Symmetric(*(entry[k] for entry in slopes)) for k in (0, 1))
        return ContrastTerms(weight, inverse, (strength, density))


def information(terms: ContrastTerms) -> Float[Array, "2 2"]:
    """The sum of tr(S^-1 dS/dk S^-1 dS/dl) / 2 over particles and projections [1]."""
    weight, rows = terms.weight, [_product(terms.inverse, slope) for slope in terms.slopes]
    entry = lambda k, l: jnp.sum(jnp.where(weight > 0, 0.5 * weight * jnp.sum(_trace(rows[k], rows[l]), 0), 0.0))
    mixed = entry(0, 1)
    return jnp.stack([jnp.stack([entry(0, 0), mixed]), jnp.stack([mixed, entry(1, 1)])])


def _product(inverse: Symmetric, slope: Symmetric) -> tuple[Array, Array, Array, Array]:
    """The rows of S^-1 dS, both symmetric: [[p, q], [q, r]] [[c, s], [s, o]]."""
    (p, q, r), (c, s, o) = inverse, slope
    return p * c + q * s, p * s + q * o, q * c + r * s, q * s + r * o


def _trace(first: tuple[Array, ...], second: tuple[Array, ...]) -> Array:
    """The trace of a product of two matrices given by rows."""
    return first[0] * second[0] + first[1] * second[2] + first[2] * second[1] + first[3] * second[3]
