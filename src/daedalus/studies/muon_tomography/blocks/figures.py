"""Figures of the blocks: where the panels stand, what the maps look like, and how well they tell, before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Array, Float, Key
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from daedalus.core import Problem
from daedalus.drawing.density import density_scale
from daedalus.drawing.palette import INK
from daedalus.drawing.roc import roc_figure
from daedalus.drawing.scene import Contents as Seen
from daedalus.inference.roc import roc_curve
from daedalus.studies.muon_tomography.layout import scanner_layout
from daedalus.studies.muon_tomography.pictures.readings import (
    COLOURS,
    EXAMPLE,
    Reading,
    Truth,
    block_levels,
    block_scores,
    example_slices,
    layout_space,
    layout_views,
    material_names,
    readings,
    scene_of,
)

IMAGES = 48  # scans behind the figures of imaging
SCANS = 240  # scans behind those of detection, half of them with a block: 1 % of false alarms is one
WHISKERS = (5, 95)  # ends of the whiskers [per cent]


def imaging_figures(problem: Problem, before: Any, after: Any, *, key: Key[Array, ""]) -> Mapping[str, Figure]:
    """The figures of imaging by file name: layout, the same in space, slices, and the error by material.

    Args:
        problem: the problem.
        before: the first layout.
        after: the optimised layout.
        key: decides volumes and muons; both layouts see the same ones.
    """
    designs = {"start": before, "optimised": problem.space.canonical(after)}
    truth, read = readings(problem, designs, key=key, scans=IMAGES)
    drawn = _of_the_example(problem, designs, truth, read, None)
    return {**drawn, "error_by_material": _error_by_material(truth, read)}


def detection_figures(problem: Problem, before: Any, after: Any, *, key: Key[Array, ""]) -> Mapping[str, Figure]:
    """The figures of detection by file name: layout, the same in space, slices, and ROC curves beside the human ones.

    Args:
        problem: the problem.
        before: the first layout.
        after: the optimised layout.
        key: decides volumes and muons; all layouts see the same ones.
    """
    pair = {"start": before, "optimised": problem.space.canonical(after)}
    humans = {name.replace("_", " "): problem.references[name] for name in ("human_1", "human_2")}
    truth, read = readings(problem, {**pair, **humans}, key=key, scans=SCANS)
    drawn = _of_the_example(problem, pair, truth, {name: read[name] for name in pair}, block_levels(truth))
    curves = {name: roc_curve(block_scores(each.maps, truth), truth.present) for name, each in read.items()}
    return {**drawn, "roc": roc_figure(curves, colours=COLOURS)}


def _of_the_example(
    problem: Problem,
    designs: Mapping[str, Any],
    truth: Truth,
    read: Mapping[str, Reading],
    levels: Sequence[int] | None,
) -> dict[str, Figure]:
    """Layout, the same in space, and slices of one scan."""
    seen = Seen(truth.voxels, truth.density[EXAMPLE], material_names(truth.density))
    scale = density_scale(truth.density)
    scenes = {name: scene_of(scanner_layout(problem, design), seen, read[name], scale)
              for name, design in designs.items()}  # fmt: skip
    return {
        "layout": layout_views(scenes, read),
        "layout_in_space": layout_space(scenes, read),
        "slices": example_slices(truth, read, levels),
    }


def _error_by_material(truth: Truth, read: Mapping[str, Reading]) -> Figure:
    """Inferred over true 1/X0 of all voxels of a material, and 1/X0 inferred where there is air."""
    kinds = dict(sorted(material_names(truth.density).items(), key=lambda item: item[1]))
    thin = {name: kinds.pop(name) for name in ("air",) if name in kinds}
    figure = Figure(figsize=(7.6, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(max(len(kinds), 1), 1.25))
    left.axhline(1.0, color=INK, lw=0.8)
    right.axhline(0.0, color=INK, lw=0.8)
    told: dict[str, Patch] = {}
    for number, (layout, reading) in enumerate(read.items()):
        shift, colour = 0.32 * (number - 0.5 * (len(read) - 1)), COLOURS[layout]
        inferred = lambda group, own=reading: {name: _inferred(truth, own, value) for name, value in group.items()}
        _draw_boxes(left, {name: found / kinds[name] for name, found in inferred(kinds).items()}, shift, colour)
        _draw_boxes(right, inferred(thin), shift, colour)
        told[f"{layout}, which sees {100 * reading.known.mean():.0f} % of the voxels"] = Patch(
            fc=(colour, 0.3), ec=colour
        )
    left.set(ylabel="inferred / true $1/X_0$ [1]")
    right.set(ylabel="inferred $1/X_0$ [1/m]")
    left.set_title("matter", loc="left", fontsize="medium")
    right.set_title("air", loc="left", fontsize="medium")
    figure.legend(
        [*told.values()], [*told], loc="outside lower center", ncols=2, frameon=False, fontsize="small",
        title=f"boxes: middle half of the seen voxels; whiskers: {WHISKERS[0]} to {WHISKERS[1]} %; point: mean",
        title_fontsize="small",
    )  # fmt: skip
    return figure


def _inferred(truth: Truth, reading: Reading, value: float) -> Float[np.ndarray, "voxel"]:
    """The inferred 1/X0 of all voxels of a true one that were seen [1/m]."""
    return np.asarray(reading.maps.density)[np.isclose(truth.density, value, rtol=1e-5) & reading.known]


def _draw_boxes(axes: Axes, values: Mapping[str, np.ndarray], shift: float, colour: str) -> None:
    """A box per material of which something was seen."""
    known = {number + shift: each for number, each in enumerate(values.values()) if len(each)}
    axes.set_xticks(range(len(values)), [name.replace(" ", "\n") for name in values])
    axes.set_xlim(-0.6, max(len(values), 1) - 0.4)
    axes.grid(False, axis="x")
    line, dot = {"color": colour}, {"marker": "o", "ms": 4, "mfc": colour, "mec": "white", "mew": 0.5}
    if known:
        axes.boxplot(
            list(known.values()),
            positions=list(known),
            widths=0.26,
            whis=WHISKERS,
            showfliers=False,
            showmeans=True,
            patch_artist=True,
            manage_ticks=False,
            boxprops={"facecolor": (colour, 0.3), "edgecolor": colour},
            medianprops={"lw": 1.8, **line},
            whiskerprops=line,
            capprops=line,
            meanprops=dot,
        )
