"""Layouts: numbers of units, spacings and radii by hand, symmetry, and what is impossible."""

import jax
import numpy as np
import pytest
from scipy.spatial import cKDTree

from daedalus.errors import DesignError
from daedalus.studies.ground_array.layouts import (
    LAYOUTS,
    RANDOM,
    annulus,
    clusters,
    hexagonal,
    layout,
    packed,
    random_ball,
    random_box,
    rings,
    spiral,
    taxi,
    three_annuli,
    two_annuli,
)
from daedalus.studies.ground_array.site import SEPARATION

KEY = jax.random.key(3)


def gaps(positions):
    return cKDTree(positions).query(positions, 2)[0][:, 1]


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("units", [6, 60, 128, 1000])
def test_every_layout_has_its_units_each_in_its_own_place(name, units):
    positions = layout(name, units, 30.0, key=KEY)
    assert positions.shape == (units, 2)
    assert positions.dtype == np.float64
    assert gaps(positions).min() > (0.0 if name in RANDOM else 14.0 if units > 6 else 4.0)
    np.testing.assert_array_equal(positions, layout(name, units, 30.0, key=KEY))
    np.testing.assert_allclose(layout(name, units, 60.0, key=KEY), 2 * positions, rtol=1e-14, atol=1e-11)


def test_lattices():
    for positions, neighbours in ((hexagonal(91, 25.0), 6), (taxi(81, 25.0), 4)):
        np.testing.assert_allclose(gaps(positions), 25.0, rtol=1e-12)
        assert len(cKDTree(positions).query_ball_point([0.0, 0.0], 26.0)) == neighbours + 1
        radius = np.hypot(*positions.T)
        assert np.all(np.diff(radius) > -1e-4)  # nearest to the origin first
    np.testing.assert_allclose(np.hypot(*hexagonal(7, 25.0).T), [0, *[25.0] * 6], atol=1e-12)
    assert np.hypot(*hexagonal(6000, 1.0).T).max() == pytest.approx(np.sqrt(6000 * np.sqrt(0.75) / np.pi), rel=0.01)
    np.testing.assert_allclose(gaps(packed(128)), SEPARATION, rtol=1e-12)


def test_rings_of_six_twelve_eighteen():
    radius = np.round(np.hypot(*rings(37, 40.0).T), 9)
    assert dict(zip(*np.unique(radius, return_counts=True), strict=True)) == {0.0: 1, 40.0: 6, 80.0: 12, 120.0: 18}
    np.testing.assert_allclose(rings(40, 40.0).mean(0), 0.0, atol=1e-12)  # three more, spread evenly


def test_annuli_have_the_published_radii():
    N, s = 120, 50.0
    counts = lambda positions: dict(zip(*np.unique(np.round(np.hypot(*positions.T), 6), return_counts=True)))
    r = lambda share: round(N * s / (share * np.pi), 6)
    assert counts(annulus(N, s)) == {r(2): N}
    assert counts(two_annuli(N, s)) == {r(6): N // 3, r(3): 2 * N // 3}
    assert counts(three_annuli(N, s)) == {r(12): N // 6, r(6): N // 3, r(4): N // 2}
    np.testing.assert_allclose(gaps(two_annuli(N, s)), s, rtol=2e-3)  # chords, not arcs
    assert sorted(counts(two_annuli(128, s)).values()) == [43, 85]


def test_spiral_and_random_layouts_have_one_unit_per_square_of_the_spacing():
    assert np.hypot(*spiral(1000, 10.0).T).max() == pytest.approx(10.0 * np.sqrt(999.5 / np.pi))
    ball, box = random_ball(4000, 10.0, key=KEY), random_box(4000, 10.0, key=KEY)
    radius = 10.0 * np.sqrt(4000 / np.pi)
    assert np.hypot(*ball.T).max() < radius
    assert np.mean(np.hypot(*ball.T) ** 2) == pytest.approx(radius**2 / 2, rel=4 / np.sqrt(12 * 1000))  # 4 sigma
    assert np.abs(box).max() < 5.0 * np.sqrt(4000)
    assert np.mean(box**2) == pytest.approx((10.0**2 * 4000) / 12, rel=4 * np.sqrt(0.8 / 8000))
    assert not np.array_equal(ball, random_ball(4000, 10.0, key=jax.random.key(4)))


def test_clusters_are_apart():
    positions = clusters(62, 20.0)
    groups = np.split(positions, np.cumsum([16, 16, 15]))
    assert [len(group) for group in groups] == [16, 16, 15, 15]
    middles = [group.mean(0) for group in groups]
    for k, (group, middle) in enumerate(zip(groups, middles, strict=True)):
        others = np.concatenate([g for j, g in enumerate(groups) if j != k])
        assert np.hypot(*(group - middle).T).max() < 0.5 * np.hypot(*(others - middle).T).min()


@pytest.mark.parametrize("name", LAYOUTS)
def test_impossible_numbers_are_refused(name):
    with pytest.raises(DesignError, match="a layout of 0 units; expected"):
        layout(name, 0, 30.0, key=KEY)
    with pytest.raises(DesignError, match=r"spacing of -1\.0 m"):
        layout(name, 60, -1.0, key=KEY)
    with pytest.raises(DesignError, match="spacing of nan m"):
        layout(name, 60, float("nan"), key=KEY)


def test_other_impossible_wishes_are_refused():
    with pytest.raises(DesignError, match="'star'; expected one of hexagonal, packed"):
        layout("star", 60, 30.0)
    with pytest.raises(DesignError, match="random_ball is random; expected a key"):
        layout("random_ball", 60, 30.0)
    with pytest.raises(DesignError, match="a layout of 5 units; expected 6 or more"):
        three_annuli(5, 30.0)
    with pytest.raises(DesignError, match="1 groups; expected two or more"):
        clusters(60, 30.0, 1)
