"""Particles through a box whose deflections follow the law exactly, or are drawn from it, without any detector."""

import jax
import jax.numpy as jnp

from daedalus.events import Deflections, Scatterings, normals, uniforms
from daedalus.inference.voxel_paths import moments_along, unit_variance
from daedalus.physics.particles import muon

MOMENTUM = 4.0  # GeV


def chords(voxels, count, key=0, slope=0.4):
    """Straight chords from the top of a grid to its bottom or a side, without a deflection."""
    index = jnp.arange(count, dtype=jnp.uint32)
    x, y, tx, ty = uniforms(jax.random.key(key), index, 4)
    box = voxels.box
    span = box.upper - box.lower
    x, y = box.lower[0] + span[0] * x, box.lower[1] + span[1] * y
    tx, ty = slope * (tx - 0.5), slope * (ty - 0.5)
    inverse = 1.0 / jnp.sqrt(1 + tx**2 + ty**2)
    ux, uy, uz = tx * inverse, ty * inverse, -inverse
    exits = [
        jnp.where(u > 0, (high - p) / jnp.maximum(u, 1e-9), (low - p) / jnp.minimum(u, -1e-9))
        for p, u, low, high in ((x, ux, box.lower[0], box.upper[0]), (y, uy, box.lower[1], box.upper[1]))
    ]
    length = jnp.minimum(jnp.minimum(*exits), span[2] / inverse)
    nothing = jnp.zeros((2, count))
    return Deflections(
        x=x[None], y=y[None], z=jnp.full((1, count), box.upper[2]), ux=ux[None], uy=uy[None], uz=uz[None],
        legs=length[None],
        beyond=span[2] / inverse - length, angle=nothing, offset=nothing, var_angle=nothing + 1e-10,
        covariance=nothing, var_offset=nothing + 1e-10, found=jnp.ones(count, bool), probability=jnp.ones(count),
    )  # fmt: skip


def scattered(density, voxels, count, key=0):
    """Chords with angles and offsets drawn from the law of a map of inverse radiation lengths."""
    straight = chords(voxels, count, key)
    moments = moments_along(density, straight, voxels)
    unit = unit_variance(moments.A0, jnp.full(count, MOMENTUM), mass=muon.mass)
    z = normals(jax.random.key(key + 1), jnp.arange(count, dtype=jnp.uint32), 4).reshape(2, 2, count)
    first = jnp.sqrt(unit * moments.A0)
    mixed = unit * moments.A1 / first
    rest = jnp.sqrt(jnp.maximum(unit * moments.A2 - mixed**2, 0.0))
    return Deflections(**{
        **vars(straight), "angle": first * z[0], "offset": mixed * z[0] + rest * z[1],
    })  # fmt: skip


def closest(deflected, depth=0.5, sigma=0.1):
    """Points of closest approach at a share of each chord, with an uncertainty in height [m]."""
    d, run = deflected, depth * deflected.length
    small = jnp.full_like(run, 1e-3)
    place = (d.x + run * d.ux)[0], (d.y + run * d.uy)[0], (d.z + run * d.uz)[0]
    angle = jnp.sqrt(jnp.sum(d.angle**2, 0))
    return Scatterings(*place, small, small, sigma + 0 * run, angle, small, small, d.found, d.probability)
