"""The animation of a search: its layout from the side and from the top, beside the loss so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, StrMethodFormatter

from daedalus.core import History
from daedalus.drawing.animation import animation
from daedalus.drawing.density import density_bar
from daedalus.drawing.palette import BLUE, GREY, VERMILION
from daedalus.drawing.scene import Scene, frame
from daedalus.drawing.views import draw_legend, draw_view

FRAMES = 32  # of a search at most [1]
RESOLUTION = 88  # dots per inch
HEIGHT, WIDTH = 3.9, 10.2  # of a frame [inch]
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
        self.within = frame(*scenes)
        self.figure = Figure(figsize=(WIDTH, HEIGHT), dpi=RESOLUTION, layout="constrained")
        views, right = self.figure.subfigures(1, 2, width_ratios=(2.7, 1.0))  # pyright: ignore[reportGeneralTypeIssues]
        self._views = dict(zip(("xz", "xy"), views.subplots(1, 2), strict=True))
        self._curve = right.subplots()
        draw_legend(views, scenes[0], letters=70)
        contents = scenes[0].contents
        if contents is not None:
            axes, scale = list(self._views.values()), scenes[0].density_scale
            density_bar(views, axes, scale, aspect=25, label=contents.label)
        self(len(scenes) - 1)
        self.figure.draw_without_rendering()  # puts the axes in their places,
        self.figure.set_layout_engine("none")  # where they stay

    def __call__(self, number: int) -> Figure:
        """The figure of a frame."""
        extent = dict(zip("xyz", (high - low for low, high in self.within), strict=True))
        for (plane, axes), title in zip(self._views.items(), ("side", "top"), strict=True):
            axes.clear()
            ratio = extent[plane[1]] / extent[plane[0]]
            to_scale = 1 / FLATTEST < ratio < FLATTEST
            draw_view(axes, self._scenes[number], plane, within=self.within, to_scale=to_scale)
            axes.locator_params(nbins=5)  # labels take most of the time of a frame
            axes.set_title(f"from the {title}{'' if to_scale else ', not to scale'}", loc="left", fontsize="medium")
        self._draw_loss(self._curve, int(self._chosen[number]))
        return self.figure

    def _draw_loss(self, axes: Axes, last: int) -> None:
        rounds, loss, values = self._rounds, self._line, self._cloud[1]
        axes.clear()
        axes.plot(*self._cloud, ".", color=GREY, alpha=0.35, ms=2.5, mew=0)
        axes.plot(rounds[: last + 1], loss[: last + 1], color=BLUE, lw=1.4)
        axes.plot(rounds[last], loss[last], "o", color=VERMILION, ms=6, clip_on=False)
        axes.set(xlim=(rounds[0], rounds[-1]), xlabel="round", ylabel="loss [1]")
        axes.set_title(f"round {rounds[last] + 1} of {rounds[-1] + 1}", loc="left", fontsize="medium")
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        if len(values) and values.min() > 0 and values.max() / values.min() > LOG_FROM:
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axes.minorticks_off()
        axes.grid(alpha=0.25, lw=0.6)
