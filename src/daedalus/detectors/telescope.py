"""What may vary: where the planes stand, how fine their strips are, and how thick their silicon is."""

from __future__ import annotations

from typing import ClassVar

from jaxtyping import Array, Float

from daedalus.core import Design, Exchange, parameter
from daedalus.units import cm, um


class TelescopeDesign(Design):
    """A row of silicon planes behind a target at z = 0, each with strips along x and along y."""

    z: Float[Array, "plane"] = parameter(
        8 * cm, 60 * cm, "cm", doc="distance from the target: from its housing to the end of the table"
    )
    pitch: Float[Array, "plane"] = parameter(
        25 * um, 250 * um, "um", doc="distance between strips: from what can be bonded to what still tracks"
    )
    thickness: Float[Array, "plane"] = parameter(
        100 * um, 500 * um, "um", doc="thickness of the silicon: from what still gives a signal"
    )

    symmetries: ClassVar[tuple[Exchange, ...]] = (Exchange(("z", "pitch", "thickness"), by="z"),)
