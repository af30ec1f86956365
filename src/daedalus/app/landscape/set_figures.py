"""The pictures of a near-optimal set: all designs across the parameters, and pairs of parameters."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure

from daedalus.app.landscape.around import Landscape
from daedalus.drawing.palette import BLACK, GREY, VERMILION

AXES, PAIRED = 12, 6  # most parameters of the two pictures
COLOURS = ListedColormap(colormaps["viridis"](np.linspace(0.0, 0.9, 256)))  # of the loss: the darker, the better
MARGIN = 0.04  # of an axis beyond what it shows [1]


def set_figures(landscape: Landscape) -> dict[str, Figure]:
    """The pictures of the set by file name; none where there is no set.

    Args:
        landscape: as `daedalus landscape` writes it.
    """
    found = landscape["near_optimal"]
    if not found.get("sample") or not len(found["sample"]["values"]):
        return {}
    drawn = {"near_optimal_parallel": _parallel(landscape)}
    if len(found["parameters"]) > 1:
        drawn["near_optimal_corner"] = _corner(landscape)
    return drawn


def widest(found: Landscape, most: int = AXES) -> list[str]:
    """The parameters whose range in the set takes most of their bounds, in the order of the design."""
    share = {
        name: (line["high"][0] - line["low"][0]) / (line["bounds"][1] - line["bounds"][0])
        for name, line in found["parameters"].items()
    }
    kept = sorted(share, key=lambda name: -share[name])[:most]
    return [name for name in share if name in kept]


def tied(found: Landscape, most: int = PAIRED) -> list[str]:
    """The parameters that are most tied to each other in the set, in the order of the design.

    A tie is a correlation, times the mean (geometric) of both spreads in shares of the bounds.
    """
    names = list(found["parameters"])
    if len(names) <= most:
        return names
    lines = found["parameters"].values()
    scale = np.sqrt([line["spread"][0] / (line["bounds"][1] - line["bounds"][0]) for line in lines])
    ties = np.abs(np.triu(np.array(found["correlations"]) * np.outer(scale, scale), 1))
    kept: list[int] = []
    for pair in np.argsort(-ties, axis=None, kind="stable"):
        kept += [int(i) for i in np.unravel_index(pair, ties.shape) if int(i) not in kept]
        if len(kept) >= most:
            break
    return [names[i] for i in sorted(kept[:most])]


def _colours(found: Landscape) -> tuple[np.ndarray, ScalarMappable, str]:
    """What the lines are coloured by: by how much each loss exceeds the least one."""
    best, level = found["best"]["loss"][0], found["level"]
    rise = np.asarray(found["sample"]["loss"], float) - best
    unit, text = (abs(best) / 100, "loss above the least [% of it]") if best else (1.0, "loss above the least")
    least = max(float(np.min(rise)), 0.0)  # of many parameters, nearly all of the set lies near its boundary
    return rise / unit, ScalarMappable(Normalize(least / unit, (level - best) / unit), COLOURS), text


def _ends(landscape: Landscape, name: str) -> list[float]:
    """The ends of a parameter's free play, if it was looked for [its unit]."""
    line = landscape.get("free_play", {}).get(name)
    return [float(end) for end in line["profile"]] if line else []


def _design(landscape: Landscape, name: str) -> float:
    found = landscape["near_optimal"]
    return float(found["run"]["values"][name])


def _parallel(landscape: Landscape) -> Figure:
    found = landscape["near_optimal"]
    names = widest(found)
    values = _values(found, names)
    rise, colours, text = _colours(found)
    figure = Figure(figsize=(max(6.4, 1.6 + 0.95 * len(names)), 5.2), layout="constrained")
    axes = figure.subplots()
    frames = [
        _frame([*values[:, i], _design(landscape, name), *_ends(landscape, name)], found["parameters"][name]["bounds"])
        for i, name in enumerate(names)
    ]
    scaled = lambda value, i: (value - frames[i][0]) / (frames[i][1] - frames[i][0])
    for i, name in enumerate(names):
        _rail(axes, i, frames[i], found["parameters"][name])
        for end in _ends(landscape, name):
            axes.plot([i - 0.13, i + 0.13], [scaled(end, i)] * 2, color=VERMILION, lw=2.0, zorder=5)
    order = np.argsort(-rise, kind="stable")  # the best on top
    heights = np.stack([scaled(values[:, i], i) for i in range(len(names))], -1)
    strands = [np.column_stack([np.arange(len(names)), heights[row]]) for row in order]
    axes.add_collection(
        LineCollection(strands, colors=colours.to_rgba(rise[order]), linewidths=0.8, alpha=0.6, zorder=2)
    )
    own = [scaled(_design(landscape, name), i) for i, name in enumerate(names)]
    axes.plot(range(len(names)), own, color=BLACK, lw=2.2, marker="o", ms=4, zorder=6, label="design of the run")
    if landscape.get("free_play"):
        axes.plot([], [], color=VERMILION, lw=2.0, label="ends of its free play")
    axes.plot([], [], color=GREY, lw=3.0, label="bound of the parameter")
    labels = [f"{name}\n[{found['parameters'][name]['unit']}]" for name in names]
    axes.set_xticks(range(len(names)), labels, fontsize="small")
    axes.set(xlim=(-0.45, len(names) - 0.55), ylim=(-0.1, 1.1), yticks=[])
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.grid(False)
    axes.set_title(_title(landscape, len(names), "those with most room"), fontsize="medium")
    figure.colorbar(colours, ax=axes, label=text, pad=0.01, aspect=32)
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def _values(found: Landscape, names: list[str]) -> np.ndarray:
    """The designs of the set, axes design and parameter, some of the parameters."""
    columns = [found["sample"]["names"].index(name) for name in names]
    return np.asarray(found["sample"]["values"], float)[:, columns]


