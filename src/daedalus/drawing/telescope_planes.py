"""A telescope seen from the side: planes with pitch and thickness written on them, and the beam's envelope."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from daedalus.drawing.palette import GREY
from daedalus.units import cm, mm, um

Planes = Float[np.ndarray, "plane"]


def draw_planes(
    axes: Axes, z: Planes, pitch: Planes, thickness: Planes, *, span: float, spot: float, divergence: float, colour: str
) -> None:
    """Draws the planes of a telescope behind a target at z = 0, and one and two deviations of its beam.

    Args:
        axes: where to draw; z in cm to the right, x in mm upwards.
        z: places of the planes [m].
        pitch: of their strips [m].
        thickness: of their silicon [m].
        span: full width of a plane [m].
        spot: standard deviation of the beam in the target [m].
        divergence: standard deviation of the beam's slopes [1].
        colour: of the planes.
    """
    half = 0.5 * span / mm
    for number, (place, distance, depth) in enumerate(sorted(zip(z, pitch, thickness, strict=True))):
        axes.plot([place / cm] * 2, [-half, half], color=colour, lw=depth / (100 * um))
        axes.annotate(
            f"{distance / um:.0f} | {depth / um:.0f}",
            (place / cm, half if number % 2 else -half),
            xytext=(0, 9 if number % 2 else -9),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=8,
        )
    along = np.linspace(0.0, 62.0, 50)
    for deviations in (1, 2):
        width = deviations * np.hypot(spot, divergence * along * cm) / mm
        axes.fill_between(along, -width, width, color=GREY, alpha=0.15, lw=0)
    axes.plot(0, 0, "k*", ms=10)
    axes.annotate("target", (0, 0), xytext=(0, 12), textcoords="offset points", ha="center", fontsize=8)
    axes.set_ylim(-1.45 * half, 1.45 * half)
    axes.set_ylabel("x [mm]")
