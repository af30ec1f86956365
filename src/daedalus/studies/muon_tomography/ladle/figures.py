"""Figures of the ladle: where the panels stand, and how well the level is read, before and after."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from daedalus.core import Point, Problem
from daedalus.drawing.palette import BLUE, GREEN, INK, ORANGE, PURPLE, VERMILION
from daedalus.drawing.scene import Scene
from daedalus.drawing.views import views_figure
from daedalus.geometry import Element
from daedalus.inference.calibration import cross_fitted_residuals
from daedalus.studies.muon_tomography.design import ScannerDesign
from daedalus.studies.muon_tomography.ladle.likelihood_level import likelihood_level
from daedalus.studies.muon_tomography.ladle.poca_level import poca_level
from daedalus.studies.muon_tomography.ladle.scenario import SLAG, WALL
from daedalus.studies.muon_tomography.layout import scanner_layout
from daedalus.studies.muon_tomography.paths import Passages, paths, with_passages
from daedalus.studies.muon_tomography.scanner import FLOOR, RIM, SIDE
from daedalus.units import cm

SCENARIOS, MUONS = 160, 1000  # scans behind the figures, and muons of each
BINS = 8  # intervals of the level
TRACKS = 24  # accepted muons that are drawn
_ESTIMATES = {"closest approach": poca_level, "likelihood": likelihood_level}
_LOOKS = {
    "start": (VERMILION, "s"),
    "optimised": (BLUE, "o"),
    "human 1": (GREEN, "^"),
    "human 2": (PURPLE, "v"),
}
_DOTS = {"closest approach": (ORANGE, "o"), "likelihood": (BLUE, "D")}
_LABELS = {"upper": "upper panels", "lower": "lower panels", "tracks": "accepted muons"}
_WITHIN = ((-60 * cm, 160 * cm), (-60 * cm, 160 * cm), (-3 * cm, 183 * cm))  # where panels may stand


class Reading(NamedTuple):
    """What one layout made of many scans."""

    design: ScannerDesign
    level: Float[np.ndarray, "scenario"]  # true levels [m]
    errors: dict[str, Float[np.ndarray, "scenario"]]  # corrected estimate minus truth; NaN: nothing seen [m]
    accepted: float  # share of the muons [1]
    passages: Passages  # of one scan


def ladle_figures(problem: Problem, before: Any, after: Any, *, key: Key[Array, ""]) -> Mapping[str, Figure]:
    """The figures of a run by file name: the layout, estimated against true levels, and the error by level.

    Args:
        problem: the ladle's problem.
        before: the first layout.
        after: the optimised layout.
        key: decides levels and muons; all layouts see the same ones.
    """
    designs = {"start": before, "optimised": problem.space.canonical(after)}
    baselines = {name.replace("_", " "): problem.references[name] for name in ("human_1", "human_2")}
    read = readings(problem, {**designs, **baselines}, key=key)
    pair = {name: read[name] for name in designs}
    return {"layout": _layout(pair, problem), "levels": _levels(pair), "error_by_level": _error_by_level(read)}


def readings(problem: Problem, designs: Mapping[str, Any], *, key: Key[Array, ""]) -> dict[str, Reading]:
    """The readings of several layouts with hard panel edges, on the same levels and muons.

    Args:
        problem: the ladle's problem.
        designs: layouts by name.
        key: decides levels and muons.
    """
    partition = problem.partition(MUONS, SCENARIOS, block=8 * MUONS)
    partition = dataclasses.replace(partition, devices=jax.local_device_count())
    traced = with_passages(problem, MUONS)

    @jax.jit  # once for all layouts: compilation takes most of the time
    def measure(point: Point) -> tuple[Any, ...]:
        summaries, truth = traced.summaries(point, key=key, partition=partition)
        weight, level = summaries.weight, truth.level
        errors = {name: cross_fitted_residuals(of(summaries), level, weight) for name, of in _ESTIMATES.items()}
        errors = {name: jnp.where(weight > 0, error, jnp.nan) for name, error in errors.items()}
        seen = summaries["passages"].of(_middle(level))
        return level, errors, jnp.mean(summaries.accepted) / MUONS, seen

    measured = {name: measure(problem.space.point(design)) for name, design in designs.items()}
    return {name: Reading(designs[name], *jax.tree.map(np.asarray, found)) for name, found in measured.items()}


def _layout(pair: Mapping[str, Reading], problem: Problem) -> Figure:
    """Side view above, top view below; the layout before on the left, after on the right."""
    scenes = {}
    for name, reading in pair.items():
        level = float(reading.level[_middle(reading.level)])
        elements = (*ladle_elements(level), *scanner_layout(problem, reading.design))
        title = f"{name}: {100 * reading.accepted:.1f} % of muons accepted"
        scenes[title] = Scene(elements, tracks=paths(reading.passages, TRACKS), labels=_LABELS)
    return views_figure(scenes, within=_WITHIN)


def ladle_elements(level: float) -> tuple[Element, ...]:
    """The ladle as passive elements, cut open: what is inside lies above its wall.

    Args:
        level: of the liquid steel [m].
    """
    inner, bottom = SIDE - 2 * WALL, FLOOR + WALL

    def part(name: str, material: str, width: float, low: float, high: float) -> Element:
        centre = (0.5 * SIDE, 0.5 * SIDE, 0.5 * (low + high))
        return Element(name, centre, (width, width, high - low), material, sensitive=False)

    return (
        part("ladle", "steel", SIDE, FLOOR, RIM),
        part("inside", "air", inner, bottom, RIM),
        part("melt", "liquid steel", inner, bottom, level),
        part("slag", "slag", inner, level, level + SLAG),
    )


def _middle(level: Any) -> Any:
    """The number of the scan whose level is nearest to half-way."""
    return abs(level - 0.5 * (FLOOR + WALL + RIM)).argmin()


def _levels(pair: Mapping[str, Reading]) -> Figure:
    """Estimated against true level, and below it the difference."""
    figure = Figure(figsize=(7.6, 5.4), layout="constrained")
    grid = figure.subplots(2, 2, sharex=True, height_ratios=(2.2, 1))
    for (above, below), (name, reading) in zip(grid.T, pair.items(), strict=True):
        truth = reading.level / cm
        ends = [truth.min() - 3, truth.max() + 3]
        above.plot(ends, ends, color=INK, lw=0.8)
        below.axhline(0.0, color=INK, lw=0.8)
        for label, error in reading.errors.items():
            colour, marker = _DOTS[label]
            look: dict[str, Any] = {"ls": "", "marker": marker, "ms": 3.5, "mew": 0, "color": colour, "alpha": 0.8}
            rms = np.sqrt(np.nanmean(error**2)) / cm
            above.plot(truth, truth + error / cm, label=f"{label}, rms error {rms:.2g} cm", **look)
            below.plot(truth, error / cm, **look)
        above.set_title(name, loc="left", fontsize="medium")
        above.legend(frameon=False, fontsize="small", loc="upper left", handletextpad=0.2)
        below.set_xlabel("true level [cm]")
        _tidy(above)
        _tidy(below)
    grid[0, 0].set_ylabel("estimated level [cm]")
    grid[1, 0].set_ylabel("estimated - true [cm]")
    figure.align_ylabels()
    return figure


def _error_by_level(read: Mapping[str, Reading]) -> Figure:
    """Root-mean-square error in intervals of the level, one panel per estimate, one line per layout."""
    figure = Figure(figsize=(7.6, 3.8), layout="constrained")
    for axes, label in zip(figure.subplots(1, 2, sharey=True), _ESTIMATES, strict=True):
        for number, (name, reading) in enumerate(read.items()):
            middle, rms, error = _by_level(reading.level / cm, reading.errors[label] / cm)
            colour, marker = _LOOKS[name]
            shift = 1.2 * (number - 0.5 * (len(read) - 1))
            look: dict[str, Any] = {"color": colour, "marker": marker, "ms": 4.5, "lw": 0.9, "capsize": 2}
            axes.errorbar(middle + shift, rms, error, label=name, **look)
        axes.set(yscale="log", xlabel="true level [cm]")
        axes.set_title(label, loc="left", fontsize="medium")
        axes.yaxis.set_major_formatter("{x:g}")
        _tidy(axes)
    figure.axes[0].set_ylabel("rms error of the level [cm]")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize="small")
    return figure


def _by_level(level: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Middle, rms and its standard error, from the spread of the squares, in equal intervals of the level."""
    edges = np.linspace(level.min(), level.max(), BINS + 1)
    place = np.clip(np.digitize(level, edges) - 1, 0, BINS - 1)
    rows = []
    for number, middle in enumerate(0.5 * (edges[1:] + edges[:-1])):
        square = error[(place == number) & np.isfinite(error)] ** 2
        if len(square) > 1:
            rms = np.sqrt(square.mean())
            rows.append((middle, rms, square.std(ddof=1) / np.sqrt(len(square)) / (2 * rms)))
    return np.array(rows).reshape(-1, 3).T


def _tidy(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, lw=0.6)
    axes.set_axisbelow(True)
