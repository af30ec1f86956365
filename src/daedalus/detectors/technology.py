"""Technologies: what kinds of position detector there are, by resolution, efficiency, price and thickness."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from daedalus.units import unit


class Technology(NamedTuple):
    """What panels of a technology can do; the fields of `daedalus.detectors.panels.Panels` of the same names.

    Attributes:
        resolution: standard deviation of a measured coordinate [m]. efficiency: probability of a hit [1].
        price: of a panel's area [EUR/m2]. thickness: of a panel [radiation lengths].
    """

    resolution: Float[Array, "*plane"]
    efficiency: Float[Array, "*plane"]
    price: Float[Array, "*plane"]
    thickness: Float[Array, "*plane"]


def technology_names() -> tuple[str, ...]:
    """The names in technologies.csv, where the sources are, in the order of the price, cheapest first.

    One per panel, as a choice of the design::

        NAMES = technology_names()
        kind: Array = parameter(0, len(NAMES) - 1, "1", doc="technology of each panel", kind="choice", choices=NAMES)

    and in the apparatus ``Panels(..., edges=None, label="upper", **technology(design.kind)._asdict())``.
    """
    return _table()[0]


def technology(index: Float[Array, "*plane"] | float) -> Technology:
    """The technologies of given places in `technology_names`.

    For whole numbers these are the rows of technologies.csv exactly. In between, logarithms are interpolated linearly:
    a relaxation without a counterpart in any shop, whose derivative is biased, at a whole number that towards the next
    row (at the last: from the one before). Numbers outside the table count as its ends.

    Args:
        index: place in the table, one per panel [1].
    """
    columns = _table()[1]
    place = jnp.asarray(index, jnp.result_type(float))
    last = columns.shape[1] - 1
    place = jnp.where((place >= 0) & (place <= last), place, jnp.clip(place, 0, last))  # clip's derivative is 1/2 there
    row = jnp.clip(jnp.floor(place).astype(int), 0, last - 1)
    share = place - row
    values = jnp.asarray(columns, place.dtype)
    low, high = values[:, row], values[:, row + 1]
    near = low * (high / low) ** jnp.where(share < 0.5, share, 0.0)
    far = high * (low / high) ** jnp.where(share < 0.5, 0.0, 1.0 - share)
    return Technology(*jnp.where(share < 0.5, near, far))


@cache
def _table() -> tuple[tuple[str, ...], np.ndarray]:
    """Names, and resolution, efficiency, price and thickness [house units] as rows of an array."""
    text = (files("daedalus.detectors") / "technologies.csv").read_text(encoding="utf-8")
    header, *rows = csv.reader(text.splitlines())
    rows = sorted(rows, key=lambda row: float(row[3]))
    units = [unit(title.partition("[")[2].rstrip("]")) for title in header[1:5]]
    columns = np.array([[float(cell) for cell in row[1:5]] for row in rows]).T * np.array(units)[:, None]
    return tuple(row[0] for row in rows), columns
