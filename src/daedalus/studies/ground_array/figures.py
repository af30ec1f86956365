"""Figures of a ground array: the map before and after, and how far from the middle the units stand."""

from __future__ import annotations

import numpy as np
from jaxtyping import Array, Key
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from matplotlib.patches import Polygon as Outline

from daedalus.core import Problem
from daedalus.drawing.palette import BLUE, VERMILION
from daedalus.geometry.polygons import Polygon
from daedalus.studies.ground_array.design import ArrayDesign
from daedalus.studies.ground_array.problem import site_of
from daedalus.studies.ground_array.site import Site
from daedalus.units import km

_UNIT = 8.0  # area of a marker [points2]


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
    figure = Figure(figsize=(9.6, 4.8), layout="constrained")
    for axes, (name, design) in zip(figure.subplots(1, 2, sharex=True, sharey=True), designs.items(), strict=True):
        found = problem.evaluate(design, key=key)
        _draw_site(axes, site_of(problem))
        axes.scatter(*(np.asarray(design.places).T / km), s=_UNIT, color=VERMILION, linewidths=0, zorder=3)
        error = 100.0 * float(found.values["gamma_flux_error"])
        pointing = 1e3 * float(found.values["pointing_error"])
        title = f"{name}: flux to {error:.2f} %, direction to {pointing:.2f} mrad"
        axes.set(title=title, xlabel="east [km]", ylabel="north [km]", aspect="equal")
    return figure


def _draw_site(axes: Axes, site: Site) -> None:
    shapes = [(site.region.boundary, "none", BLUE), *((shape, "0.8", "0.5") for shape in site.region.forbidden)]
    for shape, face, edge in shapes:
        style = {"facecolor": face, "edgecolor": edge, "zorder": 1}
        if isinstance(shape, Polygon):
            axes.add_patch(Outline(np.asarray(shape.vertices) / km, closed=True, **style))
        else:
            x, y = np.asarray(shape.centre) / km
            axes.add_patch(Circle((float(x), float(y)), shape.radius / km, **style))
    axes.autoscale_view()


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
