"""Figures of a ground array: the map before and after, and how far from the middle the units stand."""

from __future__ import annotations

import numpy as np
from jaxtyping import Array, Key
from matplotlib.figure import Figure

from daedalus.core import Problem
from daedalus.drawing.palette import BLUE, VERMILION
from daedalus.drawing.scene import Scene, frame
from daedalus.drawing.views import draw_view
from daedalus.studies.ground_array.design import ArrayDesign
from daedalus.studies.ground_array.elements import array_ground, array_layout
from daedalus.units import km


def array_figures(
    problem: Problem, before: ArrayDesign, after: ArrayDesign, *, key: Key[Array, ""]
) -> dict[str, Figure]:
    """The figures of a run by file name: the map, and the radial distribution of the units.

    Args:
        problem: the array's problem.
        before: the first design.
        after: the optimised design.
        key: decides the showers; both designs see the same ones.
    """
    designs = {"before": before, "after": after}
    return {"map": _map(problem, designs, key), "radii": _radii(designs)}


def _map(problem: Problem, designs: dict[str, ArrayDesign], key: Key[Array, ""]) -> Figure:
    ground = array_ground(problem)
    scenes = {name: Scene(array_layout(problem, design), ground=ground) for name, design in designs.items()}
    figure, within = Figure(figsize=(9.6, 4.8), layout="constrained"), frame(*scenes.values())
    for axes, (name, scene) in zip(figure.subplots(1, 2, sharex=True, sharey=True), scenes.items(), strict=True):
        found = problem.evaluate(designs[name], key=key)
        draw_view(axes, scene, "xy", within=within)
        error = 100.0 * float(found.values["gamma_flux_error"])
        pointing = 1e3 * float(found.values["pointing_error"])
        axes.set_title(f"{name}: flux to {error:.2f} %, direction to {pointing:.2f} mrad")
    return figure


def _radii(designs: dict[str, ArrayDesign]) -> Figure:
    figure = Figure(figsize=(5.2, 3.6), layout="constrained")
    axes = figure.subplots()
    for (name, design), colour in zip(designs.items(), (BLUE, VERMILION), strict=True):
        places = np.asarray(design.places)
        apart = np.sort(np.linalg.norm(places - places.mean(0), axis=1)) / km
        axes.step(apart, np.arange(1, len(apart) + 1), where="post", color=colour, label=name)
    axes.set(xlabel="distance from the units' mean place [km]", ylabel="units within")
    axes.legend(frameon=False)
    return figure
