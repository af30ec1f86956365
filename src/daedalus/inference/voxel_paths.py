"""Sums along the paths of particles through a grid of voxels, and from the paths into the voxels."""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from daedalus.events import Deflections
from daedalus.geometry import Voxels, walk
from daedalus.physics.scattering import Moments, highland_variance, piece_moments

THINNEST = 1e-4  # radiation lengths; paths count as no thinner, so that the law's logarithm stays sensible

Voxel = Float[Array, "nx ny nz"]


def moments_along(density: Voxel, paths: Deflections, voxels: Voxels) -> Moments:
    """The moments of a map of 1/X0 [1/m] along paths, about their reference planes; exact derivative."""
    table, end = density.ravel(), paths.length + paths.beyond

    def step(value: Moments, voxel: Array, near: Array, far: Array) -> Moments:
        power = jnp.take(table, voxel, mode="clip")
        return Moments(
            *(a + power * w for a, w in zip(value, piece_moments(far - near, end - near, end - far), strict=True))
        )

    zero = jnp.zeros_like(paths.length)
    return walked(paths, voxels, step, Moments(zero, zero, zero))


def voxel_sums(paths: Deflections, voxels: Voxels, pieces: Callable[..., dict[str, Array]]) -> dict[str, Voxel]:
    """Sums over particles and voxel by voxel of what ``pieces(voxel, near, far)`` gives for every piece of a path.

    Args:
        paths: the particles' paths.
        voxels: the grid.
        pieces: numbers by name for a piece between two path lengths [m]; must vanish for near = far.
    """
    size = voxels.shape[0] * voxels.shape[1] * voxels.shape[2]
    nothing = jnp.zeros(size, paths.length.dtype)

    def step(value: dict[str, Array], voxel: Array, near: Array, far: Array) -> dict[str, Array]:
        found = pieces(voxel, near, far)
        return {name: value[name].at[voxel].add(found[name], mode="drop") for name in value}

    zero = jnp.zeros_like(paths.length)
    names = pieces(jnp.zeros(zero.shape, jnp.int32), zero, zero)
    sums = walked(paths, voxels, step, dict.fromkeys(names, nothing))
    return {name: total.reshape(voxels.shape) for name, total in sums.items()}


def walked(paths: Deflections, voxels: Voxels, step: Callable[..., PyTree], initial: PyTree) -> PyTree:
    """A function folded over the pieces of all legs of paths; see `daedalus.geometry.walk`.

    Args:
        paths: the particles' paths.
        voxels: the grid.
        step: as for the walk of one line; the ends of a piece are path lengths from the start of the first leg [m].
        initial: the value before the first piece.
    """
    value, before = initial, jnp.zeros_like(paths.length)
    for leg in range(paths.legs.shape[0]):
        position, direction = (
            tuple(getattr(paths, name)[leg] for name in names) for names in ("xyz", ("ux", "uy", "uz"))
        )
        later = lambda v, voxel, near, far, start=before: step(v, voxel, start + near, start + far)
        value = walk(voxels, position, direction, step=later, initial=value, length=paths.legs[leg], unroll=1)
        before = before + paths.legs[leg]
    return value


def unit_variance(
    thickness: Float[Array, "*shape event"], momentum: Float[Array, "event"], *, mass: float, loss: float = 0.0
) -> Float[Array, "*shape event"]:
    """Variance of the plane angle per radiation length of a path [rad2], Highland's, the logarithm of the total path.

    Args:
        thickness: of the whole path [radiation lengths].
        momentum: before the path [GeV].
        mass: of the particle [GeV].
        loss: mean energy loss [GeV per radiation length]; (beta p)^2 is then the product before and behind.
    """
    path = jnp.maximum(thickness, THINNEST)
    energy = jnp.sqrt(momentum**2 + mass**2)
    late = jnp.maximum(energy - loss * path, 1.5 * mass)
    square = momentum**2 / energy * (late**2 - mass**2) / late
    return highland_variance(path, 1.0) / (path * square)
