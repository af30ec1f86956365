"""Error, or detection probability, against exposure time, of several methods or layouts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from daedalus.drawing.palette import CYCLE, GREY, MARKERS
from daedalus.units import unit

_UNITS = ("day", "h", "min", "s", "ms", "us", "ns")  # the largest that the longest exposure holds twice is used


class Exposure(NamedTuple):
    """A quantity by exposure time."""

    time: Float[np.ndarray, "point"]  # [ns]
    value: Float[np.ndarray, "point"]  # in the unit of the axis
    error: Float[np.ndarray, "point"]  # standard error


def exposure_figure(lines: Mapping[str, Exposure], label: str, *, probability: bool = False) -> Figure:
    """A figure of quantities against exposure time; arguments as for `draw_exposure`."""
    figure = Figure(figsize=(6.0, 4.2), layout="constrained")
    draw_exposure(figure.subplots(), lines, label, probability=probability)
    return figure


def draw_exposure(axes: Axes, lines: Mapping[str, Exposure], label: str, *, probability: bool = False) -> None:
    """Draws quantities against exposure time with bars of one standard error, each method with its own marker.

    Errors are on a logarithmic axis beside a line that falls with the root of the time; probabilities are on a linear
    one from 0 to 1.

    Args:
        axes: where.
        lines: by name of method or layout.
        label: of the axis, with its unit.
        probability: whether the quantity is one.
    """
    name = time_unit(max(float(np.max(line.time)) for line in lines.values()))
    for number, (method, line) in enumerate(lines.items()):
        colour, marker = CYCLE[number % len(CYCLE)], MARKERS[number % len(MARKERS)]
        look = {"color": colour, "marker": marker, "ms": 5, "lw": 1.2, "capsize": 2, "mec": "white", "mew": 0.5}
        axes.errorbar(line.time / unit(name), line.value, line.error, label=method, **look)
    axes.set(xscale="log", xlabel=f"exposure [{name}]", ylabel=label)
    _plain_ticks(axes, "x")
    if probability:
        axes.set_ylim(0.0, 1.02)
    else:
        axes.set_yscale("log")
        _draw_root(axes, lines, unit(name))
        _plain_ticks(axes, "y")
    axes.legend(frameon=False, fontsize="small", loc="best")


def time_unit(longest: float) -> str:
    """The largest unit of which an exposure has two or more [1], given the longest one [ns]."""
    return next((name for name in _UNITS if longest >= 2.0 * unit(name)), _UNITS[-1])


def _draw_root(axes: Axes, lines: Mapping[str, Exposure], size: float) -> None:
    """A line that falls with the root of the time, above the first method's shortest exposure."""
    first = next(iter(lines.values()))
    time = np.array([min(np.min(each.time) for each in lines.values()), max(np.max(e.time) for e in lines.values())])
    start = int(np.argmin(first.time))
    value = 1.25 * first.value[start] * np.sqrt(first.time[start] / time)
    axes.plot(time / size, value, color=GREY, lw=0.9, ls=":", label="1 / root of the exposure")


def _plain_ticks(axes: Axes, axis: str) -> None:
    scale = axes.xaxis if axis == "x" else axes.yaxis
    scale.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    scale.set_major_formatter(StrMethodFormatter("{x:g}"))
    scale.set_minor_formatter(NullFormatter())
