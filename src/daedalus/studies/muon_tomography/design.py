"""What may vary: the places of the panels above and below the ladle, and how a budget is shared among them."""

from __future__ import annotations

from typing import Any, ClassVar

from jaxtyping import Array, Float

from daedalus.core import Design, Exchange, parameter
from daedalus.units import cm

_SIDE = (-50 * cm, 150 * cm)  # half a metre beyond the ladle on either side
SHARE: dict[str, Any] = {
    "lower": -3.0,
    "upper": 3.0,
    "unit": "1",
    "doc": "logit of its share of the budget; only differences matter",
}
_EXCHANGE = (Exchange(("x", "y", "z", "share"), by="z"),)


class UpperPanels(Design):
    """The panels above the ladle."""

    x: Float[Array, "plane"] = parameter(*_SIDE, "cm", doc="centre of the panel along x")
    y: Float[Array, "plane"] = parameter(*_SIDE, "cm", doc="centre of the panel along y")
    z: Float[Array, "plane"] = parameter(140 * cm, 180 * cm, "cm", doc="height, between the rim and the crane")
    share: Float[Array, "plane"] = parameter(**SHARE)

    symmetries: ClassVar[tuple[Exchange, ...]] = _EXCHANGE


class LowerPanels(Design):
    """The panels below the ladle."""

    x: Float[Array, "plane"] = parameter(*_SIDE, "cm", doc="centre of the panel along x")
    y: Float[Array, "plane"] = parameter(*_SIDE, "cm", doc="centre of the panel along y")
    z: Float[Array, "plane"] = parameter(0 * cm, 40 * cm, "cm", doc="height, between the ground and the ladle")
    share: Float[Array, "plane"] = parameter(**SHARE)

    symmetries: ClassVar[tuple[Exchange, ...]] = _EXCHANGE


class ScannerDesign(Design):
    """A scanner for a ladle: panels above and below; their sizes follow from a fixed budget."""

    upper: UpperPanels
    lower: LowerPanels


class PricedScannerDesign(Design):
    """The same scanner where the sum that is spent is free too."""

    upper: UpperPanels
    lower: LowerPanels
    budget: Float[Array, ""] = parameter(1.0, 12.0, "EUR", doc="money spent on all panels together")
