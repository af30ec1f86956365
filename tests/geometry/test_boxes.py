"""Boxes: where straight lines enter and leave them, by hand and against the faces themselves."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.geometry import Box, crossing

BOX = Box(jnp.array([0.0, -1.0, 2.0]), jnp.array([1.0, 3.0, 2.5]))


def line(position, direction):
    column = lambda row: tuple(jnp.array([float(value)]) for value in row)
    return column(position), column(direction)


def ends(position, direction):
    return [float(end[0]) for end in crossing(BOX, *line(position, direction))]


def test_lines_along_the_axes():
    assert ends((-2.0, 0.0, 2.2), (1.0, 0.0, 0.0)) == pytest.approx([2.0, 3.0])
    assert ends((0.5, 5.0, 2.2), (0.0, -1.0, 0.0)) == pytest.approx([2.0, 6.0])
    assert ends((0.5, 0.0, 3.0), (0.0, 0.0, -1.0)) == pytest.approx([0.5, 1.0])


def test_a_diagonal_by_hand():
    # slopes (3, 4)/5 in x and z from (0.1, 0, 1.2): z = 2 after 1.0, x = 1 after 1.5, z = 2.5 after 1.625
    assert ends((0.1, 0.0, 1.2), (0.6, 0.0, 0.8)) == pytest.approx([1.0, 1.5])


def test_from_inside_the_entry_lies_behind():
    assert ends((0.5, 0.0, 2.25), (0.0, 0.0, 1.0)) == pytest.approx([-0.25, 0.25])


@pytest.mark.parametrize("position", [(2.0, 0.0, 3.0), (0.5, 3.5, 3.0), (-1e-3, 0.0, 3.0)])
def test_a_miss_has_no_length(position):
    enter, leave = ends(position, (0.0, 0.0, -1.0))
    assert enter == leave


def test_random_lines_touch_the_box_at_both_ends_and_only_there():
    random = np.random.default_rng(1)
    position = tuple(jnp.asarray(c) for c in random.uniform(-3, 4, (3, 4000)))
    direction = random.normal(size=(3, 4000))
    direction = tuple(jnp.asarray(c) for c in direction / np.linalg.norm(direction, axis=0))
    enter, leave = (np.asarray(end) for end in jax.jit(crossing)(BOX, position, direction))
    # outside the box by the largest excess over a face: zero on the surface, negative inside
    lower, upper = np.asarray(BOX.lower)[:, None], np.asarray(BOX.upper)[:, None]
    excess = lambda run: np.max(np.maximum(lower - (p := np.array(position) + run * np.array(direction)), p - upper), 0)
    hit = leave > enter
    assert 100 < hit.sum() < 3000
    np.testing.assert_allclose(excess(enter)[hit], 0.0, atol=1e-12)
    np.testing.assert_allclose(excess(leave)[hit], 0.0, atol=1e-12)
    assert np.all(excess(0.5 * (enter + leave))[hit] < 0)
    min_excess = np.full(4000, np.inf)
    for run in np.linspace(-10, 10, 801):
        min_excess = np.minimum(min_excess, excess(run))
    assert not np.any((min_excess < 0) & ~hit)  # whatever is inside somewhere is found
