"""What may vary: the places of the panels on the ground and in a tunnel below it, and how a budget is shared."""

from __future__ import annotations

from typing import ClassVar

from jaxtyping import Array, Float

from daedalus.core import Design, Exchange, parameter
from daedalus.studies.muon_tomography.design import SHARE
from daedalus.units import m

_SIDE = (-2.0 * m, 12.0 * m)  # two metres beyond the site on either side
_EXCHANGE = (Exchange(("x", "y", "z", "share"), by="z"),)


class GroundPanels(Design):
    """The panels on the ground."""

    x: Float[Array, "plane"] = parameter(*_SIDE, "m", doc="centre of the panel along x")
    y: Float[Array, "plane"] = parameter(*_SIDE, "m", doc="centre of the panel along y")
    z: Float[Array, "plane"] = parameter(13.1 * m, 16.0 * m, "m", doc="height: on a scaffold above the ground")
    share: Float[Array, "plane"] = parameter(**SHARE)

    symmetries: ClassVar[tuple[Exchange, ...]] = _EXCHANGE


class TunnelPanels(Design):
    """The panels in the tunnel."""

    x: Float[Array, "plane"] = parameter(*_SIDE, "m", doc="centre of the panel along x")
    y: Float[Array, "plane"] = parameter(*_SIDE, "m", doc="centre of the panel along y")
    z: Float[Array, "plane"] = parameter(0.0 * m, 2.9 * m, "m", doc="height above the floor of the tunnel")
    share: Float[Array, "plane"] = parameter(**SHARE)

    symmetries: ClassVar[tuple[Exchange, ...]] = _EXCHANGE


class WallsDesign(Design):
    """Panels above and below a buried site."""

    upper: GroundPanels
    lower: TunnelPanels
