"""Free play: slices and profiles of known surfaces, and ends that are open."""

from math import sqrt

import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.landscapes import LandscapeError
from daedalus.landscapes.free_play import free_play
from daedalus.landscapes.quadratic import quadratic
from daedalus.landscapes.surface import analytic
from landscapes.valleys import banana, bowl, fenced

CLOSE = 1 / 128  # of a half-width: an end is known to 1/256 of the interval


def test_a_bowl_has_the_widths_of_its_hessian():
    place = np.array([0.5, 0.4])
    found = free_play(bowl(), place, allowance=0.5)
    shape = quadratic([bowl()], place)
    for ends, half in ((found.slices, shape.alone(0.5)), (found.profiles, shape.reoptimised(0.5))):
        assert (ends[:, 1] - place) / half == pytest.approx(np.ones(2), abs=CLOSE)
        assert (place - ends[:, 0]) / half == pytest.approx(np.ones(2), abs=CLOSE)
    assert not found.slices_open.any()
    assert not found.profiles_open.any()
    # along a profile the other parameter follows: b - 0.4 = -1.9 / 2 (a - 0.5)
    moved = found.followed[0] - place
    assert moved[:, 1] == pytest.approx(-0.95 * moved[:, 0], abs=0.01)
    assert found.evaluations <= 1 + 4 * 17
    assert found.gradients <= 4 * 17 * 20


def test_a_curved_valley_lets_its_parameters_follow():
    """Profiles of (1 - a)^2 + 100 (b - a^2)^2 at 1: a down to 0, where b = 0; a up to where b meets its bound of 2."""
    surface = banana()
    found = free_play(surface, surface.cubes(np.ones(2)), allowance=1.0, steps=40)
    # alone: 100 (1 - a^2)^2 + (1 - a)^2 = 1 by bisection, 1 +- 0.1 for b
    assert found.slices == pytest.approx(np.array([[0.9490, 1.0486], [0.9, 1.1]]), abs=2e-3)
    assert found.profiles[0] == pytest.approx([0.0, 1.4450], abs=0.02)
    assert found.profiles[1, 1] == 2.0
    assert found.profiles_open.tolist() == [[False, False], [False, True]]
    assert found.described()[1].endswith(".. 2* with the others")


def test_a_bound_that_is_reached_is_an_open_end():
    surface = analytic(lambda x: x[0] ** 2 + 0.1 * x[1], ("a", "b"), (0.0, 10.0))
    found = free_play(surface, np.zeros(2), allowance=4.0)
    assert found.slices == pytest.approx(np.array([[0.0, 2.0], [0.0, 10.0]]), abs=0.02)
    assert found.slices_open.tolist() == [[True, False], [True, True]]


def test_a_constraint_ends_an_interval():
    """a + b <= 1 from (0.4, 0.4): alone a reaches 0.6; with b following, it goes on to where the loss ends it."""
    surface = fenced()
    found = free_play(surface, np.full(2, 0.4), allowance=0.1)
    assert found.slices[0, 1] == pytest.approx(0.6, abs=0.003)
    # 2 (a - 0.5)^2 = 0.12 with b = 1 - a
    assert found.profiles[0, 1] == pytest.approx(0.5 + sqrt(0.06), abs=0.01)


def test_what_lies_behind_a_barrier_does_not_count():
    surface = analytic(lambda x: (x[0] ** 2 - 1) ** 2 + 0.0 * x[1], ("a", "b"), (-2.0, 2.0))
    found = free_play(surface, surface.cubes(np.array([-1.0, 0.0])), allowance=0.25, profiles=False)
    # (a^2 - 1)^2 = 1/4
    assert found.slices[0] == pytest.approx([-sqrt(1.5), -sqrt(0.5)], abs=0.005)
    assert found.profiles[0] == pytest.approx(found.slices[0])
    assert found.gradients == 0


def test_a_place_that_is_not_acceptable_is_refused():
    with pytest.raises(LandscapeError, match="beyond the constraints"):
        free_play(fenced(), np.full(2, 0.6), allowance=0.1)
    surface = analytic(lambda x: jnp.nan * x[0], ("a",))
    with pytest.raises(LandscapeError, match="finite"):
        free_play(surface, np.array([0.5]), allowance=0.1)
