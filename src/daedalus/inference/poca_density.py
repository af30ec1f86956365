"""Maps of the inverse radiation length from points of closest approach (PoCA), one walk through the voxels a pass."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jax.scipy.special import ndtr
from jaxtyping import Array, Float, PyTree

from daedalus.core.pipeline import Summary
from daedalus.events import Deflections, Events, Momenta, Scatterings
from daedalus.geometry import Voxels
from daedalus.inference.density_map import DensityMap
from daedalus.inference.voxel_paths import Voxel, moments_along, unit_variance, voxel_sums
from daedalus.physics.particles import muon
from daedalus.physics.scattering import radiation_lengths_from_variance

UNSHARED = 0.25  # spread of a point that is not shared, in units of a path's way through a voxel: keeps it smooth [1]
THIN = 0.1  # thickness that is not told from none when particles are weighed [radiation lengths]
LEAST_PATH = 1e-9  # weighted path length below which a voxel counts as not crossed: above rounding of its square [m]
WIDEST = 3.0  # spread beyond which a point may be anywhere, in units of the path [1]


class PocaDensity(eqx.Module):
    """Pass: the sums a map of the scattering density is made of, over the particles of a scan.

    Each particle's squared deflection, divided by what one radiation length of its path would give,
    s = [(angle_1^2 + angle_2^2) / 2 - errors] / unit variance, is an unbiased estimate of its whole thickness. It is
    put into the voxel of the particle's path that holds the point of closest approach (Schultz et al., Nucl. Instrum.
    Methods A 519 (2004) 687), or, ``shared``, among all voxels of the path by the probability that the point lies
    there: Gaussian along the path, with the point's own uncertainty, cut at the path's ends. Every deflection
    counts exactly once, so that sum s / sum of path lengths, the voxel's inverse radiation length, is unbiased in
    sum over voxels; the point's blur remains. The unit variance is the transport's own law with the logarithm of the
    *total* path, taken along the path through the map of the pass before.

    The variance of s grows with the square of thickness plus error, so ``weighted`` particles count with its inverse,
    thickness by the map of the pass before: what is thin is then learned from particles that passed nothing thick. Of a
    lead and an iron block in air, seen by 5000 muons, that divides the mean squared error of ln(1/X0 + 3/m) by six and
    takes a quarter off the blurred density of the lead.

    Neighbourhoods are the voxels of one path, so that time and memory are linear in the number of particles. The
    derivative with respect to tracks and their errors is exact; a point that is not shared is blurred by a quarter of
    a voxel's path, so that it has one too.
    """

    voxels: Voxels
    shared: bool = eqx.field(static=True)
    before: str = eqx.field(static=True)  # name of the pass whose map gives the thickness; empty: the own angle does
    mass: float = eqx.field(static=True, default=muon.mass)  # of the particle [GeV]
    loss: float = eqx.field(static=True, default=0.0)  # mean energy loss [GeV per radiation length]
    weighted: bool = eqx.field(static=True, default=True)  # by inverse variance

    def __call__(self, events: Events, earlier: PyTree) -> dict[str, Voxel]:
        """The sums by name: path length [m], thickness put in [1], its square [1]."""
        paths, points = events[Deflections], events[Scatterings]
        known = paths.found & points.found
        momentum, square = events[Momenta].value, 0.5 * jnp.sum(paths.angle**2 - paths.var_angle, 0)
        if self.before:
            density = jnp.maximum(density_map(earlier[self.before]).density, 0.0)
            thickness = moments_along(density, paths, self.voxels).A0
        else:
            beta_momentum = momentum**2 / jnp.sqrt(momentum**2 + self.mass**2)
            thickness = radiation_lengths_from_variance(jnp.maximum(square, 1e-12), beta_momentum)
        unit = unit_variance(thickness, momentum, mass=self.mass, loss=self.loss)
        precision = 1.0
        if self.weighted:
            expected = thickness if self.before else 1.0
            precision = (THIN / (THIN + expected + 0.5 * jnp.sum(paths.var_angle, 0) / unit)) ** 2
        weight = jnp.where(known, events.effective_weight * paths.probability * precision, 0.0)
        put = jnp.where(known, square / unit, 0.0)
        share = self._share(paths, points)

        def pieces(voxel: Array, near: Array, far: Array) -> dict[str, Array]:
            own = put * share(near, far)
            return {"length": weight * (far - near), "put": weight * own, "square": (weight * own) ** 2}

        return voxel_sums(paths, self.voxels, pieces)

    def _share(self, paths: Deflections, points: Scatterings):
        """The probability that a particle's point lies in a piece of its path [1]."""
        gap = (points.x - paths.x, points.y - paths.y, points.z - paths.z)
        along = gap[0] * paths.ux + gap[1] * paths.uy + gap[2] * paths.uz
        place = jnp.sum(jnp.clip(jnp.where(points.found, along, 0.0), 0.0, paths.legs), 0)
        if self.shared:
            drop = jnp.sum(jnp.abs(paths.uz) * paths.legs, 0)
            steep = jnp.maximum(drop / jnp.maximum(paths.length, 1e-9), 1e-3)
            spread = jnp.clip(points.sigma_z / steep, 1e-4 * paths.length, WIDEST * paths.length)
        else:
            size = jnp.min(jnp.stack([jnp.mean(jnp.diff(e)) for e in (self.voxels.x, self.voxels.y, self.voxels.z)]))
            spread = UNSHARED * size * jnp.ones_like(place)
        below = lambda path: ndtr((path - place) / spread)
        total = below(paths.length) - below(jnp.zeros_like(place))
        return lambda near, far: (below(far) - below(near)) / total


def poca_density_passes(
    voxels: Voxels, *, shared: bool, rounds: int = 1, **options: Any
) -> tuple[dict[str, Summary], ...]:
    """The passes of a map: first with the logarithm of each particle's own angle, then ``rounds`` times with
    that of the map before.

    The last pass is "density"; `density_map` of it is the map.

    Args:
        voxels: the grid of the map.
        shared: whether points are shared among voxels by their uncertainty.
        rounds: corrections of logarithm and weights [1]; each divides the error of the logarithm by ten or more.
        options: fields of `PocaDensity`.
    """
    names = [f"density_{number}" for number in range(rounds)] + ["density"]
    return tuple(
        {name: PocaDensity(voxels, shared, before, **options)}
        for name, before in zip(names, ["", *names[:-1]], strict=True)
    )


def density_map(sums: dict[str, Float[Array, "*scenario nx ny nz"]]) -> DensityMap:
    """The map of the inverse radiation length, from the sums of a pass.

    The error is that of a sum of independent contributions, their number random too; neighbouring voxels that share
    deflections are correlated. Voxels that practically nothing crossed have density zero and an infinite error.
    """
    crossed = sums["length"] > LEAST_PATH
    length = jnp.where(crossed, sums["length"], 1.0)
    error = jnp.where(crossed, jnp.sqrt(jnp.maximum(sums["square"], 1e-30)) / length, jnp.inf)
    return DensityMap(jnp.where(crossed, sums["put"] / length, 0.0), error)
