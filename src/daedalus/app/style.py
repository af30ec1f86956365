"""The look of all figures: quiet, readable in print, and safe for colour-blind readers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib as mpl
from cycler import cycler

from daedalus.drawing.palette import CYCLE

STYLE = {
    "axes.prop_cycle": cycler(color=CYCLE),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlesize": "medium",
    "axes.titlelocation": "left",
    "axes.labelcolor": "#333333",
    "axes.edgecolor": "#666666",
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.7,
    "xtick.color": "#666666",
    "ytick.color": "#666666",
    "xtick.labelcolor": "#333333",
    "ytick.labelcolor": "#333333",
    "font.size": 10.0,
    "legend.frameon": False,
    "legend.fontsize": "small",
    "lines.linewidth": 1.6,
    "figure.facecolor": "white",
    "figure.dpi": 150,
    "savefig.dpi": 150,
    "pdf.fonttype": 42,  # text stays text
}


@contextmanager
def styled() -> Iterator[None]:
    """Within the block, figures are made in the house's look."""
    with mpl.rc_context(STYLE):  # pyright: ignore[reportArgumentType]
        yield
