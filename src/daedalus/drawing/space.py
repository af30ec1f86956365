"""The view in space: elements, contents, tracks and points in perspective, to scale."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from mpl_toolkits.mplot3d import Axes3D
from mpl_toolkits.mplot3d.art3d import Poly3DCollection

from daedalus.drawing.density import density_colours, thinnest
from daedalus.drawing.palette import CYCLE, INK
from daedalus.drawing.scene import Contents, Frame, Scene, frame, length_unit
from daedalus.drawing.views import draw_legend, passive_colour
from daedalus.geometry import Element

ELEVATION, AZIMUTH = 14.0, -58.0  # of the eye [degree]
ZOOM = 0.9  # leaves room for the labels [1]
PANEL = 4.1  # width of a view [inch]
PIECES = 200  # of a track, those outside the frame are left out [1]
_FACES = ((0, 1, 3, 2), (4, 5, 7, 6), (0, 1, 5, 4), (2, 3, 7, 6), (0, 2, 6, 4), (1, 3, 7, 5))  # of a box's corners
_SUNLIT = {0: 0.82, 1: 0.7, 2: 1.0}  # brightness of faces across x, y and z [1]


def draw_space(axes: Axes3D, scene: Scene, *, within: Frame | None = None) -> None:
    """Draws a scene in perspective, elements transparent and contents as blocks; what is thinner than the scale is left
    out.

    Args:
        axes: where; made with ``projection="3d"``.
        scene: what.
        within: the box that is seen; all elements and contents by default.
    """
    within = frame(scene) if within is None else within
    name, size = length_unit(within)
    axes.computed_zorder = False  # order by collections' centres puts panels before what they stand behind
    middle = np.mean(within[2])
    for element in scene.passive:
        _draw_box(axes, element, size, 1.0, fc=passive_colour(element.material), ec="none", alpha=0.25)
    for number, elements in enumerate(scene.groups.values()):
        colour = CYCLE[number % len(CYCLE)]
        for element in sorted(elements, key=lambda e: e.centre[2]):
            order = 1.5 if element.centre[2] < middle else 4.0
            _draw_box(axes, element, size, order, fc=(colour, 0.16), ec=(colour, 0.9), lw=0.9)
    if scene.contents is not None:
        _draw_blocks(axes, scene, scene.contents, size)
    for track in scene.tracks:
        axes.plot(*inside(track, within) / size, color=INK, lw=0.5, alpha=0.55, zorder=3.0)
    axes.set(**{f"{axis}lim": tuple(end / size for end in side) for axis, side in zip("xyz", within, strict=True)})
    axes.set(**{f"{axis}label": f"{axis} [{name}]" for axis in "xyz"})
    axes.set_box_aspect([high - low for low, high in within], zoom=ZOOM)  # pyright: ignore[reportArgumentType]
    axes.patch.set_visible(False)  # it would cover the neighbour's labels
    axes.view_init(ELEVATION, AZIMUTH)
    axes.tick_params(labelsize="x-small", pad=0)
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_major_locator(MaxNLocator(4))
        axis.set_pane_color((1.0, 1.0, 1.0, 0.0))  # pyright: ignore[reportAttributeAccessIssue]
        axis.label.set_fontsize("small")


def space_figure(scenes: Mapping[str, Scene], *, within: Frame | None = None) -> Figure:
    """Several scenes in perspective side by side, all within one frame.

    Args:
        scenes: by title.
        within: the box that is seen; all elements and contents by default.
    """
    within = frame(*scenes.values()) if within is None else within
    x, y, z = (high - low for low, high in within)
    height = PANEL * min(0.62 + 0.4 * z / max(x, y), 1.4) + 0.3
    figure = Figure(figsize=(PANEL * len(scenes) + 0.3, height))
    figure.set_layout_engine("constrained", rect=(0.0, 0.0, 0.96, 0.97))  # which does not see the labels in space
    views = figure.subplots(1, len(scenes), squeeze=False, subplot_kw={"projection": "3d"})
    for axes, (title, scene) in zip(views.flat, scenes.items(), strict=True):
        draw_space(axes, scene, within=within)
        axes.set_title(title, loc="left", fontsize="medium")
    draw_legend(figure, *scenes.values())
    return figure


def inside(track: Float[np.ndarray, "3 point"], within: Frame) -> Float[np.ndarray, "3 piece"]:
    """The points of a track in small pieces, NaN outside a frame [m]; its length is measured along its points.

    Args:
        track: x, y, z of its points [m].
        within: the frame [m].
    """
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(track, axis=1), axis=0))])
    steps = np.linspace(0.0, length[-1], PIECES)
    fine = np.stack([np.interp(steps, length, row) for row in track])
    low, high = (np.array([side[end] for side in within])[:, None] for end in (0, 1))
    return np.where(((fine >= low) & (fine <= high)).all(0), fine, np.nan)


def box_faces(element: Element) -> Float[np.ndarray, "6 4 3"]:
    """The corners of an element's six faces [m]."""
    corners = np.array(list(product(*zip(element.lower, element.upper, strict=True))))
    return corners[np.array(_FACES)]


