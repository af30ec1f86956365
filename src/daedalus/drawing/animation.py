"""Animations: figures one after the other, as a GIF that loops."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

COLOURS = 128  # of the palette that all frames share [1]
SAMPLES = 6  # frames that the palette is made of [1]
WHITE = 247  # share of red, green and blue, of 255, from which on a colour is white [1]


def animation(
    figure_of: Callable[[int], Figure], rows: Sequence[int], *, seconds: float = 0.12, hold: float = 2.0
) -> bytes:
    """A GIF of figures that loops, its frames in one palette, so that files stay small.

    Args:
        figure_of: makes the figure of a row; it may be one figure that is changed, which is much faster.
        rows: one per frame, in order.
        seconds: how long a frame is shown [s].
        hold: how long the last one is shown [s].
    """
    pictures = [_picture(figure_of(row)) for row in rows]
    palette = _palette(pictures)
    first, *others = (each.quantize(palette=palette, dither=Image.Dither.NONE) for each in pictures)
    times = [round(1000 * seconds)] * len(others) + [round(1000 * hold)]
    out = io.BytesIO()
    first.save(out, "GIF", save_all=True, append_images=others, duration=times, loop=0, optimize=False)
    return out.getvalue()


def _picture(figure: Figure) -> Image.Image:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")  # a copy: the figure may change


def _palette(pictures: Sequence[Image.Image]) -> Image.Image:
    """The colours of some pictures stacked, white among them exactly."""
    chosen = [pictures[i] for i in np.unique(np.linspace(0, len(pictures) - 1, SAMPLES).round().astype(int))]
    width, height = chosen[0].size
    stack = Image.new("RGB", (width, height * len(chosen)))
    for number, picture in enumerate(chosen):
        stack.paste(picture, (0, number * height))
    found = stack.quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    colours = np.array(found.getpalette()).reshape(-1, 3)
    colours[np.argmin(np.sum((255 - colours) ** 2, 1))] = 255
    colours[colours.min(1) >= WHITE] = 255  # or white is drawn in the colour next to it
    found.putpalette(colours.ravel().tolist())
    return found
