"""Curves: what is drawn is what was counted or measured."""

import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.drawing.exposure import Exposure, exposure_figure, time_unit
from daedalus.drawing.roc import found_at, roc_figure
from daedalus.inference.roc import detection_probability, roc_curve
from daedalus.units import day, minute, s

RNG = np.random.default_rng(3)
PRESENT = np.arange(200) % 2 == 0
SCORE = RNG.normal(size=200) + 1.5 * PRESENT


def counted(share):
    """What is found with so many false alarms."""
    return float(detection_probability(jnp.asarray(SCORE), jnp.asarray(PRESENT), share).value)


def test_the_points_of_a_roc_curve_are_the_counted_ones():
    curve = roc_curve(SCORE, PRESENT)
    for share in (0.0, 0.01, 0.05, 0.37):
        assert found_at(curve.false_alarms, curve.found, share) == pytest.approx(counted(share))
    assert found_at(curve.false_alarms, curve.found, 1.0) == 1.0
    assert (np.diff(curve.found) >= 0).all()
    assert ((curve.low - 1e-9 <= curve.found) & (curve.found <= curve.high + 1e-9)).all()


def test_scores_without_a_value_are_found_last():
    curve = roc_curve(np.array([1.0, -np.inf, 0.0, 2.0]), np.array([True, True, False, False]))
    np.testing.assert_allclose(curve.false_alarms, [0.0, 0.5, 1.0])
    np.testing.assert_allclose(curve.found, [0.0, 0.5, 1.0])


def test_the_figure_shows_curve_band_and_marks():
    curve = roc_curve(SCORE, PRESENT)
    figure = roc_figure({"one": curve, "two": roc_curve(-SCORE, PRESENT)}, colours={"two": "#123456"})
    (axes,) = figure.axes
    line = next(line for line in axes.lines if str(line.get_label()).startswith("one"))
    np.testing.assert_array_equal(line.get_xdata()[1:], curve.false_alarms[1:])
    np.testing.assert_array_equal(line.get_ydata(), curve.found)
    assert axes.get_xlim() == (0.005, 1.0)  # half of one in a hundred
    assert axes.get_xscale() == "log"
    found = [counted(share) for share in (0.01, 0.05)]
    assert line.get_label() == f"one: {found[0]:.2f}, {found[1]:.2f}"
    marks = next(line for line in axes.lines if line.get_label() == "_marks")
    np.testing.assert_allclose(marks.get_xydata(), np.transpose([(0.01, 0.05), found]))
    assert any(line.get_color() == "#123456" for line in axes.lines)
    ends = axes.collections[0].get_paths()[0].vertices[:, 1]
    np.testing.assert_allclose((ends.min(), ends.max()), (curve.low.min(), curve.high.max()))


def lines():
    time = np.array([1.0, 4.0, 16.0]) * minute
    falling = lambda scale: Exposure(time, scale / np.sqrt(time / minute), 0.1 * np.ones(3))
    return {"a": falling(2.0), "b": falling(1.0)}


def test_errors_fall_on_logarithmic_axes_beside_the_root():
    (axes,) = exposure_figure(lines(), "error [cm]").axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("exposure [min]", "error [cm]")
    assert [bars.get_label() for bars in axes.containers] == ["a", "b"]
    np.testing.assert_allclose(axes.containers[0].lines[0].get_xydata(), [(1, 2), (4, 1), (16, 0.5)])
    root = axes.lines[-1]
    np.testing.assert_allclose(root.get_ydata()[0] / root.get_ydata()[-1], 4.0)


def test_probabilities_have_a_linear_axis():
    (axes,) = exposure_figure(lines(), "found [1]", probability=True).axes
    assert (axes.get_yscale(), axes.get_ylim()[0]) == ("linear", 0.0)
    assert len(axes.lines) == 2 * 3  # no root: a line and two caps each


def test_the_unit_of_time_is_the_largest_that_fits():
    assert [time_unit(t) for t in (3 * day, day, 90 * s, 1.0)] == ["day", "h", "s", "ns"]
