"""Smoothing: exact for parabolas, mirrored at the bounds, and the end of narrow holes."""

from math import sqrt

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.landscapes import LandscapeError
from daedalus.landscapes.smoothing import robustness, scales, smoothed
from daedalus.landscapes.surface import analytic
from landscapes.valleys import BENT, bowl, fenced

KEY = jax.random.key(2)
DEEP, BROAD = (0.2, 0.02), (0.7, 0.15)  # where the holes are, and how wide


def holes(x):
    """A narrow hole of depth 1 and a broad one of depth 0.7."""
    hole = lambda depth, at, width: depth * jnp.exp(-0.5 * jnp.sum((x - at) ** 2) / width**2)
    return 1 - hole(1.0, *DEEP) - hole(0.7, *BROAD)


def expected(depth, width, tolerance):
    """The smoothed depth of a Gaussian hole in two dimensions: depth * w^2 / (w^2 + t^2)."""
    return 1 - depth * width**2 / (width**2 + tolerance**2)


def test_a_parabola_is_raised_by_half_the_trace():
    surface = smoothed(bowl(), {"a": 0.02, "b": 0.03}, key=KEY, draws=8)
    places = np.array([[0.5, 0.4], [0.3, 0.6]])
    rise = 0.5 * (BENT[0, 0] * 0.02**2 + BENT[1, 1] * 0.03**2)
    assert surface.heights(places).loss == pytest.approx(bowl().heights(places).loss + rise)


def test_a_hole_is_filled_as_its_convolution_says():
    surface = smoothed(analytic(holes, ("a", "b")), 0.04, key=KEY, draws=256)
    place = np.array([[BROAD[0], BROAD[0]]])
    assert surface.heights(place).loss[0] == pytest.approx(expected(0.7, BROAD[1], 0.04), abs=0.003)


def test_nothing_leaves_the_cube():
    surface = smoothed(analytic(lambda x: x[0], ("a",)), 0.1, key=KEY, draws=512)
    # the mean of |eps| is sqrt(2 / pi)
    assert surface.heights(np.zeros((1, 1))).loss[0] == pytest.approx(0.1 * sqrt(2 / np.pi), rel=0.03)
    assert surface.heights(np.ones((1, 1))).loss[0] == pytest.approx(1 - 0.1 * sqrt(2 / np.pi), rel=0.01)


def test_no_tolerance_changes_nothing_and_constraints_hold_on_average():
    places = np.array([[0.3, 0.4], [0.6, 0.6]])
    exact, soft = fenced(), smoothed(fenced(), {"a": 0.1}, key=KEY)
    assert smoothed(exact, 0.0, key=KEY, draws=2).heights(places).loss == pytest.approx(exact.heights(places).loss)
    assert soft.heights(places).excess == pytest.approx([-0.3, 0.2])
    assert soft.heights(places).loss == pytest.approx(exact.heights(places).loss + 0.01)


def test_the_robust_optimum_is_the_broad_one():
    surface = analytic(holes, ("a", "b"))
    found = robustness(surface, 0.04, key=KEY, draws=64, starts=6, begun=np.array([[0.21, 0.19], [0.6, 0.7]]))
    assert found.fragile == pytest.approx([0.2, 0.2], abs=0.002)
    assert found.robust == pytest.approx([0.7, 0.7], abs=0.005)
    assert found.losses == pytest.approx([0.0, 0.3], abs=1e-3)
    narrow = expected(1.0, DEEP[1], 0.04) - 0.7 * np.exp(-(0.5**2) / 0.15**2)
    assert found.expected == pytest.approx([narrow, expected(0.7, BROAD[1], 0.04)], abs=0.02)
    assert found.gain == pytest.approx(found.expected[0] - found.expected[1])
    assert found.gain > 0.4


def test_tolerances_have_the_units_of_their_parameters():
    surface = analytic(lambda x: x[0] + x[1] + x[2], ("z[0]", "z[1]", "gap"), (0.0, 50.0))
    assert scales(surface, {"z": 5.0}) == pytest.approx([0.1, 0.1, 0.0])
    assert scales(surface, 10.0) == pytest.approx([0.2, 0.2, 0.2])
    with pytest.raises(LandscapeError, match="'width'"):
        scales(surface, {"width": 1.0})
    with pytest.raises(LandscapeError, match="at least 6"):
        smoothed(surface, 1.0, key=KEY, draws=4)
