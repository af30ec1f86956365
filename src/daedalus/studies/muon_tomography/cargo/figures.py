"""Figures of the cargo: where the hodoscopes stand, what they see of the box, and how soon they find what it hides."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key
from matplotlib.figure import Figure

from daedalus.core import Problem
from daedalus.drawing.density import density_scale
from daedalus.drawing.exposure import Exposure, exposure_figure
from daedalus.drawing.roc import roc_figure
from daedalus.drawing.scene import Contents as Seen
from daedalus.drawing.scene import Scene
from daedalus.geometry import Element
from daedalus.inference.roc import detection_probability, roc_curve
from daedalus.sources.cosmic_muons import CosmicMuons
from daedalus.studies.muon_tomography.cargo.design import CargoDesign
from daedalus.studies.muon_tomography.cargo.exposures import after_exposure, need_room, with_exposures
from daedalus.studies.muon_tomography.cargo.problem import FLOOR, HEIGHT, LENGTH, TOP, WALL, WIDTH
from daedalus.studies.muon_tomography.layout import scanner_layout
from daedalus.studies.muon_tomography.paths import Heights
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
from daedalus.units import s

SCANS = 200  # scans behind the figures, half of them with a block: 1 % of false alarms is one
EXPOSURES = (0.25, 0.5, 2.0, 4.0)  # scanning times beside one scan [scans]
FALSE_ALARMS = 0.01  # share at which blocks are counted against time [1]
PAD = 0.1  # beside them, for their titles [widths of the slices]
SLICES = (5.8, 8.2)  # width and height of the figure of slices: the box is long [inch]
_LABELS = {"upper": "planes of upper hodoscopes", "lower": "planes of lower hodoscopes"}
_HEIGHTS = Heights(FLOOR, FLOOR + HEIGHT, TOP)


def cargo_figures(problem: Problem, before: Any, after: Any, *, key: Key[Array, ""]) -> Mapping[str, Figure]:
    """The figures of the cargo by file name: layout, the same in space, slices, ROC curves, and what time finds.

    The last two also hold the layout by hand, "even".

    Args:
        problem: the problem.
        before: the first layout.
        after: the optimised layout.
        key: decides volumes and muons; all layouts see the same ones.
    """
    pair = {"optimised": problem.space.canonical(after), "start": before}
    designs = {**pair, "even": problem.references["even"]}
    truth, read = readings_by_exposure(problem, designs, EXPOSURES, key=key, scans=SCANS)
    shown = {name: read[name] for name in ("start", "optimised")}
    slices = example_slices(truth, shown, block_levels(truth), errors=False, pad=PAD)
    slices.set_size_inches(*SLICES)
    scores = {name: block_scores(each.maps, truth) for name, each in read.items()}
    curves = {name: roc_curve(score, truth.present) for name, score in scores.items()}
    lines = {name: _found_by_time(problem, truth, each) for name, each in read.items()}
    scenes = {name: _scene(problem, pair[name], truth, each) for name, each in shown.items()}
    return {
        "layout": layout_views(scenes, shown, ("yz", "yx")),
        "layout_in_space": layout_space(scenes, shown),
        "slices": slices,
        "roc": roc_figure(curves, colours=COLOURS),
        "found_by_exposure": exposure_figure(
            lines, f"blocks found at {100 * FALSE_ALARMS:g} % false alarms [1]", probability=True
        ),
    }


def readings_by_exposure(
    problem: Problem, designs: Mapping[str, Any], exposures: Sequence[float], *, key: Key[Array, ""], scans: int
) -> tuple[Truth, dict[str, Reading]]:
    """The readings of several layouts after one scan, with the maps after other exposures.

    Args:
        problem: the problem.
        designs: layouts by name.
        exposures: scanning times; what is seen earlier is seen later as well [scans].
        key: decides volumes and muons.
        scans: volumes [1].

    Raises:
        ProblemError: a layout that accepts more muons than there is room for.
    """
    after = [partial(after_exposure, number) for number in range(1 + len(exposures))]
    truth, read = readings(with_exposures(problem, (1.0, *exposures)), designs, key=key, scans=scans, after=after)
    need_room(float(each.accepted) for each in read.values())
    return truth, read


def steel_box() -> tuple[Element, ...]:
    """The box as passive elements, cut open: what is inside lies above its walls."""
    wide = lambda less: (WIDTH - 2 * less, LENGTH - 2 * less, HEIGHT - 2 * less)
    middle = (0.5 * WIDTH, 0.5 * LENGTH, FLOOR + 0.5 * HEIGHT)
    return (
        Element("box", middle, wide(0.0), "steel", sensitive=False),
        Element("inside", middle, wide(WALL), "air", sensitive=False),
    )


def _scene(problem: Problem, design: CargoDesign, truth: Truth, read: Reading) -> Scene:
    """A layout with what is in the box of the example; the walls would hide it."""
    inner = np.zeros(truth.density.shape[1:])
    inside = (slice(1, -1),) * 3
    inner[inside] = truth.density[EXAMPLE][inside]
    seen = Seen(truth.voxels, inner, material_names(truth.density))
    elements = (*steel_box(), *scanner_layout(problem, design))
    scene = scene_of(elements, seen, read, density_scale(truth.density), _HEIGHTS)
    return dataclasses.replace(scene, labels={**scene.labels, **_LABELS})


def _found_by_time(problem: Problem, truth: Truth, read: Reading) -> Exposure:
    """The share of blocks found by scanning time, with half the width of Wilson's interval, which is no error at 0.

    The threshold is that of the same scans; see `daedalus.inference.roc.detection_probability`.
    """
    assert isinstance(problem.source, CosmicMuons)  # so are those of all scans
    maps = {1.0: read.maps, **dict(zip(EXPOSURES, read.by_exposure, strict=True))}
    maps = {scans: maps[scans] for scans in sorted(maps)}
    present = jnp.asarray(truth.present)
    share = lambda own: detection_probability(jnp.asarray(block_scores(own, truth)), present, FALSE_ALARMS)
    found = [share(own) for own in maps.values()]
    column = lambda values: np.array([float(value) for value in values])
    scan = problem.source.exposure(problem.events) * s
    return Exposure(
        scan * np.array(list(maps)), column(f.value for f in found), column(0.5 * (f.high - f.low) for f in found)
    )
