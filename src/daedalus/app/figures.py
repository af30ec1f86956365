"""The figures every search has: how it went, and what came out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

from daedalus.core import History, Problem
from daedalus.drawing.palette import BLUE, CYCLE, GREEN, GREY, VERMILION

PANEL = (3.7, 2.5)  # width and height of one panel [inch]
FEW_STARTS = 5  # up to here every start has a colour of its own
LOG_FROM = 6.0  # largest over smallest value from which an axis is logarithmic [1]
FLAT_BELOW = 1e-3  # relative spread below which a quantity is shown as constant [1]
_SENSES = {"minimise": "less is better", "maximise": "more is better"}


def search_figure(problem: Problem, history: History) -> Figure:
    """Loss and every figure of merit by round, one line per start, with bands of one standard error."""
    panels: list[tuple[str, str, str]] = [("loss", "loss", "what the machine minimises")]
    seen = [f for f in problem.figures if np.isfinite(history[f.name].astype(float)).any()]  # some are never measured
    panels += [(f.name, _label(f.name, f.unit), type(f).__name__.lower()) for f in seen]
    columns = _columns(len(panels))
    rows = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(PANEL[0] * columns, PANEL[1] * rows + 0.3), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True)
    for panel, (name, label, kind) in zip(axes.flat, panels, strict=False):
        _by_round(panel, history, name)
        panel.set_ylabel(label)
        panel.set_title(kind, color=GREY, fontsize="small")
    for panel in axes.flat[len(panels) :]:
        panel.remove()
    for panel in axes.flat[max(0, len(panels) - columns) : len(panels)]:
        panel.set_xlabel("round")
        panel.tick_params(labelbottom=True)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.align_ylabels()
    if 1 < len(np.unique(history["start"])) <= FEW_STARTS:
        axes.flat[0].legend(title="start", title_fontsize="small")
    return figure


def comparison_figure(result: Mapping[str, Any]) -> Figure:
    """Every figure of the start, the optimised design and the references, with bars of one standard error."""
    names, sheet = list(result["designs"]), result["figures"]
    columns = _columns(len(sheet))
    rows = math.ceil(len(sheet) / columns)
    size = (PANEL[0] * columns, (0.9 + 0.32 * len(names)) * rows + 0.4)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharey=True)
    colours = {"start": VERMILION, "optimised": BLUE}
    for panel, (name, line) in zip(axes.flat, sheet.items(), strict=False):
        values = [_number(result["designs"][d]["values"].get(name)) for d in names]
        errors = [_number(result["designs"][d]["errors"].get(name)) for d in names]
        for place, (design, value, error) in enumerate(zip(names, values, errors, strict=True)):
            bar = error if math.isfinite(error) else None
            panel.errorbar(value, place, xerr=bar, fmt="o", color=colours.get(design, GREEN), capsize=2)
        panel.set_xlabel(_label(name, line["unit"]))
        panel.set_title(_SENSES.get(line["sense"], line["kind"]), color=GREY, fontsize="small")
        panel.xaxis.set_major_locator(MaxNLocator(4))
        _scaled(panel, np.array(values), "x")
    for panel in axes.flat[len(sheet) :]:
        panel.remove()
    axes.flat[0].set_yticks(range(len(names)), [name.replace("_", " ") for name in names])
    axes.flat[0].set_ylim(len(names) - 0.5, -0.5)
    figure.suptitle(
        f"measured on {result['scenarios']} scenarios of {result['events']} fresh particles",
        fontsize="medium",
    )
    return figure


def _columns(panels: int) -> int:
    return 2 if panels == 4 else min(3, panels)


def _by_round(panel: Axes, history: History, name: str) -> None:
    starts = np.unique(history["start"])
    few = len(starts) <= FEW_STARTS
    for number, start in enumerate(starts):
        mine = history["start"] == start
        rounds, values = history["round"][mine], history[name][mine].astype(float)
        colour = CYCLE[number % len(CYCLE)] if few else GREY
        # many starts are a cloud, few are lines
        panel.plot(
            rounds,
            values,
            "-" if few else ".",
            color=colour,
            ms=3,
            alpha=1.0 if few else 0.35,
            label=str(start),
        )
        if few and f"{name}_error" in history.columns:
            error = history[f"{name}_error"][mine].astype(float)
            panel.fill_between(rounds, values - error, values + error, color=colour, alpha=0.2, lw=0)
    if not few:
        _best_so_far(panel, history, name)
    _scaled(panel, history[name].astype(float), "y")


def _best_so_far(panel: Axes, history: History, name: str) -> None:
    """The figure of the row that has the lowest loss so far, as a step line."""
    loss = np.where(np.isfinite(history["loss"]), history["loss"], np.inf)
    best = np.array([int(np.argmin(loss[: row + 1])) for row in range(len(loss))])
    panel.step(history["round"], history[name][best], where="post", color=BLUE, label="lowest loss so far")


def _scaled(panel: Axes, values: np.ndarray, axis: str) -> None:
    finite = values[np.isfinite(values)]
    if len(finite) and np.ptp(finite) < FLAT_BELOW * np.abs(finite).max():
        middle, reach = finite.mean(), 0.1 * np.abs(finite).max()  # rounding is no news
        panel.set(**{f"{axis}lim": (middle - reach, middle + reach)})
    elif len(finite) and finite.min() > 0 and finite.max() / finite.min() > LOG_FROM:
        panel.set(**{f"{axis}scale": "log"})
        scale = panel.xaxis if axis == "x" else panel.yaxis
        scale.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        scale.set_major_formatter(StrMethodFormatter("{x:g}"))
        scale.set_minor_formatter(NullFormatter())


def _label(name: str, unit: str) -> str:
    return name.replace("_", " ") + ("" if unit in ("", "1") else f" [{unit}]")


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
