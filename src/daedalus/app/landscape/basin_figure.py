"""The picture of basins: their layouts side by side, or their parameters where a study draws no layout."""

from __future__ import annotations

import math
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from daedalus.app.landscape.around import Around, Landscape
from daedalus.app.screen import remark, with_error
from daedalus.catalogue import resolved
from daedalus.drawing.palette import BLACK, BLUE, GREY
from daedalus.drawing.scene import Frame, Scene, frame
from daedalus.drawing.views import Plane, draw_legend, draw_view

MOST = 6  # basins that are drawn
FLATTEST, TALLEST = 0.25, 1.4  # height over width of a view that is drawn to scale [1]
MOST_BARS = 40  # parameters that are drawn where there is no layout
ROW = 0.22  # of a parameter [inch]


def basin_figures(around: Around, landscape: Landscape) -> dict[str, Figure]:
    """The picture of the basins by file name."""
    each = landscape["basins"]["each"][:MOST]
    scenes = _scenes(around, each)
    return {"basins": _layouts(each, scenes) if scenes else _bars(around, each)}


def _scenes(around: Around, each: list[dict[str, Any]]) -> list[Scene]:
    """The basins' layouts; none where the study has none, or cannot draw them."""
    offer = around.found.offer
    if not offer.layout:
        return []
    try:
        ground = resolved(offer.ground)(around.problem) if offer.ground else None
        designs = [around.design_at(around.at(line["values"])) for line in each]
        return [Scene(tuple(resolved(offer.layout)(around.problem, design)), ground=ground) for design in designs]
    except Exception as cause:  # a study that cannot draw does not cost the landscape its numbers
        remark(f"the study's layouts could not be drawn: {cause!r}")
        return []


def _layouts(each: list[dict[str, Any]], scenes: list[Scene]) -> Figure:
    within = frame(*scenes)
    planes: tuple[Plane, ...] = ("xy",) if scenes[0].ground is not None else ("xz", "xy")
    ratios = [_ratio(within, plane) for plane in planes]
    width = 3.1 if len(scenes) > 2 else 3.6
    size = (0.9 + width * len(scenes), 1.4 + sum(width * ratio + 0.4 for ratio in ratios))
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(
        len(planes), len(scenes), squeeze=False, sharey="row", height_ratios=ratios if len(planes) > 1 else None
    )
    for column, scene, (number, line) in zip(grid.T, scenes, enumerate(each), strict=True):
        for axes, plane, ratio in zip(column, planes, ratios, strict=True):
            draw_view(axes, scene, plane, within=within, to_scale=math.isclose(ratio, _sides(within, plane)))
        column[0].set_title(_title(number, line), loc="left", fontsize="small")
    for row in grid:
        for axes in row[1:]:
            axes.set_ylabel("")
    figure.align_ylabels()
    draw_legend(figure, *scenes)
    return figure


def _sides(within: Frame, plane: Plane) -> float:
    across, up = (within["xyz".index(axis)] for axis in plane)
    return (up[1] - up[0]) / max(across[1] - across[0], 1e-12)


def _ratio(within: Frame, plane: Plane) -> float:
    """Height over width of a view, to scale unless it is very flat or tall."""
    return min(max(_sides(within, plane), FLATTEST), TALLEST)


def _bars(around: Around, each: list[dict[str, Any]]) -> Figure:
    entries = around.problem.space.entries[:MOST_BARS]
    names = around.draws[0].names[:MOST_BARS]
    figure = Figure(figsize=(1.6 + 2.3 * len(each), 1.4 + ROW * len(names)), layout="constrained")
    grid = figure.subplots(1, len(each), squeeze=False, sharey=True)
    for axes, (number, line) in zip(grid.flat, enumerate(each), strict=False):
        place = around.at(line["values"])[: len(names)]
        _bar_rows(axes, place, [around.cube[i] for i in range(len(names))])
        axes.set_title(_title(number, line), loc="left", fontsize="small")
    labels = [f"{name} [{entry.unit}]" for name, entry in zip(names, entries, strict=True)]
    grid[0, 0].set_yticks(range(len(names)), labels, fontsize=7)
    grid[0, 0].invert_yaxis()
    handles = [grid[0, 0].plot([], [], color=colour, marker=mark, ls="", label=text)[0] for colour, mark, text in
               ((BLUE, "o", "basin"), (BLACK, "|", "design of the run"))]  # fmt: skip
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


def _bar_rows(axes: Axes, place: Any, own: list[float]) -> None:
    rows = range(len(place))
    axes.hlines(rows, 0, 1, color=GREY, lw=0.6)
    axes.hlines(rows, 0, place, color=BLUE, lw=4.0, alpha=0.5)
    axes.plot(place, rows, "o", color=BLUE, ms=4)
    axes.plot(own, rows, "|", color=BLACK, ms=9)
    axes.set(xlim=(-0.03, 1.03))
    axes.set_xticks([0.0, 1.0], ["lower\nbound", "upper\nbound"], fontsize=7)
    axes.grid(False)


def _title(number: int, line: dict[str, Any]) -> str:
    return (
        f"basin {number + 1}: loss {with_error(*line['again'])}\n"
        f"{'behind ' + with_error(*line['behind']) if number else 'the best one'}\n"
        f"{100 * line['share'][0]:.0f} ± {100 * line['share'][1]:.0f} % of the starts"
    )
