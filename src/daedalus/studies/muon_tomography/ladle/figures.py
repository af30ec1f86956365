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
from matplotlib.patches import Rectangle

from daedalus.core import Pipeline, Point, Problem
from daedalus.events import Events, Tracks
from daedalus.inference.calibration import cross_fitted_residuals
from daedalus.studies.muon_tomography.design import ScannerDesign
from daedalus.studies.muon_tomography.ladle.likelihood_level import likelihood_level
from daedalus.studies.muon_tomography.ladle.poca_level import poca_level
from daedalus.studies.muon_tomography.ladle.scenario import SLAG, WALL
from daedalus.studies.muon_tomography.scanner import FLOOR, RIM, SIDE, TOP, panel_spans
from daedalus.units import cm

SCENARIOS, MUONS = 160, 1000  # scans behind the figures, and muons of each
BINS = 8  # intervals of the level
TRACKS = 24  # accepted muons that are drawn
_ESTIMATES = {"closest approach": poca_level, "likelihood": likelihood_level}
_INK = "#333333"
# Okabe and Ito, "Color Universal Design" (2008)
_LOOKS = {
    "start": ("#D55E00", "s"),
    "optimised": ("#0072B2", "o"),
    "human 1": ("#009E73", "^"),
    "human 2": ("#CC79A7", "v"),
}
_DOTS = {"closest approach": ("#E69F00", "o"), "likelihood": ("#0072B2", "D")}
_ARMS = {"upper": ("#0072B2", "-"), "lower": ("#D55E00", "--")}
_STEEL, _MELT, _SLAG = "#BDBDBD", "#F8CFA0", "#CDB19D"


class Reading(NamedTuple):
    """What one layout made of many scans."""

    design: ScannerDesign
    level: Float[np.ndarray, "scenario"]  # true levels [m]
    errors: dict[str, Float[np.ndarray, "scenario"]]  # corrected estimate minus truth; NaN: nothing seen [m]
    accepted: float  # share of the muons [1]
    tracks: dict[str, Float[np.ndarray, "5 event"]]  # x, y, dx/dz, dy/dz, z of one scan, by arm [m, 1]


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
    return {"layout": _layout(pair), "levels": _levels(pair), "error_by_level": _error_by_level(read)}


def readings(problem: Problem, designs: Mapping[str, Any], *, key: Key[Array, ""]) -> dict[str, Reading]:
    """The readings of several layouts with hard panel edges, on the same levels and muons.

    Args:
        problem: the ladle's problem.
        designs: layouts by name.
        key: decides levels and muons.
    """
    chain_of = problem.build
    assert chain_of is not None  # the ladle has a pipeline

    def build(design: Any, truth: Any) -> Pipeline:
        chain = chain_of(design, truth)
        return Pipeline(chain.stages, [{**chain.passes[0], "tracks": _drawn}, *chain.passes[1:]])

    traced = dataclasses.replace(problem, build=build)
    partition = problem.partition(MUONS, SCENARIOS, block=8 * MUONS)
    partition = dataclasses.replace(partition, devices=jax.local_device_count())

    @jax.jit  # once for all layouts: compilation takes most of the time
    def measure(point: Point) -> tuple[Any, ...]:
        summaries, truth = traced.summaries(point, key=key, partition=partition)
        weight, level = summaries.weight, truth.level
        errors = {name: cross_fitted_residuals(of(summaries), level, weight) for name, of in _ESTIMATES.items()}
        errors = {name: jnp.where(weight > 0, error, jnp.nan) for name, error in errors.items()}
        middle = jnp.argmin(jnp.abs(level - 0.5 * (FLOOR + WALL + RIM)))
        tracks = {arm: values[middle] for arm, values in summaries["tracks"].items()}
        return level, errors, jnp.mean(summaries.accepted) / MUONS, tracks

    measured = {name: measure(problem.space.point(design)) for name, design in designs.items()}
    return {name: Reading(designs[name], *jax.tree.map(np.asarray, found)) for name, found in measured.items()}


def _drawn(events: Events, earlier: Any) -> dict[str, Float[Array, "5 event"]]:
    """The tracks of accepted muons by number of the muon: sums over events, each of its own place."""
    columns = {}
    for arm in _ARMS:
        track = events[Tracks, arm]
        rows = jnp.stack([track.x, track.y, track.tx, track.ty, track.z])
        columns[arm] = jnp.zeros((5, MUONS)).at[:, events.index].add(jnp.where(events.alive, rows, 0.0), mode="drop")
    return columns


