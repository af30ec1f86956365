"""Shower signals: what a unit on level ground expects of an air shower, as a function of the shower's parameters.

A shower's parameters are one vector, `PARAMETERS`: core x and y [m], ln(energy / GeV), horizontal direction cosines of
its axis, and the time at which its front passes the origin [ns].
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from daedalus.physics.air_showers import Primary, ShowerModel
from daedalus.physics.constants import SPEED_OF_LIGHT

PARAMETERS = ("x", "y", "log_energy", "ux", "uy", "time")
_EVEN = 1e-12  # keeps the derivative of an angle finite at the zenith and of a distance on the axis [1, m2]


def axis_distance(shower: Float[Array, "param"], places: Float[Array, "unit 2"]) -> Float[Array, "unit"]:
    """The distance of places on the ground from a shower's axis: |a x u|, a from the core, u the axis [m]."""
    dx, dy = (places - shower[:2]).T
    ux, uy = shower[3], shower[4]
    return jnp.sqrt((1.0 - ux**2 - uy**2) * (dx**2 + dy**2) + (dx * uy - dy * ux) ** 2 + _EVEN)


def expected_counts(
    shower: Float[Array, "param"],
    places: Float[Array, "unit 2"],
    model: ShowerModel,
    area: float | Float[Array, ""],
    background: Float[Array, "secondary"],
    *,
    primary: Primary | None = None,
) -> Float[Array, "*primary secondary unit"]:
    """The expected counts of every unit if the primary were a gamma ray, and a proton, or under one hypothesis [1].

    lambda = A rho(E, zenith, R) cos(zenith) + B: the density is that perpendicular to the axis. Source: T. Dorigo and
    others, SWGOLO, version 148 (public code). Exact derivative in everything.

    Args:
        shower: the parameters.
        places: of the units [m].
        model: lateral profiles.
        area: of a unit [m2].
        background: counts without a shower [1].
        primary: the only hypothesis, at half the price; both by default.
    """
    zenith = zenith_angle(shower)
    profile = model(jnp.exp(shower[2]), zenith)
    log_density = (profile if primary is None else profile.of(primary)).log_density(axis_distance(shower, places))
    return jnp.exp(log_density) * (area * jnp.cos(zenith)) + background[:, None]


def arrival_times(shower: Float[Array, "param"], places: Float[Array, "unit 2"]) -> Float[Array, "unit"]:
    """When a plane front reaches places on the ground [ns].

    The direction cosines point to where the shower comes from: places on that side see it first.
    """
    return shower[5] - (places @ shower[3:5]) / SPEED_OF_LIGHT


def zenith_angle(shower: Float[Array, "param"]) -> Float[Array, ""]:
    """The angle between the axis and the vertical [rad]."""
    across = shower[3] ** 2 + shower[4] ** 2
    return jnp.arctan2(jnp.sqrt(across + _EVEN), jnp.sqrt(jnp.maximum(1.0 - across, _EVEN)))
