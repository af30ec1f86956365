"""The picture of free play: within its bounds, how far each parameter may move."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from daedalus.drawing.palette import BLUE, GREY, VERMILION

MOST = 60  # parameters that are drawn, the first ones [1]
ROW = 0.24  # of a parameter [inch]


def free_play_figure(landscape: dict[str, Any]) -> Figure:
    """A row for every parameter, its bounds being the ends: the best value, and the intervals round it.

    Args:
        landscape: as `daedalus landscape` writes it.
    """
    lines = dict(list(landscape["free_play"].items())[:MOST])
    figure = Figure(figsize=(7.5, 1.3 + ROW * len(lines)), layout="constrained")
    axes = figure.subplots()
    for number, line in enumerate(lines.values()):
        low, high = line["bounds"]
        share = lambda value, low=low, high=high: (value - low) / (high - low)
        axes.plot([0, 1], [number, number], color=GREY, linewidth=0.6, zorder=1)
        for kind, colour, width in (("profile", BLUE, 5.0), ("slice", VERMILION, 2.2)):
            ends = [share(end) for end in line[kind]]
            axes.plot(ends, [number, number], color=colour, linewidth=width, solid_capstyle="butt", zorder=2)
        axes.plot(share(line["value"]), number, "k|", markersize=9, zorder=3)
    axes.set_yticks(range(len(lines)), lines, fontsize=7)
    axes.invert_yaxis()
    axes.set_xlim(-0.02, 1.02)
    axes.set_xticks([0.0, 1.0], ["lower bound", "upper bound"])
    share = landscape["looked"]["free_play"]["allowance"]
    axes.set_title(f"free play for {100 * share:g} % of the loss")
    kinds = (("the others following", BLUE, 5.0), ("alone", VERMILION, 2.2))
    handles = [axes.plot([], [], color=colour, linewidth=width, label=label)[0] for label, colour, width in kinds]
    axes.legend(
        handles=handles,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.35 / (1.3 + ROW * len(lines))),
        ncols=2,
        frameon=False,
    )
    return figure
