"""What may vary: where the hodoscopes stand, and how a budget is shared among them."""

from __future__ import annotations

from typing import ClassVar

from jaxtyping import Array, Float

from daedalus.core import Design, Exchange, parameter
from daedalus.studies.muon_tomography.design import SHARE
from daedalus.units import cm

_X = (-60 * cm, 120 * cm)  # one width of the box beyond it on either side
_Y = (-60 * cm, 260 * cm)  # 60 cm beyond either end
_EXCHANGE = (Exchange(("x", "y", "z", "share"), by="y"),)


class UpperHodoscopes(Design):
    """The hodoscopes above the box."""

    x: Float[Array, "box"] = parameter(*_X, "cm", doc="centre along x, across the box")
    y: Float[Array, "box"] = parameter(*_Y, "cm", doc="centre along y, along the box")
    z: Float[Array, "box"] = parameter(112 * cm, 170 * cm, "cm", doc="centre; 2 cm above the box at least")
    share: Float[Array, "box"] = parameter(**SHARE)

    symmetries: ClassVar[tuple[Exchange, ...]] = _EXCHANGE


class LowerHodoscopes(Design):
    """The hodoscopes below the box."""

    x: Float[Array, "box"] = parameter(*_X, "cm", doc="centre along x, across the box")
    y: Float[Array, "box"] = parameter(*_Y, "cm", doc="centre along y, along the box")
    z: Float[Array, "box"] = parameter(-30 * cm, 28 * cm, "cm", doc="centre; 2 cm below the box at least")
    share: Float[Array, "box"] = parameter(**SHARE)

    symmetries: ClassVar[tuple[Exchange, ...]] = _EXCHANGE


class CargoDesign(Design):
    """A scanner of rigid boxes of three planes each, above and below the cargo."""

    upper: UpperHodoscopes
    lower: LowerHodoscopes