def _frame(values: list[float], bounds: list[float]) -> tuple[float, float]:
    """What an axis shows: all values, and the bounds where these are near."""
    low, high = min(values), max(values)
    if not high > low:
        low, high = bounds
    room = MARGIN * (high - low)
    return max(low - room, bounds[0]), min(high + room, bounds[1])


def _rail(axes: Axes, place: int, ends: tuple[float, float], line: Landscape) -> None:
    """An axis of the picture: its line, what it shows at its ends, and a bar where that is a bound."""
    axes.plot([place, place], [0, 1], color=GREY, lw=0.8, zorder=1)
    digits = lambda value: f"{value:.4g}"
    for height, value, bound, where in zip((0, 1), ends, line["bounds"], ("top", "bottom"), strict=True):
        shift = 0.025 if height else -0.025
        axes.text(place, height + shift, digits(value), ha="center", va=where, fontsize=7, color="#444444")
        if np.isclose(value, bound, rtol=0, atol=1e-9 * (line["bounds"][1] - line["bounds"][0])):
            axes.plot([place - 0.2, place + 0.2], [height, height], color=GREY, lw=3.0, zorder=4)


def _corner(landscape: Landscape) -> Figure:
    found = landscape["near_optimal"]
    names = tied(found)
    values, size = _values(found, names), len(names)
    rise, colours, text = _colours(found)
    order = np.argsort(-rise, kind="stable")
    own = [_design(landscape, name) for name in names]
    frames = [_frame([*values[:, k], own[k]], found["parameters"][name]["bounds"]) for k, name in enumerate(names)]
    figure = Figure(figsize=(2.2 + 1.55 * size, 1.4 + 1.45 * size), layout="constrained")
    grid = figure.subplots(size, size, squeeze=False, sharex="col")
    for (i, j), axes in np.ndenumerate(grid):
        if j > i:
            axes.remove()
            continue
        if i == j:
            axes.hist(values[:, j], bins=16, range=frames[j], color="#B9CFE0", edgecolor="white", lw=0.4)
            axes.axvline(own[j], color=BLACK, lw=1.4)
            axes.set_yticks([])
            axes.spines["left"].set_visible(False)
        else:
            axes.scatter(values[order, j], values[order, i], s=7, c=colours.to_rgba(rise[order]), lw=0)
            axes.plot(own[j], own[i], marker="P", ms=8, mfc=BLACK, mec="white", mew=0.8, ls="", zorder=5)
            axes.set_ylim(*frames[i])
        axes.set_xlim(*frames[j])
        axes.locator_params(nbins=3)
        axes.tick_params(labelsize=7)
        axes.grid(False)
        _named(axes, found, names, (i, j))
    figure.align_ylabels()
    figure.suptitle(_title(landscape, size, "those that move most together"), x=0.01, ha="left", fontsize="medium")
    cross = grid[0, 0].plot([], [], marker="P", ms=8, mfc=BLACK, mec="white", ls="", label="design of the run")
    figure.legend(handles=cross, loc="outside lower center")
    figure.colorbar(colours, ax=figure.axes, label=text, shrink=0.6, aspect=30, pad=0.01)
    return figure


def _named(axes: Axes, found: Landscape, names: list[str], cell: tuple[int, int]) -> None:
    i, j = cell
    text = lambda name: f"{name} [{found['parameters'][name]['unit']}]"
    if i == len(names) - 1:
        axes.set_xlabel(text(names[j]), fontsize="small")
    if j == 0 and i > 0:
        axes.set_ylabel(text(names[i]), fontsize="small")
    elif j < i:
        axes.tick_params(labelleft=False)


def _title(landscape: Landscape, drawn: int, which: str) -> str:
    found = landscape["near_optimal"]
    share = f"{100 * landscape['looked']['near_optimal']['allowance']:g} %"
    whole, number = len(found["parameters"]), len(found["sample"]["values"])
    some = f"all {whole} parameters" if drawn == whole else f"{drawn} of {whole} parameters, {which}"
    return f"near-optimal set: {number} designs within {share} of the least loss\n{some}"
