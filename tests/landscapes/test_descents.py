"""Descents, and the surfaces they run on: they end where they should, inside bounds and constraints."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.landscapes import Allowance, LandscapeError
from daedalus.landscapes.batches import mapped
from daedalus.landscapes.descents import descents
from daedalus.landscapes.soundings import soundings
from daedalus.landscapes.surface import CHUNK, analytic
from landscapes.valleys import PAIR, banana, bowl, exchangeable, fenced

KEY = jax.random.key(3)


def test_all_descents_reach_the_bottom_of_a_bowl_in_few_evaluations():
    found = descents(bowl(), key=KEY, starts=8, tolerance=1e-9)
    assert found.ends.cubes == pytest.approx(np.tile([0.5, 0.4], (8, 1)), abs=1e-5)
    assert found.ends.losses == pytest.approx(np.zeros(8), abs=1e-8)
    assert found.settled.all()
    assert np.all(found.slopes < 1e-2)
    assert found.evaluations <= 8 * 15


def test_descents_follow_a_curved_valley():
    surface = banana()
    found = descents(surface, key=KEY, starts=4, steps=120, tolerance=1e-10)
    assert surface.values(found.ends.cubes) == pytest.approx(np.ones((4, 2)), abs=1e-3)


def test_a_descent_stays_in_the_cube_and_ends_on_its_bound():
    surface = analytic(lambda x: (x[0] + 1) ** 2 + (x[1] - 0.3) ** 2 + x[0] * x[1], PAIR)
    found = descents(surface, key=KEY, starts=4, tolerance=1e-10)
    assert found.ends.cubes == pytest.approx(np.tile([0.0, 0.3], (4, 1)), abs=1e-5)
    assert found.slopes == pytest.approx(np.zeros(4), abs=1e-4)  # the slope against the bound does not count


def test_a_measured_constraint_is_met_where_it_cuts():
    shifted = fenced()
    begun = np.array([[0.1, 0.2]])
    moved = descents(shifted, key=KEY, starts=1, begun=begun)
    assert moved.starts == pytest.approx(begun)
    assert moved.ends.losses[0] == pytest.approx(0.0, abs=1e-6)
    assert moved.ends.excess[0] <= 1e-3


def test_ends_of_exchangeable_parameters_are_ordered():
    found = descents(exchangeable(3), key=KEY, starts=6, tolerance=1e-9)
    assert found.ends.cubes == pytest.approx(np.tile([0.9, 0.5, 0.1], (6, 1)), abs=1e-4)


def test_a_place_without_a_loss_is_infinitely_bad_and_no_place_at_all_is_said():
    surface = analytic(lambda x: jnp.where(x[0] > 0.5, jnp.nan, x[0] + x[1]), PAIR)
    found = soundings(surface, np.array([[0.7, 0.1], [0.2, 0.1]]))
    assert found.losses == pytest.approx([np.inf, 0.3])
    assert found.met.tolist() == [False, True]
    with pytest.raises(LandscapeError, match="meets the constraints"):
        _ = found[:1].best


def test_a_start_without_a_loss_ends_at_once():
    surface = analytic(lambda x: jnp.where(x[0] > 0.5, jnp.nan, x[0] + x[1]), PAIR)
    found = descents(surface, key=KEY, starts=1, begun=np.array([[0.7, 0.1]]))
    assert found.evaluations == 1
    assert found.ends.losses[0] == np.inf


def test_many_places_are_measured_in_pieces_of_one_shape():
    cubes = np.random.default_rng(1).random((2 * CHUNK + 5, 2))
    expected = 0.5 * np.einsum("pi,ij,pj->p", cubes - [0.5, 0.4], [[200, 190], [190, 200]], cubes - [0.5, 0.4])
    assert bowl().heights(cubes).loss == pytest.approx(expected)
    assert bowl().heights(cubes[:0]).loss.shape == (0,)


@pytest.mark.parametrize("batch", [1, 3, 7, 20])
def test_batches_change_nothing(batch):
    rows = jnp.arange(7.0)
    assert np.asarray(mapped(lambda row: row**2, batch)(rows)) == pytest.approx(np.arange(7.0) ** 2)


@pytest.mark.parametrize(("of", "expected"), [("loss", 0.5), ("best", 1.5), ("error", 0.1)])
def test_allowances_have_units(of, expected):
    assert Allowance(0.5, of).absolute(-3.0, 0.2) == pytest.approx(expected)


def test_an_allowance_of_nothing_is_refused():
    with pytest.raises(LandscapeError, match="Give the allowance in losses"):
        Allowance(2.0, "error").absolute(1.0, 0.0)
