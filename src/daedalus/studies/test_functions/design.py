"""What may vary in each test function: coordinates without a unit, in the boxes the peers were given."""

from __future__ import annotations

from jaxtyping import Array, Float

from daedalus.core import Design, parameter

BENDS = ("mirrored", "bent", "straight")  # the choices of `MixedDesign.bend`


class HumpDesign(Design):
    """A place in the plane of the three-hump function."""

    p: Float[Array, "coordinate"] = parameter(
        (-5.5, -7.5), (9.5, 7.5), "1", doc="coordinates: within 7.5 of the start at (2, 0)"
    )


class ShiftedDesign(Design):
    """A place in a box around 2 in every coordinate."""

    p: Float[Array, "coordinate"] = parameter(-5.5, 9.5, "1", doc="coordinate: within 7.5 of the start at 2")


class CentredDesign(Design):
    """A place in a box around the origin."""

    p: Float[Array, "coordinate"] = parameter(-7.5, 7.5, "1", doc="coordinate: within 7.5 of the start at 0")


class MixedDesign(Design):
    """A place in a valley: two coordinates, a whole one, and which way the valley bends."""

    p: Float[Array, "coordinate"] = parameter(-5.5, 9.5, "1", doc="coordinate: within 7.5 of the start at 2")
    steps: Float[Array, ""] = parameter(-5, 9, "1", doc="third coordinate, in whole steps", kind="whole")
    bend: Float[Array, ""] = parameter(0, 2, "1", doc="which way the valley bends", kind="choice", choices=BENDS)


class CrescentDesign(Design):
    """A place in the plane of g06."""

    x: Float[Array, "coordinate"] = parameter((13.0, 0.0), (100.0, 100.0), "1", doc="coordinates: g06's own box")


class UnitDesign(Design):
    """A place in the unit cube."""

    x: Float[Array, "coordinate"] = parameter(0.0, 1.0, "1", doc="coordinate: ZDT1's own box")