def bare_faces(contents: Contents, least: float) -> list[tuple[tuple[int, ...], int, Float[np.ndarray, "4 3"]]]:
    """The faces that are seen of matter: number of the voxel, axis that the face is across, corners [m].

    Args:
        contents: of the volume.
        least: the thinnest that counts as matter [1/m].
    """
    found = []
    for axis, end in product(range(3), (0, 1)):
        for voxel in np.argwhere(_bare(contents.density >= least, axis, end)):
            found.append((tuple(int(i) for i in voxel), axis, _face(contents, voxel, axis, end)))
    return found


def _draw_box(axes: Axes3D, element: Element, size: float, order: float, **look: Any) -> None:
    axes.add_collection3d(Poly3DCollection(list(box_faces(element) / size), zorder=order, **look))


def _draw_blocks(axes: Axes3D, scene: Scene, contents: Contents, size: float) -> None:
    """Every voxel's faces that border on another density, in the colour of the voxel, lit from above."""
    scale, colours = scene.density_scale, density_colours()
    seen = bare_faces(contents, thinnest(scale))
    shade = lambda voxel, axis: (*(_SUNLIT[axis] * c for c in colours(scale(contents.density[voxel]))[:3]), 1.0)
    if seen:
        shades, faces = [shade(voxel, axis) for voxel, axis, _ in seen], [face / size for *_, face in seen]
        axes.add_collection3d(Poly3DCollection(faces, fc=shades, ec=(1, 1, 1, 0.35), lw=0.3, zorder=2.0))
    corners = [np.array([edges[0], edges[-1]]) / size for edges in contents.edges]
    for axis, first, second in ((0, 1, 2), (1, 0, 2), (2, 0, 1)):
        for i, j in product((0, 1), (0, 1)):
            line = [np.zeros(2)] * 3
            line[axis], line[first], line[second] = corners[axis], corners[first][[i, i]], corners[second][[j, j]]
            axes.plot(*line, color=INK, lw=0.5, ls=(0, (4, 3)), zorder=1.8)


def _bare(matter: np.ndarray, axis: int, end: int) -> np.ndarray:
    """Whether a voxel of matter borders on none along an axis, downwards (0) or upwards (1)."""
    empty = np.zeros_like(np.take(matter, [0], axis))
    parts = [empty, np.delete(matter, -1, axis)] if end == 0 else [np.delete(matter, 0, axis), empty]
    return matter & ~np.concatenate(parts, axis)


def _face(contents: Contents, voxel: np.ndarray, axis: int, end: int) -> np.ndarray:
    """The four corners of a voxel's face [m]."""
    edges = [e[[i, i + 1]] for e, i in zip(contents.edges, voxel, strict=True)]
    first, second = (other for other in range(3) if other != axis)
    corners = np.empty((4, 3))
    corners[:, axis] = edges[axis][end]
    corners[:, first], corners[:, second] = edges[first][[0, 1, 1, 0]], edges[second][[0, 0, 1, 1]]
    return corners
