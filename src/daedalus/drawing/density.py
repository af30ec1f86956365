"""The colours of the inverse radiation length 1/X0: one logarithmic scale for views, slices and their legends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import Colormap, ListedColormap, LogNorm
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import LogLocator, StrMethodFormatter

DECADES = 2.5  # that the scale spans below the densest place: from lead down to water [1]
LABEL = "inverse radiation length $1/X_0$ [1/m]"


def density_scale(*densities: Float[np.ndarray, "..."], decades: float = DECADES) -> LogNorm:
    """The logarithmic scale that holds the densest place of all maps, up to the next 1, 2 or 5.

    Args:
        densities: maps of 1/X0; numbers that are not finite do not count [1/m].
        decades: from the scale's upper to its lower end; what is thinner, air for instance, is left out [1].
    """
    greatest = max((float(np.max(d, where=np.isfinite(d), initial=0.0)) for d in densities), default=0.0)
    if greatest <= 0.0:
        greatest = 1.0
    power = 10.0 ** np.floor(np.log10(greatest))
    upper = next(step * power for step in (1.0, 2.0, 5.0, 10.0) if step * power >= (1.0 - 1e-6) * greatest)
    return LogNorm(upper / 10.0**decades, upper)


def thinnest(scale: LogNorm) -> float:
    """The lower end of a scale [1/m]: what is below it counts as no matter."""
    assert scale.vmin is not None  # scales have ends
    return float(scale.vmin)


def density_colours() -> Colormap:
    """Light is thin, dark is dense; white, or nothing at all, is below the scale."""
    shades = mpl.colormaps["viridis_r"](np.linspace(0.0, 1.0, 256))
    nothing = (1.0, 1.0, 1.0, 0.0)
    return ListedColormap(shades, name="density").with_extremes(under=nothing, bad=nothing)


def density_bar(figure: Figure | SubFigure, axes: Axes | Sequence[Axes], scale: LogNorm, **options: Any) -> Colorbar:
    """The colour bar of a scale beside axes.

    Args:
        figure: that holds the axes.
        axes: whose colours it explains.
        scale: of 1/X0, as `density_scale` gives it.
        options: of matplotlib's ``colorbar``, for instance ``label`` or ``shrink``.
    """
    shown = ScalarMappable(scale, density_colours())
    bar = figure.colorbar(shown, ax=axes, **({"label": LABEL, "extend": "min", "aspect": 30} | options))
    bar.ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    bar.ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    bar.minorticks_off()
    bar.ax.grid(False)
    return bar
