"""Views of a layout and of a search as figures of Plotly, plain mappings that are made in a few milliseconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from daedalus.core import History
from daedalus.drawing.palette import BLUE, CYCLE, GREY, VERMILION
from daedalus.drawing.scene import Frame, Scene, frame, length_unit
from daedalus.drawing.views import passive_colour, rectangle
from daedalus.geometry import Element
from daedalus.geometry.polygons import Disc
from daedalus.geometry.regions import Region, Shape

TOP = ("x", "y")
SIDES = (("x", "z"), TOP)  # from the side, and from the top
SMALLEST = 0.02  # of the picture: elements below that are marked with a dot [1]
LONGEST = 6.0  # how many times a side may be as long as the other to be drawn to scale [1]
MOST = 3000  # rows of a history that are drawn
Points = list[float | None]
_FONT = {"family": "system-ui, sans-serif", "size": 12, "color": "#333"}
_QUIET: dict[str, Any] = {
    "showgrid": True,
    "gridcolor": "#eee",
    "zeroline": False,
    "linecolor": "#999",
    "ticks": "outside",
}


def layout_figure(
    here: Sequence[Element], other: Sequence[Element], name: str, ground: Region | None = None
) -> dict[str, Any]:
    """The elements of a design from the side and from the top, on a ground from the top; those of another one dashed.

    Args:
        here: the elements.
        other: those of the design that is compared with.
        name: of the latter.
        ground: that they stand on.
    """
    scene, ghost = Scene(tuple(here), ground=ground), Scene(tuple(other), ground=ground)
    within = frame(scene, ghost)
    text, size = length_unit(within)
    data: list[dict[str, Any]] = []
    sides = SIDES if ground is None else (TOP,)
    for view, plane in enumerate(sides):
        axes = {"xaxis": f"x{view + 1 if view else ''}", "yaxis": f"y{view + 1 if view else ''}"}
        numbers = ("xyz".index(plane[0]), "xyz".index(plane[1]))
        if ground is not None:
            data += [_ground(shape, size, axes) for shape in (ground.boundary, *ground.forbidden)]
        for element in scene.passive:
            fill = passive_colour(element.material)
            data.append(
                _boxes([element], numbers, size, axes, {"color": fill, "width": 1}, fill=fill) | {"showlegend": False}
            )
        ghosts = [element for element in ghost.elements if element.sensitive]
        line = {"color": GREY, "width": 1.2, "dash": "dot"}
        data.append(_boxes(ghosts, numbers, size, axes, line) | {"name": name, "showlegend": view == 0})
        data += _dots(ghosts, numbers, size, axes, {"color": GREY, "symbol": "circle-open"}, within=within)
        for number, (group, elements) in enumerate(scene.groups.items()):
            colour = CYCLE[number % len(CYCLE)]
            look = _boxes(elements, numbers, size, axes, {"color": colour, "width": 2}, fill=_pale(colour))
            data.append(look | {"name": group.replace("_", " "), "showlegend": view == 0})
            data += _dots(elements, numbers, size, axes, {"color": colour}, within=within)
    return {"data": data, "layout": _layout(within, text, size, sides)}


def search_figure(history: History, problem_loss: str = "loss") -> dict[str, Any]:
    """The loss of every row of a history, and the lowest so far; of long ones some rows are left out."""
    layout: dict[str, Any] = {
        "font": _FONT, "margin": {"l": 60, "r": 10, "t": 10, "b": 40}, "height": 220, "plot_bgcolor": "white",
        "xaxis": {"title": {"text": "row"}, **_QUIET}, "yaxis": {"title": {"text": problem_loss}, **_QUIET},
        "legend": {"orientation": "h", "y": 1.15, "x": 0}, "uirevision": "search", "hovermode": "closest",
    }  # fmt: skip
    if not len(history):
        return {"data": [], "layout": layout}
    sound = np.flatnonzero((history["status"] == "ok") & np.isfinite(history["loss"]))
    loss = np.asarray(history["loss"], float)
    if len(sound) > MOST:
        sound = np.union1d(sound[:: -(-len(sound) // MOST)], [sound[np.argmin(loss[sound])]])
    lowest = np.minimum.accumulate(loss[sound]) if len(sound) else loss[sound]
    rows = sound.tolist()
    dots = {"type": "scatter", "mode": "markers", "name": "evaluations", "x": rows, "y": loss[sound].tolist(),
            "marker": {"color": BLUE, "size": 5, "opacity": 0.6},
            "hovertemplate": "row %{x}<br>loss %{y:.5g}"}  # fmt: skip
    line = {"type": "scatter", "mode": "lines", "name": "lowest so far", "x": rows, "y": lowest.tolist(),
            "line": {"color": VERMILION, "width": 1.5, "shape": "hv"}, "hoverinfo": "skip"}  # fmt: skip
    if len(sound) and (lowest[-1] > 0 and loss[sound].max() > 30 * lowest[-1]):
        layout["yaxis"]["type"] = "log"
    return {"data": [line, dots], "layout": layout}


def _boxes(
    elements: Sequence[Element], plane: tuple[int, int], size: float, axes: dict[str, str], line: dict[str, Any],
    *, fill: str = "",
) -> dict[str, Any]:  # fmt: skip
    """The outlines of elements as one trace, with gaps between them."""
    x: Points = []
    y: Points = []
    for element in elements:
        corners = rectangle(element, plane, size)
        x += [*corners[:, 0].tolist(), float(corners[0, 0]), None]
        y += [*corners[:, 1].tolist(), float(corners[0, 1]), None]
    shade = {"fill": "toself", "fillcolor": fill} if fill else {}
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "line": line, "hoverinfo": "skip", **shade, **axes}


def _dots(
    elements: Sequence[Element], plane: tuple[int, int], size: float, axes: dict[str, str], look: dict[str, Any],
    *, within: Frame,
) -> list[dict[str, Any]]:  # fmt: skip
    """A dot on every element that would be too small to be seen; no trace where there is none."""
    across = max(within[axis][1] - within[axis][0] for axis in plane) / size
    corners = [rectangle(element, plane, size) for element in elements]
    small = [np.mean(each, 0) for each in corners if np.max(np.ptp(each, axis=0)) < SMALLEST * across]
    if not small:
        return []
    x, y = np.array(small).T.tolist()
    dots = {"type": "scatter", "mode": "markers", "x": x, "y": y, "marker": {"size": 6, **look}}
    return [dots | {"hoverinfo": "skip", "showlegend": False, **axes}]


def _ground(shape: Shape, size: float, axes: dict[str, str]) -> dict[str, Any]:
    if isinstance(shape, Disc):
        turn = np.linspace(0.0, 2 * np.pi, 73)
        places = np.asarray(shape.centre) + float(shape.radius) * np.stack([np.cos(turn), np.sin(turn)], 1)
    else:
        places = np.asarray(shape.vertices)
        places = np.concatenate([places, places[:1]])
    x, y = (places[:, :2].T / size).tolist()
    line = {"color": "#B8B2A6", "width": 1}
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "line": line,
        "hoverinfo": "skip",
        "showlegend": False,
        **axes,
    }


def _layout(within: Frame, text: str, size: float, sides: Sequence[tuple[str, str]]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "font": _FONT, "margin": {"l": 50, "r": 10, "t": 36, "b": 40}, "height": 360, "plot_bgcolor": "white",
        "legend": {"orientation": "h", "y": 1.02, "x": 0, "yanchor": "bottom"}, "uirevision": "layout",
    }  # fmt: skip
    for view, (across, up) in enumerate(sides):
        mark = str(view + 1) if view else ""
        ends = [[end / size for end in within["xyz".index(axis)]] for axis in (across, up)]
        spans = [high - low for low, high in ends]
        scaled = max(spans) <= LONGEST * min(spans)
        note = "" if scaled else ", not to scale"
        domain = [0.0, 1.0] if len(sides) == 1 else [0.0, 0.44] if view == 0 else [0.56, 1.0]
        found[f"xaxis{mark}"] = {
            "domain": domain, "range": ends[0], "title": {"text": f"{across} [{text}]{note}"}, **_QUIET
        }  # fmt: skip
        found[f"yaxis{mark}"] = {
            "anchor": f"x{mark}", "range": ends[1], "title": {"text": f"{up} [{text}]", "standoff": 4}, **_QUIET
        }  # fmt: skip
        if scaled:
            found[f"yaxis{mark}"] |= {"scaleanchor": f"x{mark}", "scaleratio": 1, "constrain": "domain"}
            found[f"xaxis{mark}"] |= {"constrain": "domain"}
    return found


def _pale(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.18)"
