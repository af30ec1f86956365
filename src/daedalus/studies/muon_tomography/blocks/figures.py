"""Figures of the blocks: where the panels stand, what the maps look like, and how well they tell, before and after."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Key
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from daedalus.core import Point, Problem
from daedalus.drawing.density import density_scale
from daedalus.drawing.palette import BLUE, GREEN, INK, PURPLE, VERMILION
from daedalus.drawing.roc import roc_figure
from daedalus.drawing.scene import Contents as Seen
from daedalus.drawing.scene import Scene
from daedalus.drawing.slices import fullest, slices_figure
from daedalus.drawing.space import space_figure
from daedalus.drawing.views import views_figure
from daedalus.geometry import Voxels
from daedalus.inference.density_map import DensityMap
from daedalus.inference.roc import roc_curve
from daedalus.physics.materials import material, names
from daedalus.studies.muon_tomography.contents import DENSE_SCRAP, SCRAP
from daedalus.studies.muon_tomography.detection import block_score
from daedalus.studies.muon_tomography.imaging import final_map
from daedalus.studies.muon_tomography.layout import scanner_layout
from daedalus.studies.muon_tomography.options import MapOptions
from daedalus.studies.muon_tomography.paths import Passages, deflection_points, paths, scanned_volume, with_passages

IMAGES = 48  # scans behind the figures of imaging
SCANS = 240  # scans behind those of detection, half of them with a block: 1 % of false alarms is one
EXAMPLE = 2  # number of the scan that is drawn: of imaging it has three blocks, of detection a hidden one
HIDDEN = 3  # number of the hidden block's material
TRACKS, POINTS, FIRST = 24, 150, 2000  # that are drawn of an example, and muons they are taken from
MOST_KINDS = 12  # densities of a volume up to which each is looked up by name
WHISKERS = (5, 95)  # ends of the whiskers [per cent]
_LABELS = {"upper": "upper panels", "lower": "lower panels", "tracks": "accepted muons"}
_COLOURS = {"start": VERMILION, "optimised": BLUE, "human 1": GREEN, "human 2": PURPLE}


class Reading(NamedTuple):
    """What one layout made of many scans."""

    density: Float[np.ndarray, "scenario nx ny nz"]  # inferred 1/X0 [1/m]
    known: Bool[np.ndarray, "scenario nx ny nz"]  # whether a voxel was seen
    accepted: Float[np.ndarray, ""]  # share of the muons [1]
    passages: Passages  # of the example


class Truth(NamedTuple):
    """What stood in the scans, which all layouts share."""

    voxels: Voxels
    density: Float[np.ndarray, "scenario nx ny nz"]  # 1/X0 [1/m]
    present: Bool[np.ndarray, "scenario"]
    size: int  # of the hidden block's sides, 0 where there is none [voxels]


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
    heights = np.flatnonzero(np.isclose(truth.density[EXAMPLE], truth.density.max()).any((0, 1)))
    levels = sorted({max(int(heights[0]) - 1, 0), int(heights[0]), int(heights[-1])})
    drawn = _of_the_example(problem, pair, truth, {name: read[name] for name in pair}, levels)
    scores = {name: np.asarray(_score(each, truth.size)) for name, each in read.items()}
    curves = {name: roc_curve(score, truth.present) for name, score in scores.items()}
    return {**drawn, "roc": roc_figure(curves, colours=_COLOURS)}


def readings(
    problem: Problem, designs: Mapping[str, Any], *, key: Key[Array, ""], scans: int
) -> tuple[Truth, dict[str, Reading]]:
    """The readings of several layouts with hard panel edges, on the same volumes and muons.

    Args:
        problem: x0_imaging or block_detection.
        designs: layouts by name.
        key: decides volumes and muons.
        scans: volumes [1].
    """
    muons = problem.events
    partition = dataclasses.replace(problem.partition(muons, scans), devices=jax.local_device_count())

    traced = with_passages(problem, min(FIRST, muons))

    @jax.jit  # once for all layouts: compilation takes most of the time
    def measure(point: Point) -> tuple[Any, ...]:
        summaries, truths = traced.summaries(point, key=key, partition=partition)
        volumes = jax.vmap(lambda truth: scanned_volume(problem, problem.space.design(point), truth))(truths)
        voxels = jax.tree.map(lambda edges: edges[EXAMPLE], volumes.voxels)
        method = "likelihood" if "likelihood_map" in summaries.sums else "shared"
        found = final_map(summaries, voxels, MapOptions(method=method))
        seen, accepted = summaries["passages"].of(EXAMPLE), jnp.mean(summaries.accepted) / muons
        known = jnp.isfinite(found.error)
        true = voxels, volumes.inverse_radiation_length, truths.contents
        return true, (found.density, known, accepted, seen)

    measured = {name: measure(problem.space.point(design)) for name, design in designs.items()}
    voxels, true, contents = next(iter(measured.values()))[0]
    present = np.asarray(contents.present)
    block = np.sum(np.asarray(contents.kind) == HIDDEN, (1, 2, 3))[present]
    truth = Truth(voxels, np.asarray(true), present, round(float(block.max()) ** (1 / 3)) if present.any() else 0)
    return truth, {name: Reading(*jax.tree.map(np.asarray, each[1])) for name, each in measured.items()}


def material_names(density: Float[np.ndarray, "..."]) -> dict[str, float]:
    """The inverse radiation lengths [1/m] of a volume's materials by name; none where it holds others or too many."""
    kinds = np.unique(density)
    known = {each.name: 1.0 / each.X0 for each in (SCRAP, DENSE_SCRAP, *map(material, names()))}
    found = {}
    for kind in kinds if len(kinds) <= MOST_KINDS else ():
        name = next((name for name, value in known.items() if np.isclose(value, kind, rtol=1e-5)), None)
        if name is None:
            return {}
        found[name] = known[name]
    return found


def _of_the_example(
    problem: Problem, designs: Mapping[str, Any], truth: Truth, read: Mapping[str, Reading], levels: list[int] | None
) -> dict[str, Figure]:
    """Layout, the same in space, and slices of one scan."""
    true = truth.density[EXAMPLE]
    scale = density_scale(truth.density)
    seen = Seen(truth.voxels, true, material_names(truth.density))
    scenes = {}
    for name, design in designs.items():
        tracks = paths(read[name].passages, TRACKS)
        points = deflection_points(read[name].passages, POINTS, truth.voxels.box)
        title = f"{name}: {100 * read[name].accepted:.1f} % of muons accepted"
        scenes[title] = Scene(scanner_layout(problem, design), seen, tracks, points, _LABELS, scale)
    found = {name: np.where(read[name].known, read[name].density, np.nan)[EXAMPLE] for name in designs}
    return {
        "layout": views_figure(scenes),
        "layout_in_space": space_figure({n: dataclasses.replace(scene, points=None) for n, scene in scenes.items()}),
        "slices": slices_figure(
            truth.voxels, {"true": true, **found}, scale=scale, levels=levels or fullest(true, scale)
        ),
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
        shift, colour = 0.32 * (number - 0.5 * (len(read) - 1)), _COLOURS[layout]
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
    return reading.density[np.isclose(truth.density, value, rtol=1e-5) & reading.known]


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


def _score(reading: Reading, size: int) -> Array:
    density = jnp.asarray(reading.density)
    return block_score(DensityMap(density, jnp.zeros_like(density)), size)
