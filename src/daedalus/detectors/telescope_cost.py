"""What a telescope costs."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

import jax.numpy as jnp
from jaxtyping import Array, Float

from daedalus.detectors.telescope import TelescopeDesign
from daedalus.units import um
from daedalus.units import unit as unit_value

THINNING_REFERENCE = 300 * um  # thickness for which the price of thinning is quoted, see telescope_prices.csv


@cache
def prices() -> dict[str, float]:
    """The prices of telescope_prices.csv by item [house units]; sources are in the file."""
    text = (files("daedalus.detectors") / "telescope_prices.csv").read_text(encoding="utf-8")
    return {row["item"]: float(row["value"]) * unit_value(row["unit"]) for row in csv.DictReader(text.splitlines())}


def channels(design: TelescopeDesign, span: float) -> Float[Array, ""]:
    """Number of channels [1]: strips along x and y, 2 span / pitch in each plane, not rounded.

    Args:
        design: the telescope.
        span: full width of the planes in x and y [m].
    """
    return jnp.sum(2.0 * span / design.pitch)


def cost(design: TelescopeDesign, span: float) -> Float[Array, ""]:
    """Price of a telescope [EUR]: channels, and silicon whose price per area falls with its thickness.

    Args:
        design: the telescope.
        span: full width of the planes in x and y [m].
    """
    price = prices()
    per_area = price["sensor"] + price["thinning"] * THINNING_REFERENCE / design.thickness
    return price["channel"] * channels(design, span) + span**2 * jnp.sum(per_area)
