"""Columns: an events record as a table, one row per event, with units in the columns' names."""

from __future__ import annotations

import re
from collections.abc import Iterator

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from daedalus.events.particles import Particles
from daedalus.events.record import Events

_PER_PLANE = {("Hits", "z")}  # fields that every event shares
_LINE = {"x": "m", "y": "m", "z": "m", "ux": "1", "uy": "1", "uz": "1"}
UNITS: dict[str, dict[str, str]] = {  # of the fields of nouns; those of other nouns are in house units
    "Particles": {**_LINE, "momentum": "GeV"},
    "Hits": {**_LINE, "sigma": "m", "probability": "1", "recorded": "1"},
    "Momenta": {"value": "GeV", "relative_error": "1"},
    "Tracks": {
        **_LINE,
        **{"tx": "1", "ty": "1", "var_position": "m2", "var_slope": "1", "covariance": "m"},
        **{"found": "1", "probability": "1"},
    },
    "Scatterings": {
        **_LINE,
        **{"sigma_x": "m", "sigma_y": "m", "sigma_z": "m", "distance": "m"},
        **{"angle": "rad", "sigma_angle": "rad", "found": "1", "probability": "1"},
    },
    "Deflections": {
        **_LINE,
        **{"legs": "m", "beyond": "m", "angle": "rad", "offset": "m", "var_angle": "rad2"},
        **{"covariance": "rad m", "var_offset": "m2", "found": "1", "probability": "1"},
    },
}

Column = Float[Array, "event *item"] | Bool[Array, "event *item"]


def particle_columns(particles: Particles, weight: Float[Array, "event"]) -> dict[str, Column]:
    """Particles as files of them have it: position, momentum vector and weight, see `daedalus.sources`.

    Args:
        particles: one per event.
        weight: statistical weight [1].
    """
    p = particles
    places = {f"{axis} [m]": getattr(p, axis) for axis in "xyz"}
    momenta = {f"p{axis} [GeV]": p.momentum * getattr(p, f"u{axis}") for axis in "xyz"}
    return {**places, **momenta, "weight [1]": weight}


def record_columns(record: Events) -> dict[str, Column]:
    """Every field of every noun of a record as a column ``noun.label.field [unit]``, axis event first.

    A field with several numbers per event has them along its second axis; what all events share is repeated for each.
    Fields that do not belong to events are left out.
    """
    found: dict[str, Column] = {}
    for name, noun in record.nouns.items():
        kind, _, label = name.partition(":")
        prefix = ".".join(part for part in (kind.lower(), re.sub(r"\W", "_", label)) if part)
        for field, values in _fields(noun):
            if (kind, field) in _PER_PLANE:
                values = jnp.broadcast_to(values[:, None], (*values.shape, record.index.shape[0]))
            if values.ndim and values.shape[-1] == record.index.shape[0]:
                unit = UNITS.get(kind, {}).get(field)
                found[f"{prefix}.{field}" + (f" [{unit}]" if unit else "")] = jnp.moveaxis(values, -1, 0)
    return found


def _fields(noun: object) -> Iterator[tuple[str, Array]]:
    """The arrays of a noun, by name."""
    for path, leaf in jax.tree_util.tree_flatten_with_path(noun)[0]:
        if isinstance(leaf, jax.Array):
            yield (
                ".".join(str(getattr(key, "name", getattr(key, "key", getattr(key, "idx", "")))) for key in path),
                leaf,
            )
