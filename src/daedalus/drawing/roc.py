"""ROC curves: how often presence is found for so many false alarms, of several layouts or methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from daedalus.drawing.palette import CYCLE, DASHES, GREY, MARKERS

MARKED = (0.01, 0.05)  # shares of false alarms that are marked [1]


def roc_figure(
    curves: Mapping[str, Sequence[np.ndarray]],
    *,
    marked: Sequence[float] = MARKED,
    colours: Mapping[str, str] = MappingProxyType({}),
) -> Figure:
    """A figure of ROC curves; arguments as for `draw_roc`."""
    figure = Figure(figsize=(6.4, 4.6), layout="constrained")
    draw_roc(figure.subplots(), curves, marked=marked, colours=colours)
    return figure


def draw_roc(
    axes: Axes,
    curves: Mapping[str, Sequence[np.ndarray]],
    *,
    marked: Sequence[float] = MARKED,
    colours: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Draws ROC curves as steps with their bands, the share of false alarms on a logarithmic axis.

    The axis begins at half the smallest share that any curve can tell from none; what is found without a false alarm
    is drawn there. The legend holds what is found at the marked shares.

    Args:
        axes: where.
        curves: by name, four arrays each: shares of false alarms from 0 to 1, shares found, and the band's lower and
            upper ends, as `daedalus.inference.roc.roc_curve` gives them [1].
        marked: shares of false alarms [1].
        colours: of curves, by name; one after the other by default.
    """
    smallest = min(float(np.min(false[false > 0], initial=1.0)) for false, *_ in curves.values())
    least = 0.5 * min(smallest, *marked)
    guess = np.geomspace(least, 1.0, 200)
    axes.plot(guess, guess, color=GREY, lw=0.9, ls=":", label="a guess")
    for share in marked:
        axes.axvline(share, color=GREY, lw=0.8, zorder=0.5)
        axes.annotate(f"{100 * share:g} %", (share, 1.0), (0, 3), ("data", "axes fraction"), "offset points", **_ABOVE)
    for number, (name, (false, found, low, high)) in enumerate(curves.items()):
        colour, marker = colours.get(name, CYCLE[number % len(CYCLE)]), MARKERS[number % len(MARKERS)]
        x = np.maximum(false, least)
        axes.fill_between(x, low, high, step="post", color=colour, alpha=0.15, lw=0)
        at = [found_at(false, found, share) for share in marked]
        told = ", ".join(f"{value:.2f}" for value in at)
        look = {"color": colour, "ls": DASHES[number % len(DASHES)], "lw": 1.5}
        axes.plot(x, found, drawstyle="steps-post", label=f"{name}: {told}", **look)
        axes.plot(marked, at, ls="", marker=marker, ms=5.5, color=colour, mec="white", mew=0.6, label="_marks")
    axes.set(xscale="log", xlim=(least, 1.0), ylim=(0.0, 1.02))
    axes.set(xlabel="false alarms [1]", ylabel="found [1]")
    axes.xaxis.set_major_formatter("{x:g}")
    title = f"found at {' and '.join(f'{100 * share:g} %' for share in marked)} false alarms"
    _draw_names(axes, title)


def found_at(false: np.ndarray, found: np.ndarray, share: float) -> float:
    """What a curve finds with no more than a share of false alarms [1]."""
    return float(found[np.searchsorted(false, share * (1 + 1e-9), side="right") - 1])


_ABOVE = {"ha": "center", "va": "bottom", "color": GREY, "fontsize": "small", "annotation_clip": False}


def _draw_names(axes: Axes, title: str) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure = axes.get_figure()
    assert figure is not None  # axes have one
    figure.legend(
        handles, labels, loc="outside lower center", ncols=2, frameon=False, title=title,
        fontsize="small", title_fontsize="small",
    )  # fmt: skip
