"""Views of an apparatus: from the side, from the top, and in space, to scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from daedalus.drawing.density import density_bar, density_colours, thinnest
from daedalus.drawing.ground import draw_ground, ground_entries
from daedalus.drawing.palette import CYCLE, DASHES, INK
from daedalus.drawing.scene import Frame, Scene, alike, frame, length_unit
from daedalus.geometry import Element

Plane = Literal["xz", "yz", "xy", "yx"]
PANEL = 3.35  # width of a view in a figure of views [inch]
SPECK = 0.01  # of a frame: what is smaller than that both ways is a dot [1]
LARGEST = 52.0  # area of the dot of a large angle [pt2]
LEGEND_LINE = 100  # letters that a line of the legend holds [1]
SPACE = 9  # that a sample and the gap beside it take there [letters]
PASSIVE = {  # light colours of matter that only stands there, by words in its name
    "air": "white",
    "liquid": "#F8CFA0",
    "slag": "#CDB19D",
    "water": "#CFE5F4",
    "concrete": "#D6D1C9",
    "rock": "#D9CDBB",
}
_STEEL = "#BDBDBD"  # and of all other matter
_TRACK: dict[str, Any] = {"color": INK, "lw": 0.55, "alpha": 0.75}
_SPECK: dict[str, Any] = {"marker": "o", "ls": "", "ms": 3.6, "mec": "white", "mew": 0.4}
_DOT: dict[str, Any] = {"color": "black", "edgecolors": "white", "linewidths": 0.4, "alpha": 0.85}


def draw_view(axes: Axes, scene: Scene, plane: Plane, *, within: Frame | None = None, to_scale: bool = True) -> None:
    """Draws one view: "xz" and "yz" are from the side, "xy" and "yx" from the top.

    Sensitive elements are bars where they are seen edge-on and outlines where they are seen face-on; bars are never
    thinner than a line, and what would be a speck is a dot. Other elements are filled, later ones above earlier ones.
    A scene with a ground is a map where it is seen from the top.

    Args:
        axes: where.
        scene: what.
        plane: the two axes that are seen.
        within: what the view shows; all elements and contents by default.
        to_scale: whether a metre is as long upwards as across.
    """
    within = frame(scene) if within is None else within
    name, size = length_unit(within)
    across, up = ("xyz".index(axis) for axis in plane)
    names = {axis: axis for axis in "xyz"}
    if scene.ground is not None and {across, up} == {0, 1}:
        names |= {"x": "east", "y": "north"}
        draw_ground(axes, scene.ground, (across, up), size)
    _draw_passive(axes, scene, (across, up), size)
    _draw_contents(axes, scene, (across, up), size)
    for track in scene.tracks:
        axes.plot(track[across] / size, track[up] / size, zorder=2.0, **_TRACK)
    for number, (label, elements) in enumerate(scene.groups.items()):
        small = [is_speck(element, (across, up), within) for element in elements]
        large = [element for element, speck in zip(elements, small, strict=True) if not speck]
        _draw_sensitive(axes, large, (across, up), size, number, name=label)
        specks = np.array([element.centre for element, speck in zip(elements, small, strict=True) if speck])
        if len(specks):
            place, colour = specks / size, CYCLE[number % len(CYCLE)]
            axes.plot(place[:, across], place[:, up], color=colour, zorder=2.5 + 0.01 * number, label=label, **_SPECK)
    if scene.points is not None:
        place = scene.points.place / size
        axes.scatter(place[across], place[up], s=_areas(scene.points.angle, scene.points.largest), zorder=3.0, **_DOT)
    axes.set(
        xlim=tuple(end / size for end in within[across]),
        ylim=tuple(end / size for end in within[up]),
        xlabel=f"{names[plane[0]]} [{name}]",
        ylabel=f"{names[plane[1]]} [{name}]",
    )
    axes.set_aspect("equal" if to_scale else "auto")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, lw=0.6)
    axes.set_axisbelow(True)


def views_figure(
    scenes: Mapping[str, Scene], *, planes: Sequence[Plane] = ("xz", "xy"), within: Frame | None = None
) -> Figure:
    """Several scenes side by side, one column each, their views below each other, all within one frame.

    Args:
        scenes: by title.
        planes: the views.
        within: what the views show; all elements and contents by default.
    """
    scenes = alike(scenes)
    within = frame(*scenes.values()) if within is None else within
    extent = dict(zip("xyz", (high - low for low, high in within), strict=True))
    ratios = [extent[plane[1]] / extent[plane[0]] for plane in planes]
    size = (0.9 + PANEL * len(scenes), 0.95 + sum(PANEL * ratio + 0.15 for ratio in ratios))
    figure = Figure(figsize=size, layout="constrained")
    same = len({plane[0] for plane in planes}) == 1
    grid = figure.subplots(len(planes), len(scenes), squeeze=False, sharey="row", sharex=same, height_ratios=ratios)
    for column, (title, scene) in zip(grid.T, scenes.items(), strict=True):
        for axes, plane in zip(column, planes, strict=True):
            draw_view(axes, scene, plane, within=within)
        column[0].set_title(title, loc="left", fontsize="medium")
    for row in grid:
        for axes in row[1:]:
            axes.set_ylabel("")
    if same:
        for axes in grid[:-1].flat:
            axes.set_xlabel("")
    figure.align_ylabels()
    unnamed = [scene for scene in scenes.values() if scene.contents is not None and not scene.contents.materials]
    if unnamed and unnamed[0].contents is not None:
        density_bar(figure, grid.ravel().tolist(), unnamed[0].density_scale, label=unnamed[0].contents.label)
    draw_legend(figure, *scenes.values())
    return figure


def draw_legend(figure: Figure | SubFigure, *scenes: Scene, letters: int = LEGEND_LINE) -> None:
    """Draws the legend of scenes below all axes, where it covers nothing.

    Args:
        figure: where.
        scenes: what it explains; what several have in common is named once.
        letters: that a line of the legend holds [1].
    """
    handles: dict[str, Artist] = {}
    for scene in scenes:
        for label, handle in legend_entries(scene).items():
            handles.setdefault(label, handle)
    if not handles:
        return
    figure.legend(
        list(handles.values()),
        list(handles),
        loc="outside lower center",
        ncols=_legend_columns(list(handles), letters),
        frameon=False,
        fontsize="small",
        columnspacing=1.4,
        handletextpad=0.6,
    )


def legend_entries(scene: Scene) -> dict[str, Artist]:
    """What the legend of a scene shows, by its texts."""
    told = lambda name: scene.labels.get(name, name.replace("_", " "))
    found: dict[str, Artist] = {}
    for element in scene.passive:
        if element.material != "air":
            found[told(element.material)] = Patch(fc=passive_colour(element.material))
    if scene.contents is not None:
        present, scale, colours = scene.contents.density, scene.density_scale, density_colours()
        for name, density in scene.contents.materials.items():
            if density >= thinnest(scale) and np.isclose(present, density, rtol=1e-3).any():
                found[told(name)] = Patch(fc=colours(scale(density)))
    if scene.ground is not None:
        found |= {told(name): entry for name, entry in ground_entries(scene.ground).items()}
    whole = frame(scene)
    for number, (label, elements) in enumerate(scene.groups.items()):
        dots = all(is_speck(element, (0, 1), whole) for element in elements)
        look = _SPECK if dots else {"lw": 2.2, "ls": DASHES[number % len(DASHES)]}
        found[told(label)] = Line2D([], [], color=CYCLE[number % len(CYCLE)], **look)
    if len(scene.tracks):
        found[told("tracks")] = Line2D([], [], **_TRACK)
    if scene.points is not None and scene.points.angle.size:
        for angle in _reference_angles(scene.points.largest):
            size = np.sqrt(_areas(angle, scene.points.largest))
            look = {"marker": "o", "ls": "", "mfc": "black", "mec": "white", "mew": 0.4, "ms": size}
            found[f"{told(scene.points.label)}, {angle * 1e3:g} mrad"] = Line2D([], [], **look)
    return found


def passive_colour(material: str) -> str:
    """The colour of matter that only stands there."""
    return next((colour for word, colour in PASSIVE.items() if word in material), _STEEL)


def is_speck(element: Element, plane: tuple[int, int], within: Frame) -> bool:
    """Whether an element is too small in a plane to be seen in a frame.

    Args:
        element: the box.
        plane: numbers of the axes across and up.
        within: the frame [m].
    """
    return all(element.size[axis] < SPECK * (within[axis][1] - within[axis][0]) for axis in plane)


def rectangle(element: Element, plane: tuple[int, int], size: float = 1.0) -> np.ndarray:
    """The four corners of an element in a plane, counter-clockwise.

    Args:
        element: the box.
        plane: numbers of the axes across and up.
        size: of the unit [m].
    """
    (left, low), (right, high) = ([end[axis] / size for axis in plane] for end in (element.lower, element.upper))
    return np.array([(left, low), (right, low), (right, high), (left, high)])


def _legend_columns(labels: Sequence[str], letters: int) -> int:
    """The most columns of a legend that fit a line of so many letters; it is filled column by column."""
    for lines in range(1, len(labels)):
        columns = -(-len(labels) // lines)
        widest = (max(map(len, column)) for column in np.array_split(np.array(labels, object), columns))
        if sum(width + SPACE for width in widest) <= letters:
            return columns
    return 1


def _draw_passive(axes: Axes, scene: Scene, plane: tuple[int, int], size: float) -> None:
    for element in scene.passive:
        colour = passive_colour(element.material)
        axes.add_collection(PolyCollection([rectangle(element, plane, size)], fc=colour, ec="none", zorder=0.6))


def _draw_contents(axes: Axes, scene: Scene, plane: tuple[int, int], size: float) -> None:
    if scene.contents is None:
        return
    (depth,) = {0, 1, 2} - set(plane)
    edges, seen = scene.contents.edges, scene.contents.seen(depth)
    if plane[0] < plane[1]:
        seen = seen.T
    axes.pcolormesh(
        edges[plane[0]] / size,
        edges[plane[1]] / size,
        seen,
        norm=scene.density_scale,
        cmap=density_colours(),
        edgecolors="white",
        linewidth=0.12,
        antialiased=True,
        zorder=1.0,
    )
    outline = [(edges[plane[0]][i] / size, edges[plane[1]][j] / size) for i, j in ((0, 0), (-1, 0), (-1, -1), (0, -1))]
    axes.add_collection(PolyCollection([outline], fc="none", ec=INK, lw=0.6, ls=(0, (4, 3)), zorder=1.1))


def _draw_sensitive(
    axes: Axes, elements: Sequence[Element], plane: tuple[int, int], size: float, number: int, *, name: str
) -> None:
    """The elements of one group: bars where they are seen edge-on, outlines face-on."""
    colour, dash = CYCLE[number % len(CYCLE)], DASHES[number % len(DASHES)]
    (depth,) = {0, 1, 2} - set(plane)
    flat = [element.size[depth] <= min(element.size[axis] for axis in plane) for element in elements]
    for face_on in (False, True):
        boxes = [rectangle(e, plane, size) for e, lies in zip(elements, flat, strict=True) if lies is face_on]
        form: dict[str, Any] = {"fc": "none", "ls": dash, "lw": 1.3} if face_on else {"fc": colour, "lw": 1.1}
        if not boxes:
            continue
        under = {"fc": "none", "ec": "white", "lw": form["lw"] + 1.0, "alpha": 0.7}
        axes.add_collection(PolyCollection(boxes, zorder=2.4, label="_under", **under))  # a line on any ground
        axes.add_collection(PolyCollection(boxes, ec=colour, zorder=2.5 + 0.01 * number, label=name, **form))


def _areas(angle: Any, largest: float) -> Any:
    """The areas of dots: proportional to the angle up to the largest, and never too small to be seen [pt2]."""
    return 3.0 + (LARGEST - 3.0) * np.minimum(angle / largest, 1.0)


def _reference_angles(largest: float) -> tuple[float, float]:
    """Two round angles for the legend, a small and a large one [rad]."""
    power = 10.0 ** np.floor(np.log10(largest))
    top = max(step * power for step in (1.0, 2.0, 5.0) if step * power <= largest * (1 + 1e-9))
    return float(f"{0.2 * top:.3g}"), float(f"{top:.3g}")
