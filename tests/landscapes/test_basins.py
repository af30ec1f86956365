"""Basins: as many as there are barriers, whatever the number of descents or of exchanges."""

import jax
import numpy as np
import pytest

from daedalus.landscapes.basins import basins
from daedalus.landscapes.descents import descents
from landscapes.valleys import banana, bowl, double_well, exchangeable, ring, six_hump, three_hump

KEY = jax.random.key(3)


def found_in(surface, allowance, *, starts=16, **settings):
    return basins(surface, descents(surface, key=KEY, starts=starts, steps=100), allowance=allowance, **settings)


def test_a_bowl_is_one_basin():
    found = found_in(bowl(), 0.1, starts=8)
    assert len(found) == 1
    assert found[0].weight == 1.0
    assert found[0].place == pytest.approx([0.5, 0.4], abs=1e-3)
    assert sorted(found[0].members) == list(range(8))


def test_a_double_well_has_two_basins_weighted_by_the_starts():
    surface = double_well()
    ends = descents(surface, key=KEY, starts=32)
    found = basins(surface, ends, allowance=0.2)
    assert len(found) == 2
    # minima of (a^2 - 1)^2 + a / 10: roots of 4 a (a^2 - 1) = -0.1
    assert surface.values(found[0].place) == pytest.approx([-1.0123, 0.0], abs=2e-3)
    assert surface.values(found[1].place) == pytest.approx([0.9873, 0.0], abs=2e-3)
    assert found[0].loss == pytest.approx(-0.1006, abs=1e-4)
    assert found[1].loss == pytest.approx(0.0994, abs=1e-4)
    left = surface.values(ends.starts)[:, 0] < 0.025  # the barrier's top
    assert found[0].weight == pytest.approx(np.mean(left), abs=2 / 32)  # a first step may cross it
    assert found[0].weight + found[1].weight == pytest.approx(1.0)


def test_what_an_allowance_covers_is_no_barrier():
    """The barrier is 1.0013 high at a = 0.025, 0.902 above the higher minimum."""
    ends = descents(double_well(), key=KEY, starts=8)
    assert len(basins(double_well(), ends, allowance=0.88)) == 2
    assert len(basins(double_well(), ends, allowance=0.93)) == 1


def test_a_curved_valley_is_one_basin():
    surface = banana()
    begun = surface.cubes(np.array([[-1.5, 2.0], [1.4, 1.9], [0.0, 0.0]]))
    short = descents(surface, key=KEY, starts=3, steps=8, begun=begun)  # not yet at the end of the valley
    assert len(basins(surface, short, allowance=0.5)) == 1


def test_a_ring_is_one_basin_though_its_chords_are_high():
    found = found_in(ring(), 0.02, starts=6)
    assert len(found) == 1
    assert found[0].loss == pytest.approx(0.0, abs=1e-4)
    # two opposite places: every straight line passes the hill in the middle, and a string goes round it
    begun = ring().cubes(np.array([[1.1, 0.05], [-1.0, 0.1]]))
    two = descents(ring(), key=KEY, starts=2, begun=begun)
    assert len(basins(ring(), two, allowance=0.02, strings=0)) == 2
    assert len(basins(ring(), two, allowance=0.02, strings=1, relaxations=80, images=15)) == 1


@pytest.mark.parametrize("size", [2, 4])
def test_exchangeable_parameters_make_one_basin(size):
    found = found_in(exchangeable(size), 1e-3)
    assert len(found) == 1
    assert found[0].place == pytest.approx(np.linspace(0.9, 0.1, size), abs=2e-3)
    assert found[0].weight == 1.0


def test_mirror_basins_are_both_found():
    surface = six_hump()
    found = found_in(surface, 0.1, starts=24)
    best = [basin for basin in found.basins if basin.loss < -1.0]
    assert len(best) == 2
    places = sorted(surface.values(basin.place).tolist() for basin in best)
    assert np.array(places) == pytest.approx(np.array([[-0.0898, 0.7126], [0.0898, -0.7126]]), abs=2e-3)
    assert [basin.loss for basin in best] == pytest.approx([-1.0316, -1.0316], abs=1e-4)


def test_three_humps_are_three_basins():
    surface = three_hump()
    found = found_in(surface, 0.1)
    assert [basin.loss for basin in found.basins] == pytest.approx([0.0, 0.2986, 0.2986], abs=1e-3)
    mirrored = sorted(surface.values(found[number].place)[0] for number in (1, 2))
    assert mirrored == pytest.approx([-1.7476, 1.7476], abs=2e-3)
