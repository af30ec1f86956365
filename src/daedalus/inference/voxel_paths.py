"""Sums along the chords of particles through a grid of voxels, and from the chords into the voxels."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from daedalus.events import Deflections
from daedalus.geometry import Voxels, walk
from daedalus.physics.scattering import highland_variance

THINNEST = 1e-4  # radiation lengths; paths count as no thinner, so that the law's logarithm stays sensible

Voxel = Float[Array, "nx ny nz"]


class Moments(NamedTuple):
    """Thickness of a chord, and the moments of the inverse radiation length about the reference plane.

    Attributes:
        A0: thickness [radiation lengths].
        A1: first moment [radiation lengths times m].
        A2: second moment [radiation lengths times m2].
    """

    A0: Float[Array, "event"]
    A1: Float[Array, "event"]
    A2: Float[Array, "event"]


class Weights(NamedTuple):
    """Integrals of 1, d and d^2 over a piece of a chord, d the distance to the reference plane.

    Attributes:
        W0: [m]. W1: [m2]. W2: [m3].
    """

    W0: Float[Array, "event"]
    W1: Float[Array, "event"]
    W2: Float[Array, "event"]


def piece_weights(near: Array, far: Array, end: Array) -> Weights:
    """The weights of the piece from near to far [m] of a chord whose reference plane lies at ``end`` [m] along it."""
    before, after = end - near, end - far
    return Weights(far - near, 0.5 * (before**2 - after**2), (before**3 - after**3) / 3.0)


def chord_moments(density: Voxel, chords: Deflections, voxels: Voxels) -> Moments:
    """The moments of a map of inverse radiation lengths [1/m] along chords; exact derivative."""
    table, end = density.ravel(), chords.length + chords.beyond

    def step(value: Moments, voxel: Array, near: Array, far: Array) -> Moments:
        power = jnp.take(table, voxel, mode="clip")
        return Moments(*(a + power * w for a, w in zip(value, piece_weights(near, far, end), strict=True)))

    zero = jnp.zeros_like(chords.length)
    return walked(chords, voxels, step, Moments(zero, zero, zero))


def voxel_sums(chords: Deflections, voxels: Voxels, pieces: Callable[..., dict[str, Array]]) -> dict[str, Voxel]:
    """Sums over particles and voxel by voxel of what ``pieces(voxel, near, far)`` gives for every piece of a chord.

    Args:
        chords: the particles' chords.
        voxels: the grid.
        pieces: numbers by name for a piece between two path lengths [m]; must vanish for near = far.
    """
    size = voxels.shape[0] * voxels.shape[1] * voxels.shape[2]
    nothing = jnp.zeros(size, chords.length.dtype)

    def step(value: dict[str, Array], voxel: Array, near: Array, far: Array) -> dict[str, Array]:
        found = pieces(voxel, near, far)
        return {name: value[name].at[voxel].add(found[name], mode="drop") for name in value}

    zero = jnp.zeros_like(chords.length)
    names = pieces(jnp.zeros(zero.shape, jnp.int32), zero, zero)
    sums = walked(chords, voxels, step, dict.fromkeys(names, nothing))
    return {name: total.reshape(voxels.shape) for name, total in sums.items()}


def walked(chords: Deflections, voxels: Voxels, step: Callable[..., PyTree], initial: PyTree) -> PyTree:
    """A function folded over the pieces of chords; see `daedalus.geometry.walk`."""
    position, direction = (chords.x, chords.y, chords.z), (chords.ux, chords.uy, chords.uz)
    return walk(voxels, position, direction, step=step, initial=initial, length=chords.length, unroll=1)


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
