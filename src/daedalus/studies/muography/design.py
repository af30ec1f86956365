"""What may vary: where the telescopes stand, and where they look."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from daedalus.core import Design, Exchange, parameter
from daedalus.units import deg, km
from daedalus.units import unit as unit_value


class TelescopeSites(Design):
    """Telescopes on the ground around a hill; each looks past the hill's axis by its azimuth, and up."""

    x: Float[Array, "telescope"] = parameter(
        -1 * km, 1 * km, "m", doc="place east of the hill's axis; how near and how far is a constraint"
    )
    y: Float[Array, "telescope"] = parameter(-1 * km, 1 * km, "m", doc="place north of the hill's axis")
    azimuth: Float[Array, "telescope"] = parameter(
        -60 * deg, 60 * deg, "deg", doc="turn of the pointing against the direction to the hill's axis, anticlockwise"
    )
    elevation: Float[Array, "telescope"] = parameter(
        0 * deg, 45 * deg, "deg", doc="of the pointing above the horizon: what the mount allows"
    )

    symmetries: ClassVar[tuple[Exchange, ...]] = (Exchange(("x", "y", "azimuth", "elevation"), by="x"),)


def reference_sites(name: str) -> TelescopeSites:
    """A reference for the default hill, "evenly_spaced" or "hand_made", from the folder references."""
    text = (files("daedalus.studies.muography") / "references" / f"{name}.json").read_text(encoding="utf-8")
    table = json.loads(text)
    column = lambda key, unit: jnp.asarray(np.array([row[key] for row in table["telescopes"]]) * unit_value(unit))
    length, angle = table["units"]["length"], table["units"]["angle"]
    return TelescopeSites(
        x=column("x", length),
        y=column("y", length),
        azimuth=column("azimuth", angle),
        elevation=column("elevation", angle),
    )


def ring(
    count: int, distance: float, bearings: tuple[float, float], elevation: float, *, azimuth: float = 0.0
) -> TelescopeSites:
    """Telescopes at one distance from the hill's axis that look at it, or alike past it.

    Args:
        count: how many [1].
        distance: from the axis [m].
        bearings: of the first and the last, anticlockwise from east [rad].
        elevation: of all pointings [rad].
        azimuth: of all pointings, against the direction to the axis [rad].
    """
    bearing = jnp.linspace(*bearings, count)
    zero = jnp.zeros(count)
    return TelescopeSites(
        x=distance * jnp.cos(bearing), y=distance * jnp.sin(bearing), azimuth=zero + azimuth, elevation=zero + elevation
    )
