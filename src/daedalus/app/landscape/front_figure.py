"""The picture of a front: performance by cost, with errors, and what one more unit of cost buys."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from daedalus.drawing.palette import BLACK, BLUE, GREY, VERMILION

MOST = 4  # figures that are drawn


def front_figures(landscape: dict[str, Any]) -> dict[str, Figure]:
    """The picture of the front by file name.

    Args:
        landscape: as `daedalus landscape` writes it.
    """
    found = landscape["front"]
    names = found["performance"][:MOST]
    figure = Figure(figsize=(1.2 + 3.5 * len(names), 5.4), layout="constrained")
    grid = figure.subplots(2, len(names), squeeze=False, sharex=True, height_ratios=(2.0, 1.0))
    for (upper, lower), name in zip(grid.T, names, strict=True):
        _curve(upper, found, name)
        _slope(lower, found, name)
        lower.locator_params(axis="x", nbins=4)
        lower.set_xlabel(_label(found["cost"], found["units"][found["cost"]]))
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4)
    rounds = max(found["rounds"], default=0)
    figure.suptitle(
        f"the best within {len(found['points'])} budgets, {rounds} rounds each; errors of fresh events",
        x=0.01,
        ha="left",
        fontsize="medium",
    )
    figure.align_ylabels()
    return {"front": figure}


def _curve(axes: Axes, found: dict[str, Any], name: str) -> None:
    on = np.array([point["on_front"] for point in found["points"]])
    pick = lambda figure: np.array([point["figures"][figure] for point in found["points"]], float)
    cost, value = pick(found["cost"]), pick(name)
    look = {"fmt": "o", "ms": 4.5, "capsize": 2}
    bars = lambda rows: {"xerr": cost[rows, 1], "yerr": value[rows, 1]}
    order = np.flatnonzero(on)[np.argsort(cost[on, 0], kind="stable")]
    axes.plot(cost[order, 0], value[order, 0], color=BLUE, lw=1.0, alpha=0.6)
    axes.errorbar(cost[on, 0], value[on, 0], **bars(on), **look, color=BLUE, label="front")
    if not on.all():
        axes.errorbar(
            cost[~on, 0], value[~on, 0], **bars(~on), **look, color=GREY, mfc="white", label="certainly beaten"
        )
    own = [found["run"][figure] for figure in (found["cost"], name)]
    axes.errorbar(
        own[0][0], own[1][0], xerr=own[0][1], yerr=own[1][1], fmt="P", ms=8, color=BLACK, label="design of the run"
    )
    bend = found["knee"].get("cost")
    if bend:
        certain = "knee" if found["knee"]["significant"] else "knee (not certain)"
        axes.axvline(bend[0], color=VERMILION, lw=1.2, ls="-" if found["knee"]["significant"] else ":", label=certain)
    unit = found["units"][name]
    axes.set_title("loss without the cost" if name == "loss" else name.replace("_", " "), fontsize="medium")
    axes.set_ylabel(_label(name, unit))


def _slope(axes: Axes, found: dict[str, Any], name: str) -> None:
    marginal = found["marginal"][name]
    unit = f"{found['units'][name]} / {found['units'][found['cost']]}"
    axes.set_ylabel(f"one more buys\n[{unit}]", fontsize="small")
    axes.axhline(0.0, color=GREY, lw=0.8)
    if "none" in marginal:
        axes.set_yticks([])
        axes.text(0.5, 0.5, "not known", transform=axes.transAxes, ha="center", color=GREY)
        return
    rows = np.array(marginal["each"], float)
    axes.errorbar(rows[:, 0], rows[:, 1], yerr=rows[:, 2], fmt="o-", ms=4, lw=1.0, capsize=2, color=BLUE)


def _label(name: str, unit: str) -> str:
    return name.replace("_", " ") + ("" if unit in ("", "1") else f" [{unit}]")
