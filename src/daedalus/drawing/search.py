"""The animation of a search: its layout from the side and from the top, or on a map, beside the loss so far."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator, MaxNLocator, StrMethodFormatter

from daedalus.core import History
from daedalus.drawing.animation import animation
from daedalus.drawing.density import density_bar
from daedalus.drawing.palette import BLUE, GREY, VERMILION
from daedalus.drawing.scene import Frame, Scene, frame, length_unit
from daedalus.drawing.views import Plane, draw_legend, draw_view

FRAMES = 32  # of a search at most [1]
RESOLUTION = 88  # dots per inch
HEIGHT, VIEW, CURVE = 3.9, 3.7, 2.8  # of a frame, and widths of a view and of the loss [inch]
LETTERS = 44  # of a line of the legend per view [1]
CLOSE = 0.5  # share of a map's width below which elements are shown close up too [1]
ROOM = 0.15  # around them there, in units of their extent [1]
FLATTEST = 5.0  # ratio of its sides beyond which a view is not to scale [1]
FEW_STARTS = 5  # up to here one start is followed, beyond it the best design so far
LOG_FROM = 6.0  # largest over smallest loss from which its axis is logarithmic [1]


def search_animation(history: History, scene_of: Callable[[int], Scene], *, frames: int = FRAMES) -> bytes:
    """A GIF of a search, with frames at rounds that are evenly spread, the first and the last among them.

    Args:
        history: the search.
        scene_of: the scene of a row of the history; all have the same elements in other places.
        frames: at most [1].
    """
    rounds, rows = course(history)
    chosen = np.unique(np.linspace(0, len(rounds) - 1, min(frames, len(rounds))).round().astype(int))
    drawn = SearchFrames(history, [scene_of(int(row)) for row in rows[chosen]], chosen)
    return animation(drawn, range(len(chosen)))


def course(history: History) -> tuple[Int[np.ndarray, "round"], Int[np.ndarray, "round"]]:
    """The rounds of a history, and the row that an animation shows of each.

    With a few starts it is that of the start that finds the lowest loss; with more, whose points are batches, the
    lowest loss so far.
    """
    rounds, loss = np.unique(history["round"]), sound_loss(history)
    if len(np.unique(history["start"])) <= FEW_STARTS:
        mine = np.flatnonzero(history["start"] == history["start"][int(np.argmin(loss))])
        return rounds, mine[np.maximum(np.searchsorted(history["round"][mine], rounds, side="right") - 1, 0)]
    best = [int(np.argmin(np.where(history["round"] <= number, loss, np.inf))) for number in rounds]
    return rounds, np.array(best)


def sound_loss(history: History) -> Float[np.ndarray, "row"]:
    """The loss of every row, infinite where the row is not sound [1]."""
    loss = history["loss"].astype(float)
    return np.where((history["status"] == "ok") & np.isfinite(loss), loss, np.inf)


@dataclasses.dataclass(frozen=True)
class View:
    """What one of the views of a search shows.

    Attributes:
        title: above it.
        plane: the axes across and up.
        within: the box that is seen [m].
        mark: a part of it that another view shows close up [m].
    """

    title: str
    plane: Plane
    within: Frame
    mark: Frame | None = None

    @property
    def to_scale(self) -> bool:
        """Whether a metre is as long upwards as across: where the view is not too flat for that."""
        across, up = (high - low for low, high in (self.within["xyz".index(axis)] for axis in self.plane))
        return 1 / FLATTEST < up / across < FLATTEST


def views(scenes: Sequence[Scene]) -> list[View]:
    """The views of a search's scenes: from the side and from the top; with a ground its map, and, where elements keep
    to a small part of it, that part.
    """
    whole = frame(*scenes)
    if all(scene.ground is None for scene in scenes):
        return [View("from the side", "xz", whole), View("from the top", "xy", whole)]
    close = frame(*(dataclasses.replace(scene, ground=None) for scene in scenes), margin=ROOM)
    if _width(close) > CLOSE * _width(whole):
        return [View("seen from above", "xy", whole)]
    return [View("seen from above", "xy", whole, close), View("close up", "xy", close)]


def _width(within: Frame) -> float:
    """The longer side of a frame on the ground [m]."""
    return max(high - low for low, high in within[:2])


class SearchFrames:
    """The figures of a search: one figure, in which layout and loss are drawn anew for every frame."""

    def __init__(self, history: History, scenes: Sequence[Scene], chosen: Sequence[int] | np.ndarray):
        """Prepares the figure.

        Args:
            history: the search.
            scenes: one per frame.
            chosen: for each, the place of its round in the history's `course` [1].
        """
        self._scenes, self._chosen = scenes, chosen
        self._rounds, rows = course(history)
        loss = sound_loss(history)
        self._line = loss[rows]
        sound = np.isfinite(loss)
        self._cloud = history["round"][sound], loss[sound]
        self._views = views(scenes)
        size = (VIEW * len(self._views) + CURVE, HEIGHT)
        self.figure = Figure(figsize=size, dpi=RESOLUTION, layout="constrained")
        left, right = self.figure.subfigures(1, 2, width_ratios=(size[0] - CURVE, CURVE))  # pyright: ignore[reportGeneralTypeIssues]
        self._axes = left.subplots(1, len(self._views), squeeze=False).ravel().tolist()
        self._curve = right.subplots()
        draw_legend(left, scenes[0], letters=LETTERS * len(self._views))
        contents = scenes[0].contents
        if contents is not None:
            density_bar(left, self._axes, scenes[0].density_scale, aspect=25, label=contents.label)
        self(len(scenes) - 1)
        for _ in range(2):  # puts the axes in their places; those of views to scale settle with the second
            self.figure.draw_without_rendering()
        self.figure.set_layout_engine("none")  # they stay there

    def __call__(self, number: int) -> Figure:
        """The figure of a frame."""
        for view, axes in zip(self._views, self._axes, strict=True):
            axes.clear()
            draw_view(axes, self._scenes[number], view.plane, within=view.within, to_scale=view.to_scale)
            if view.mark is not None:
                _draw_mark(axes, view.mark, length_unit(view.within)[1])
            axes.locator_params(nbins=5)  # labels take most of the time of a frame
            axes.set_title(f"{view.title}{'' if view.to_scale else ', not to scale'}", loc="left", fontsize="medium")
        self._draw_loss(self._curve, int(self._chosen[number]))
        return self.figure

    def _draw_loss(self, axes: Axes, last: int) -> None:
        rounds, loss, values = self._rounds, self._line, self._cloud[1]
        axes.clear()
        axes.plot(*self._cloud, ".", color=GREY, alpha=0.35, ms=2.5, mew=0)
        axes.plot(rounds[: last + 1], loss[: last + 1], color=BLUE, lw=1.4)
        axes.plot(rounds[last], loss[last], "o", color=VERMILION, ms=6, clip_on=False)
        axes.set(xlim=(rounds[0], rounds[-1]), xlabel="round", ylabel="loss [1]")
        title = f"round {rounds[last] + 1} of {rounds[-1] + 1}, loss {loss[last]:.4g}"
        axes.set_title(title, loc="left", fontsize="medium")
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        if len(values) and values.min() > 0 and values.max() / values.min() > LOG_FROM:
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axes.minorticks_off()
        axes.grid(alpha=0.25, lw=0.6)


def _draw_mark(axes: Axes, mark: Frame, size: float) -> None:
    """The outline of what another view shows close up."""
    (left, right), (low, high) = ([end / size for end in side] for side in mark[:2])
    axes.add_patch(
        Rectangle((left, low), right - left, high - low, fc="none", ec=GREY, lw=0.8, ls=(0, (3, 2)), zorder=2)
    )
