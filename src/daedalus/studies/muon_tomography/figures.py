"""Figures of the ladle: where the panels stand, and how well the level is read, before and after."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from daedalus.core import Design, Pipeline, Problem
from daedalus.events import Particles
from daedalus.inference.calibration import cross_fitted_residuals
from daedalus.studies.muon_tomography.likelihood_level import likelihood_level
from daedalus.studies.muon_tomography.poca_level import poca_level
from daedalus.studies.muon_tomography.problem import TOP, panel_spans
from daedalus.studies.muon_tomography.scenario import FLOOR, RIM, SIDE, SLAG, WALL, Ladle
from daedalus.units import cm

SCENARIOS, MUONS = 160, 1000  # scans of fresh muons behind the figures, and muons of each
BINS = 8  # intervals of the level
DRAWN_LEVEL, TRACKS = 95 * cm, 24  # the ladle that is drawn, and how many accepted muons with it
_ESTIMATES = {"closest approach": poca_level, "likelihood": likelihood_level}
_INK = "#444444"
# Okabe and Ito, "Color Universal Design" (2008)
_COLOURS = {"start": "#D55E00", "optimised": "#0072B2", "human 1": "#009E73", "human 2": "#CC79A7"}
_MARKERS = {"closest approach": ("o", "#E69F00"), "likelihood": ("D", "#0072B2")}
_ARMS = {"upper": ("#0072B2", "-"), "lower": ("#D55E00", "--")}
_FILLING = {"steel": "#B3B3B3", "liquid steel": "#F2A65A", "slag": "#8C6D5A"}


class Reading(NamedTuple):
    """What one layout made of many scans: true levels, errors by estimate, and the share of muons it accepts."""

    level: Float[np.ndarray, "scenario"]  # [m]
    errors: dict[str, Float[np.ndarray, "scenario"]]  # corrected estimate minus truth [m]
    accepted: float  # [1]


def ladle_figures(problem: Problem, before: Design, after: Design, *, key: Key[Array, ""]) -> Mapping[str, Figure]:
    """The figures of a run by file name: the layout, estimated against true levels, and the error by level.

    Args:
        problem: the ladle's problem.
        before: the first layout.
        after: the optimised layout.
        key: decides levels and muons; all layouts see the same ones.
    """
    after = problem.space.canonical(after)
    designs = {"start": before, "optimised": after}
    baselines = {name.replace("_", " "): problem.references[name] for name in ("human_1", "human_2")}
    read = readings(problem, {**designs, **baselines}, key=key)
    return {
        "layout": _layout(problem, designs, read, key),
        "levels": _levels({name: read[name] for name in designs}),
        "error_by_level": _error_by_level(read),
    }


def readings(problem: Problem, designs: Mapping[str, Any], *, key: Key[Array, ""]) -> dict[str, Reading]:
    """The readings of several layouts with hard panel edges, on the same levels and muons.

    Args:
        problem: the ladle's problem.
        designs: layouts by name.
        key: decides levels and muons.
    """
    partition = problem.partition(MUONS, SCENARIOS)
    measure = eqx.filter_jit(lambda point: problem.summaries(point, key=key, partition=partition))
    found = {}
    for name, design in designs.items():
        summaries, truth = measure(problem.space.point(design))
        errors = {
            label: np.where(summaries.weight > 0, cross_fitted_residuals(level(summaries), truth.level, summaries.weight), np.nan)
            for label, level in _ESTIMATES.items()
        }
        found[name] = Reading(np.asarray(truth.level), errors, float(jnp.mean(summaries.accepted)) / MUONS)
    return found


def _layout(problem: Problem, designs: Mapping[str, Any], read: Mapping[str, Reading], key: Key[Array, ""]) -> Figure:
    """Side view above, top view below; the layout before on the left, after on the right."""
    figure = Figure(figsize=(7.6, 7.0), layout="constrained")
    grid = figure.subplots(2, 2, sharex=True, sharey="row", height_ratios=(185, 220))
    for (side, top), (name, design) in zip(grid.T, designs.items(), strict=True):
        _draw_ladle(side, top)
        for x, y, z in _tracks(problem, design, key):
            side.plot(x / cm, z / cm, color=_INK, lw=0.6, alpha=0.7)
            top.plot(x / cm, y / cm, color=_INK, lw=0.6, alpha=0.7)
        _draw_panels(side, top, design)
        side.set_title(f"{name}: {100 * read[name].accepted:.0f} % of the muons accepted", loc="left")
        side.set(xlim=(-60, 160), ylim=(-2, 184))
        top.set(xlim=(-60, 160), ylim=(-60, 160), xlabel="x [cm]")
        for axes in (side, top):
            _tidy(axes)
            axes.set_aspect("equal")
    grid[0, 0].set_ylabel("z [cm]")
    grid[1, 0].set_ylabel("y [cm]")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize="small")
    return figure


def _draw_ladle(side: Axes, top: Axes) -> None:
    """The ladle to scale, cut open in the side view, seen from above in the other."""
    inner, width = WALL, SIDE - 2 * WALL
    steel, melt, slag = _FILLING.values()
    side.add_patch(_rectangle((0, FLOOR), (SIDE, RIM - FLOOR), fc=steel, label="steel"))
    side.add_patch(_rectangle((inner, FLOOR + WALL), (width, RIM - FLOOR - WALL), fc="white"))
    side.add_patch(_rectangle((inner, FLOOR + WALL), (width, DRAWN_LEVEL - FLOOR - WALL), fc=melt, label="liquid steel"))
    side.add_patch(_rectangle((inner, DRAWN_LEVEL), (width, SLAG), fc=slag, label="slag"))
    top.add_patch(_rectangle((0, 0), (SIDE, SIDE), fc=steel))
    top.add_patch(_rectangle((inner, inner), (width, width), fc=slag))


def _draw_panels(side: Axes, top: Axes, design: Any) -> None:
    spans = np.asarray(panel_spans(design))
    arms = {"upper": (design.upper, spans[: len(design.upper.z)]), "lower": (design.lower, spans[len(design.upper.z) :])}
    for label, (arm, widths) in arms.items():
        colour, line = _ARMS[label]
        for number, (x, y, z, width) in enumerate(zip(*map(np.asarray, (arm.x, arm.y, arm.z)), widths, strict=True)):
            name = f"{label} panels" if number == 0 else None
            side.plot([(x - width / 2) / cm, (x + width / 2) / cm], [z / cm] * 2, color=colour, lw=2.4, label=name)
            corner = (x - width / 2, y - width / 2)
            top.add_patch(_rectangle(corner, (width, width), fill=False, ec=colour, ls=line, lw=1.4))


def _rectangle(corner: tuple[float, float], size: tuple[float, float], **look: Any) -> Rectangle:
    return Rectangle((corner[0] / cm, corner[1] / cm), size[0] / cm, size[1] / cm, **look)


def _tracks(problem: Problem, design: Any, key: Key[Array, ""]) -> list[tuple[np.ndarray, ...]]:
    """The paths x, y, z [m] of the first accepted muons; inside the ladle a cubic joins entry and exit."""
    chain = problem.build(design, Ladle(jnp.asarray(DRAWN_LEVEL))).after(problem.source).softened(None)

    @jax.jit
    def run(index: Array) -> tuple[Particles, Particles, Array]:
        early = Pipeline(chain.stages[:1], {}).events(index, MUONS, key=key)
        late = chain.events(index, MUONS, key=key)
        return early[Particles], late[Particles], late.alive

    first, last, alive = run(jnp.arange(MUONS))
    inside, z_in, z_out = np.linspace(0.0, 1.0, 20), np.minimum(first.z, RIM), np.asarray(last.z)
    paths = []
    for i in np.flatnonzero(alive)[:TRACKS]:
        z = np.concatenate([[TOP], z_in[i] + (z_out[i] - z_in[i]) * inside, [0.0]])
        line = []
        for axis in "xy":
            begin, end = np.asarray(first.at_z(z[1]))["xy".index(axis), i], np.asarray(getattr(last, axis))[i]
            slopes = [float(getattr(p, f"u{axis}")[i] / p.uz[i]) for p in (first, last)]
            curve = _cubic(inside, (begin, end), [s * (z_out[i] - z_in[i]) for s in slopes])
            line.append(np.concatenate([[begin + slopes[0] * (TOP - z[1])], curve, [end - slopes[1] * z[-2]]]))
        paths.append((*line, z))
    return paths


def _cubic(t: np.ndarray, ends: Sequence[float], slopes: Sequence[float]) -> np.ndarray:
    """The cubic with given values and slopes at t = 0 and t = 1."""
    rise = ends[1] - ends[0]
    return ends[0] + t * slopes[0] + t**2 * (3 * rise - 2 * slopes[0] - slopes[1]) + t**3 * (slopes[0] + slopes[1] - 2 * rise)


def _levels(read: Mapping[str, Reading]) -> Figure:
    """Estimated against true level, and below it the difference."""
    figure = Figure(figsize=(7.6, 5.6), layout="constrained")
    grid = figure.subplots(2, 2, sharex=True, height_ratios=(2.2, 1))
    for (above, below), (name, reading) in zip(grid.T, read.items(), strict=True):
        truth = reading.level / cm
        ends = np.array([truth.min() - 3, truth.max() + 3])
        above.plot(ends, ends, color=_INK, lw=0.8)
        below.axhline(0.0, color=_INK, lw=0.8)
        for label, errors in reading.errors.items():
            (marker, colour), error = _MARKERS[label], errors / cm
            look: dict[str, Any] = dict(ls="", marker=marker, ms=3.5, color=colour, alpha=0.75, mew=0)
            above.plot(truth, truth + error, label=f"{label}: rms {_rms(error):.2g} cm", **look)
            below.plot(truth, error, **look)
        above.set_title(name, loc="left")
        above.legend(frameon=False, fontsize="small", loc="upper left")
        below.set_xlabel("true level [cm]")
        _tidy(above), _tidy(below)
    grid[0, 0].set_ylabel("estimated level [cm]")
    grid[1, 0].set_ylabel("estimated - true [cm]")
    return figure


def _error_by_level(read: Mapping[str, Reading]) -> Figure:
    """Root-mean-square error in intervals of the level, one panel per estimate, one line per layout."""
    figure = Figure(figsize=(7.6, 3.8), layout="constrained")
    for axes, label in zip(figure.subplots(1, 2, sharey=True), _ESTIMATES, strict=True):
        for number, (name, reading) in enumerate(read.items()):
            middle, rms, error = _by_level(reading.level / cm, reading.errors[label] / cm)
            shift = 0.6 * (number - 0.5 * (len(read) - 1))
            axes.errorbar(middle + shift, rms, error, fmt="o-", ms=4, lw=1.0, capsize=2, color=_COLOURS[name], label=name)
        axes.set(yscale="log", xlabel="true level [cm]", title=label)
        axes.yaxis.set_major_formatter("{x:g}")
        _tidy(axes)
    figure.axes[0].set_ylabel("rms error of the level [cm]")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    return figure


def _by_level(level: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Middle, rms and its standard error, from the spread of the squares, in equal intervals of the level."""
    edges = np.linspace(level.min(), level.max() + 1e-6, BINS + 1)
    place = np.digitize(level, edges) - 1
    rows = []
    for number in range(BINS):
        square = error[(place == number) & np.isfinite(error)] ** 2
        if len(square) > 1:
            rms = np.sqrt(square.mean())
            rows.append((0.5 * (edges[number] + edges[number + 1]), rms, square.std(ddof=1) / np.sqrt(len(square)) / (2 * rms)))
    return tuple(np.array(column) for column in zip(*rows, strict=True))  # pyright: ignore[reportReturnType]


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.nanmean(values**2)))


def _tidy(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, lw=0.6)
    axes.set_axisbelow(True)
