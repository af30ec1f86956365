"""Animations: the frames that were asked for, in a file that stays small."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from daedalus.core import History
from daedalus.drawing.animation import animation
from daedalus.drawing.scene import Scene, frame
from daedalus.drawing.search import SearchFrames, course, search_animation, views
from daedalus.geometry import Element
from daedalus.geometry.polygons import polygon
from daedalus.geometry.regions import region
from drawing import apparatus


def history(loss):
    """A history whose loss has a row per round and a column per start."""
    loss = np.asarray(loss, float)
    number = np.arange(loss.size)
    columns = {"row": number, "round": number // loss.shape[1], "start": number % loss.shape[1]}
    return History(columns | {"status": np.array(["ok"] * loss.size), "loss": loss.ravel()})


def moved(row):
    """The apparatus with its upper plates further to the right."""
    plates = [Element(e.name, (e.centre[0] + 0.05 * row, *e.centre[1:]), e.size, e.material) for e in apparatus.UPPER]
    return apparatus.scene(elements=(apparatus.LOWER, *plates), tracks=(), points=None)


def frames(gif):
    picture = Image.open(io.BytesIO(gif))
    shown = []
    for number in range(picture.n_frames):
        picture.seek(number)
        shown.append((picture.convert("RGB").copy(), picture.info["duration"]))
    return picture, shown


def test_every_row_is_a_frame_and_the_last_one_stays():
    def bar(row):
        figure = Figure(figsize=(1, 1), dpi=50)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.fill_between([0, row], 1, color="#0072B2")
        axes.set(xlim=(0, 4), ylim=(0, 1))
        return figure

    picture, shown = frames(animation(bar, [1, 2, 4], seconds=0.1, hold=1.0))
    assert (picture.n_frames, picture.size, picture.info["loop"]) == (3, (50, 50), 0)
    assert [duration for _, duration in shown] == [100, 100, 1000]
    blue = [np.all(np.asarray(frame) == (0x00, 0x72, 0xB2), -1).mean() for frame, _ in shown]
    np.testing.assert_allclose(blue, [0.25, 0.5, 1.0], atol=0.05)


def test_a_search_has_a_frame_per_chosen_round_and_is_small():
    gif = search_animation(history(np.geomspace(100.0, 1.0, 30)[:, None]), moved, frames=4)
    picture, _ = frames(gif)
    assert picture.n_frames == 4
    assert len(gif) < 4 * 30_000
    assert not plt.get_fignums()


def test_a_frame_shows_the_layout_and_the_loss_of_its_round():
    past = history(np.geomspace(100.0, 1.0, 11)[:, None])
    drawn = SearchFrames(past, [moved(0), moved(10)], [0, 10])  # to 2.9 m, the unit is cm
    for number, row in ((1, 10), (0, 0)):
        side, _, curve = (axes for axes in drawn(number).axes if axes.get_title("left"))
        (group,) = (c for c in side.collections if c.get_label() == "over")
        left = min(path.vertices[:, 0].min() for path in group.get_paths())
        np.testing.assert_allclose(left, 100 * moved(row).elements[1].lower[0])
        assert curve.get_title("left") == f"round {row + 1} of 11, loss {past['loss'][row]:.4g}"
        assert len(curve.lines[1].get_xdata()) == row + 1
        assert curve.get_yscale() == "log"


GROUND = region(polygon([(-2000.0, -2000.0), (2000.0, -2000.0), (2000.0, 2000.0), (-2000.0, 2000.0)]))


def array(reach):
    """Three units on a square of 4 km, at most so far from its middle."""
    places = [(reach, 0.0), (-reach, 0.0), (0.0, reach)]
    return Scene(
        [Element(f"unit_{k}", (*p, 1.0), (15.0, 15.0, 2.0), "water") for k, p in enumerate(places)], ground=GROUND
    )


def test_what_stands_on_the_ground_is_shown_on_a_map():
    (whole,) = views([array(100.0), array(1500.0)])
    assert (whole.title, whole.plane, whole.mark) == ("seen from above", "xy", None)
    assert whole.within == frame(array(1500.0))
    past = history(np.geomspace(100.0, 1.0, 11)[:, None])
    drawn = SearchFrames(past, [array(100.0), array(1500.0)], [0, 10])
    for number, reach in ((1, 1500.0), (0, 100.0)):
        seen, _ = drawn(number).axes
        np.testing.assert_allclose(np.ptp(seen.lines[0].get_xdata()), 2 * reach / 1000)
        assert len(seen.patches) == 1
        assert (seen.get_xlabel(), seen.get_title("left")) == ("east [km]", "seen from above")


def test_what_keeps_to_a_small_part_of_the_ground_is_shown_close_up_too():
    scenes = [array(100.0), array(300.0)]
    whole, close = views(scenes)
    assert close.title == "close up"
    assert whole.mark == close.within
    for (low, high), (least, most) in zip(close.within[:2], ((-307.5, 307.5), (-7.5, 307.5)), strict=True):
        assert low < least < most < high
        assert high - low < 900.0
    drawn = SearchFrames(history(np.geomspace(100.0, 1.0, 11)[:, None]), scenes, [0, 10])
    left, right, _ = drawn(1).axes
    _, mark = left.patches
    np.testing.assert_allclose(
        (mark.get_x(), mark.get_width()), (close.within[0][0] / 1e3, np.ptp(close.within[0]) / 1e3)
    )
    assert right.get_xlabel() == "east [m]"
    assert len(right.patches) == 1


def test_titles_are_within_the_picture_and_white_is_white():
    past = history(np.linspace(300.0, 200.0, 11)[:, None])
    drawn = SearchFrames(past, [array(100.0), array(300.0)], [0, 10])
    for axes in drawn(0).axes:
        assert axes.get_tightbbox().y1 < drawn.figure.bbox.height
    gif = search_animation(past, lambda row: array(100.0 + 20.0 * row), frames=3)
    for picture, _ in frames(gif)[1]:
        assert picture.getpixel((1, 1)) == (255, 255, 255)


@pytest.mark.parametrize("starts", [2, 8])
def test_few_starts_follow_the_best_and_many_the_best_so_far(starts):
    loss = np.full((3, starts), 9.0)
    loss[0, 0], loss[2, 1] = 2.0, 1.0
    rounds, rows = course(history(loss))
    assert rounds.tolist() == [0, 1, 2]
    assert rows.tolist() == ([1, 3, 5] if starts == 2 else [0, 0, 2 * starts + 1])
