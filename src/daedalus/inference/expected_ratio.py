"""How well two maps are told apart by scattering: the expected log-likelihood ratio, a sum over particles."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from daedalus.events import Deflections, Events, Momenta
from daedalus.inference.scattering_likelihood import ScatteringModel
from daedalus.inference.voxel_paths import Voxel, moments_along, unit_variance


class ExpectedRatio(eqx.Module):
    """Pass: the expected logarithm of the likelihood ratio of two maps, if the first is true.

    Each particle and projection adds Kullback and Leibler's divergence of two bivariate Gaussians of angle and offset
    with mean zero, [tr(S0^-1 S1) - 2 + ln(det S0 / det S1)] / 2, S the covariance of scattering and tracks under
    either map (`daedalus.inference.scattering_likelihood.ScatteringModel`). What was measured of a particle enters by
    where it went, its momentum and its errors, not by its deflection: the sum is that of Asimov's data, so that it
    varies little, and sqrt(2 x sum) is the median significance of the first map against the second, all else known
    (Kullback and Leibler, Ann. Math. Stat. 22 (1951) 79; Cowan, Cranmer, Gross and Vitells, Eur. Phys. J. C 71 (2011)
    1554, section 5). The derivative is exact.
    """

    model: ScatteringModel
    true: Voxel  # inverse radiation lengths [1/m]
    other: Voxel  # [1/m]
    most: float = eqx.field(static=True, default=4.0)  # that one particle may say: ln 50, for tails are real [1]

    def __call__(self, events: Events, earlier: PyTree) -> Float[Array, ""]:
        """The sum over particles [1]."""
        paths, momentum = events[Deflections], events[Momenta].value
        weight = jnp.where(paths.found, events.effective_weight * paths.probability, 0.0)
        with_map = lambda density: covariances(self.model, density, paths, momentum)
        both = jax.vmap(with_map)(jnp.stack([self.true, self.other]))  # one walk for both
        total = jnp.zeros_like(weight)
        for axis in (0, 1):
            (c1, c0), (s1, s0), (o1, o0) = (entry[:, axis] for entry in both)
            first, second = c1 * o1 - s1 * s1, c0 * o0 - s0 * s0
            safe = jnp.maximum(second, 1e-6 * c0 * o0)  # never below rounding
            trace = (o0 * c1 - 2.0 * s0 * s1 + c0 * o1) / safe
            shrink = jnp.log(safe / jnp.maximum(first, 1e-6 * c1 * o1))
            total = total + 0.5 * jnp.maximum(trace - 2.0 + shrink, 0.0)
        return jnp.sum(jnp.where(weight > 0, weight * total / (1.0 + total / self.most), 0.0))


def covariances(
    model: ScatteringModel, density: Voxel, paths: Deflections, momentum: Float[Array, "event"]
) -> tuple[Float[Array, "projection event"], ...]:
    """Variance of the angle [rad2], covariance [rad m] and variance of the offset [m2], of scattering and tracks.

    Args:
        model: of the scattering.
        density: the map of inverse radiation lengths [1/m].
        paths: of the particles.
        momentum: before the volume [GeV].
    """
    moments = moments_along(density, paths, model.voxels)
    unit = unit_variance(moments.A0, momentum, mass=model.mass, loss=model.loss)
    return (
        unit * moments.A0 + paths.var_angle,
        unit * moments.A1 + paths.covariance,
        unit * moments.A2 + paths.var_offset,
    )
