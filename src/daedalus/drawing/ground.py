"""The ground that elements stand on, as maps show it: its outline, and what is forbidden in it."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.patches import Circle, Patch
from matplotlib.patches import Polygon as Outline

from daedalus.drawing.palette import GREY, INK, PALE
from daedalus.geometry.polygons import Disc
from daedalus.geometry.regions import Region, Shape

SITE, FORBIDDEN = "site", "forbidden"  # as the legend has them
_LOOK: dict[str, dict[str, Any]] = {
    SITE: {"fc": "#F6F4EF", "ec": INK, "lw": 1.0},
    FORBIDDEN: {"fc": PALE, "ec": GREY, "lw": 0.8, "hatch": "////"},
}


def draw_ground(axes: Axes, ground: Region, plane: tuple[int, int] = (0, 1), size: float = 1.0) -> None:
    """Draws the outline of a ground and what is forbidden in it, below everything else.

    Args:
        axes: where.
        ground: what.
        plane: numbers of the axes across and up, x being 0.
        size: of the unit [m].
    """
    axes.add_patch(_patch(ground.boundary, plane, size, zorder=0.3, label=SITE, **_LOOK[SITE]))
    for shape in ground.forbidden:
        axes.add_patch(_patch(shape, plane, size, zorder=0.4, label=FORBIDDEN, **_LOOK[FORBIDDEN]))


def ground_entries(ground: Region) -> dict[str, Artist]:
    """What a legend shows of a ground, by its names."""
    names = [SITE, FORBIDDEN] if ground.forbidden else [SITE]
    return {name: Patch(**_LOOK[name]) for name in names}


def _patch(shape: Shape, plane: tuple[int, int], size: float, **look: Any) -> Patch:
    if isinstance(shape, Disc):
        across, up = (float(shape.centre[axis]) / size for axis in plane)
        return Circle((across, up), shape.radius / size, **look)
    return Outline(np.asarray(shape.vertices)[:, list(plane)] / size, closed=True, **look)
