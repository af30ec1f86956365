"""Technologies: rows of the table exactly, logarithms in between, a choice in a design."""

import csv
from importlib.resources import files

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.core import Design, Space, parameter
from daedalus.detectors.panels import Panels
from daedalus.detectors.technology import technology, technology_names
from daedalus.units import um

NAMES = technology_names()
ROWS = list(csv.reader((files("daedalus.detectors") / "technologies.csv").read_text(encoding="utf-8").splitlines()))[1:]


rows_at = jax.jit(technology)


class Kinds(Design):
    kind: jax.Array = parameter(0, len(NAMES) - 1, "1", doc="technology", kind="choice", choices=NAMES)


def test_whole_numbers_give_the_rows_exactly_and_the_order_is_that_of_the_price():
    for dtype in (jnp.float32, jnp.float64):
        found = rows_at(jnp.arange(len(NAMES)).astype(dtype))
        assert [row[0] for row in ROWS] == list(NAMES)
        np.testing.assert_array_equal(found.resolution, [float(row[1]) * um for row in ROWS])
        for number, name in ((2, "efficiency"), (3, "price"), (4, "thickness")):
            np.testing.assert_array_equal(getattr(found, name), [float(row[number]) for row in ROWS])
        assert np.all(np.diff(found.price) > 0)


def test_every_row_has_a_source_and_says_what_is_assumed():
    assert all("assumption" in row[5] and len(row[5]) > 80 for row in ROWS)
    values = np.array([[float(cell) for cell in row[1:5]] for row in ROWS])
    assert np.all(values > 0)
    assert np.all(values[:, 1] < 1)


def test_in_between_logarithms_are_interpolated():
    rows = np.array(rows_at(jnp.arange(7.0)))
    for place, found in zip((0.25, 2.5, 4.9), np.array(rows_at(jnp.array([0.25, 2.5, 4.9, *[0.0] * 4]))).T):
        row, share = int(place), place % 1
        np.testing.assert_allclose(found, rows[:, row] ** (1 - share) * rows[:, row + 1] ** share, rtol=1e-12)
    beyond = np.array(rows_at(jnp.array([-1.0, 99.0, *[0.0] * 5])))
    np.testing.assert_array_equal(beyond[:, :2], rows[:, [0, -1]])


def test_the_derivative_points_to_the_next_row():
    slope = jax.jit(jax.vmap(jax.grad(lambda k: jnp.log(technology(k).resolution))))
    logs = np.log([float(row[1]) for row in ROWS])
    steps = np.diff(logs)
    found = slope(jnp.array([*range(len(NAMES)), 1.3, 1.8]))
    np.testing.assert_allclose(found, [*steps, steps[-1], steps[1], steps[1]], rtol=1e-12)


def test_a_technology_per_panel_is_a_choice_of_the_design():
    space = Space.of(Kinds(jnp.array([0.0, 3.0, 6.0])))
    design = space.design(space.cube(Kinds(jnp.array([0.4, 3.4, 6.0]))))
    np.testing.assert_array_equal(design.kind, [0.0, 3.0, 6.0])
    middle = jnp.zeros(3)
    fields = technology(design.kind)._asdict()
    stack = Panels(middle, middle, jnp.arange(3.0), jnp.ones(3), edges=None, label="upper", **fields)
    assert float(stack.cost) == pytest.approx(sum(float(ROWS[k][3]) for k in (0, 3, 6)))
