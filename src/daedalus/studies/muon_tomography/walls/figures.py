"""Figures of the walls: where the panels stand above and below the site, and how soon each site's walls are found."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float, Key
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from daedalus.core import Problem
from daedalus.drawing.density import density_scale
from daedalus.drawing.exposure import time_unit
from daedalus.drawing.palette import GREY, MARKERS, PALE
from daedalus.drawing.scene import Contents as Seen
from daedalus.drawing.scene import Scene
from daedalus.sources.cosmic_muons import CosmicMuons
from daedalus.studies.muon_tomography.detection import PATIENCE, with_patience
from daedalus.studies.muon_tomography.layout import scanner_layout
from daedalus.studies.muon_tomography.paths import Heights
from daedalus.studies.muon_tomography.pictures.readings import (
    COLOURS,
    EXAMPLE,
    layout_space,
    layout_views,
    measured,
    scene_of,
)
from daedalus.studies.muon_tomography.walls.problem import BOTTOM, DEPTH, SOIL, TOP, WALL, scans_to_find
from daedalus.units import s, unit

SITES = 48  # scans behind the figures
DECADES = 0.6  # of the colours, which tell soil from walls [1]
HAND = "even"  # name of the layout by hand
_HEIGHTS = Heights(BOTTOM, BOTTOM + DEPTH, TOP)


def walls_figures(problem: Problem, before: Any, after: Any, *, key: Key[Array, ""]) -> Mapping[str, Figure]:
    """The figures of the walls by file name: layout, the same in space, and the time to find the walls site by site.

    The last one also holds the layout by hand, "even".

    Args:
        problem: the problem.
        before: the first layout.
        after: the optimised layout.
        key: decides sites and muons; all layouts see the same ones.
    """
    pair = {"start": before, "optimised": problem.space.canonical(after)}
    designs = {**pair, HAND: problem.references[HAND]}
    read = measured(problem, designs, lambda sums, _: with_patience(scans_to_find(sums)), key=key, scans=SITES)
    example = jax.tree.map(lambda leaf: leaf[EXAMPLE], read["start"].volume)
    named = {each.name: 1.0 / each.X0 for each in (SOIL, WALL)}
    scale = density_scale(np.array(list(named.values())), decades=DECADES)
    soil = Seen(example.voxels, example.inverse_radiation_length, named)
    bare = dataclasses.replace(soil, density=np.where(np.isclose(soil.density, named["soil"]), 0.0, soil.density))

    def scenes(seen: Seen) -> dict[str, Scene]:
        made = {n: scene_of(scanner_layout(problem, d), seen, read[n], scale, _HEIGHTS) for n, d in pair.items()}
        return {name: dataclasses.replace(scene, points=None) for name, scene in made.items()}

    assert isinstance(problem.source, CosmicMuons)  # so are those of all scans
    scan = problem.source.exposure(problem.events) * s
    return {
        "layout": layout_views(scenes(soil), read),
        "layout_in_space": layout_space(scenes(bare), read),  # soil would hide the walls
        "time_by_site": times_figure({name: scan * each.found for name, each in read.items()}, PATIENCE * scan),
    }


def times_figure(times: Mapping[str, Float[np.ndarray, "scenario"]], patience: float) -> Figure:
    """A figure of the times to find what is hidden, scan by scan; arguments as for `draw_times`."""
    figure = Figure(figsize=(7.6, 4.4), layout="constrained")
    axes = figure.subplots()
    draw_times(axes, times, patience)
    figure.legend(
        *axes.get_legend_handles_labels(), loc="outside lower center", frameon=False, fontsize="small",
        title="geometric mean with its standard error, and the paired ratio to the layout by hand",
        title_fontsize="small",
    )  # fmt: skip
    return figure


def draw_times(axes: Axes, times: Mapping[str, Float[np.ndarray, "scenario"]], patience: float) -> None:
    """Draws times on a logarithmic axis, the scans in the order of the times of the layout by hand.

    Layouts see the same scans, so that points above each other are a pair: a line joins them. The names tell the
    geometric mean, and that of the ratio to the layout by hand, whose error is smaller because scans are paired.

    Args:
        axes: where.
        times: by name of the layout, the one by hand among them [ns].
        patience: time at which one gives up, which no other is above [ns].
    """
    hand = times[HAND]
    name = time_unit(max(float(np.max(each)) for each in times.values()))
    order, place = np.argsort(hand, kind="stable"), np.arange(1, len(hand) + 1)
    stacked = np.stack(list(times.values()))[:, order] / unit(name)
    axes.vlines(place, stacked.min(0), stacked.max(0), color=PALE, lw=0.8, zorder=1.0)
    axes.axhline(patience / unit(name), color=GREY, lw=0.9, ls=":", label="never found: patience ends")
    for number, (layout, row) in enumerate(zip(times, stacked, strict=True)):
        told = f"{layout}: {_typical(row, name)}"
        if layout != HAND:
            told += f", {_typical(times[layout] / hand)} of {HAND}"
        look = {"color": COLOURS[layout], "mec": "white", "mew": 0.5, "ms": 5.5}
        axes.plot(place, row, ls="", marker=MARKERS[number % len(MARKERS)], label=told, **look)
    axes.set(yscale="log", xlabel="site, in the order of the layout by hand", ylabel=f"time to three sigma [{name}]")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, lw=0.6)
    axes.set_axisbelow(True)


def _typical(values: Float[np.ndarray, "scenario"], name: str = "") -> str:
    """The geometric mean of positive numbers with the standard error of their spread, in words."""
    logarithm = np.log(values)
    mean = np.exp(np.mean(logarithm))
    error = mean * np.std(logarithm, ddof=1) / np.sqrt(len(values))
    return f"{mean:.3g} ± {error:.2g} {name}".rstrip()