def _layout(pair: Mapping[str, Reading]) -> Figure:
    """Side view above, top view below; the layout before on the left, after on the right."""
    figure = Figure(figsize=(7.6, 7.2), layout="constrained")
    grid = figure.subplots(2, 2, sharex=True, sharey="row", height_ratios=(186, 220))
    for (side, top), (name, reading) in zip(grid.T, pair.items(), strict=True):
        _draw_ladle(side, top, reading.level[np.argmin(np.abs(reading.level - 0.5 * (FLOOR + WALL + RIM)))])
        for x, y, z in _paths(reading.tracks):
            side.plot(x / cm, z / cm, color=_INK, lw=0.6, alpha=0.8)
            top.plot(x / cm, y / cm, color=_INK, lw=0.6, alpha=0.8)
        _draw_panels(side, top, reading.design)
        side.set_title(f"{name}: {100 * reading.accepted:.1f} % of muons accepted", loc="left", fontsize="medium")
        side.set(xlim=(-60, 160), ylim=(-3, 183))
        top.set(xlim=(-60, 160), ylim=(-60, 160), xlabel="x [cm]")
        for axes in (side, top):
            _tidy(axes)
            axes.set_aspect("equal")
    grid[0, 0].set_ylabel("z [cm]")
    grid[1, 0].set_ylabel("y [cm]")
    _legend(figure, grid[0, 0])
    return figure


def _draw_ladle(side: Axes, top: Axes, level: float) -> None:
    """The ladle to scale: cut open in the side view, seen from above in the other."""
    width, bottom = SIDE - 2 * WALL, FLOOR + WALL
    for axes, corner, height in ((side, (0.0, FLOOR), RIM - FLOOR), (top, (0.0, 0.0), SIDE)):
        axes.add_patch(_rectangle(corner, SIDE, height, fc=_STEEL, label="steel"))
    side.add_patch(_rectangle((WALL, bottom), width, RIM - bottom, fc="white"))
    side.add_patch(_rectangle((WALL, bottom), width, level - bottom, fc=_MELT, label="liquid steel"))
    side.add_patch(_rectangle((WALL, level), width, SLAG, fc=_SLAG, label="slag"))
    top.add_patch(_rectangle((WALL, WALL), width, width, fc=_SLAG))


def _draw_panels(side: Axes, top: Axes, design: ScannerDesign) -> None:
    spans = np.asarray(panel_spans(design))
    for (label, (colour, line)), arm in zip(_ARMS.items(), (design.upper, design.lower), strict=True):
        widths, spans = spans[: len(arm.z)], spans[len(arm.z) :]
        places = zip(np.asarray(arm.x), np.asarray(arm.y), np.asarray(arm.z), widths, strict=True)
        for number, (x, y, z, width) in enumerate(places):
            left, near = x - width / 2, y - width / 2
            name = "" if number else f"{label} panels"
            side.plot(np.array([left, left + width]) / cm, [z / cm] * 2, color=colour, lw=2.2, label=name)
            top.add_patch(_rectangle((left, near), width, width, fill=False, ec=colour, ls=line, lw=1.3))


def _rectangle(corner: tuple[float, float], width: float, height: float, **look: Any) -> Rectangle:
    return Rectangle((corner[0] / cm, corner[1] / cm), width / cm, height / cm, **look)


def _paths(tracks: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Points x, y, z [m] of muons, top to ground: the two fitted lines, joined within the ladle by a cubic."""
    t, height = np.linspace(0.0, 1.0, 20), FLOOR - RIM
    seen = np.flatnonzero(tracks["upper"][4] * tracks["lower"][4])[:TRACKS]
    paths = []
    for upper, lower in zip(tracks["upper"].T[seen], tracks["lower"].T[seen], strict=True):
        rows = []
        for axis in (0, 1):
            at = lambda track, z, k=axis: track[k] + track[2 + k] * (z - track[4])
            begin, end, first, last = (
                at(upper, RIM),
                at(lower, FLOOR),
                upper[2 + axis] * height,
                lower[2 + axis] * height,
            )
            rise = end - begin
            curve = begin + t * first + t**2 * (3 * rise - 2 * first - last) + t**3 * (first + last - 2 * rise)
            rows.append(np.concatenate([[at(upper, TOP)], curve, [at(lower, 0.0)]]))
        paths.append(np.stack([*rows, np.concatenate([[TOP], RIM + height * t, [0.0]])]))
    return paths


def _levels(pair: Mapping[str, Reading]) -> Figure:
    """Estimated against true level, and below it the difference."""
    figure = Figure(figsize=(7.6, 5.4), layout="constrained")
    grid = figure.subplots(2, 2, sharex=True, height_ratios=(2.2, 1))
    for (above, below), (name, reading) in zip(grid.T, pair.items(), strict=True):
        truth = reading.level / cm
        ends = [truth.min() - 3, truth.max() + 3]
        above.plot(ends, ends, color=_INK, lw=0.8)
        below.axhline(0.0, color=_INK, lw=0.8)
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
    _legend(figure, figure.axes[0])
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


def _legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize="small")


def _tidy(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, lw=0.6)
    axes.set_axisbelow(True)
