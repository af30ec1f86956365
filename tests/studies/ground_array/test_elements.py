"""The array as elements: every unit at its place, with the water and the area of its tanks, on the site."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.geometry import overlaps
from daedalus.geometry.stations import TANK_RADIUS
from daedalus.studies.ground_array.elements import array_ground, array_layout
from daedalus.studies.ground_array.figures import array_figures
from daedalus.studies.ground_array.problem import swgo_flux, swgo_multi
from daedalus.studies.ground_array.site import PAMPA_LA_BOLA, SEPARATION
from daedalus.units import km


@pytest.fixture(scope="module")
def problem():
    """Three units on the default site."""
    return swgo_multi(units=3, spacing=300.0)


@pytest.mark.parametrize("options", [{"fold": 3, "tanks": 7}, {"rung": "full"}, {"stages": (2, 4)}], ids=str)
def test_every_unit_is_a_box_of_water_at_its_place(options):
    problem = swgo_flux(units=6, start="random_ball", spacing=90.0, **options)
    found = array_layout(problem, problem.start)
    assert [element.name for element in found] == [f"unit_{number}" for number in range(6)]
    np.testing.assert_array_equal([element.centre[:2] for element in found], problem.start.places)
    tanks = options.get("tanks", 19)
    area = tanks * math.pi * TANK_RADIUS**2
    for element in found:
        assert element.lower[2] == 0.0
        assert element.size[0] * element.size[1] == pytest.approx(area)
        assert element.properties == {"tanks": (tanks, "1"), "area": (area, "m2"), "time_resolution": (10.0, "ns")}
        assert (element.material, element.sensitive) == ("water", True)


@pytest.mark.parametrize("degrees", [0, 30, 45, 77])
def test_units_at_the_least_distance_do_not_overlap(problem, degrees):
    x, y = SEPARATION * np.cos(np.radians(degrees)), SEPARATION * np.sin(np.radians(degrees))
    design = dataclasses.replace(problem.start, x=jnp.array([0.0, x, 900.0]), y=jnp.array([0.0, y, 0.0]))
    assert not overlaps(array_layout(problem, design))


def test_the_ground_is_the_site(problem):
    corners = np.asarray(array_ground(problem).boundary.vertices)
    assert {tuple(corner) for corner in corners} == set(PAMPA_LA_BOLA)


def test_the_map_shows_units_and_site_in_kilometres(problem):
    small = dataclasses.replace(problem, events=32)
    after = dataclasses.replace(problem.start, x=problem.start.x + 500.0)
    figures = array_figures(small, problem.start, after, key=jax.random.key(1))
    assert set(figures) == {"map", "radii"}
    for axes, design in zip(figures["map"].axes, (problem.start, after), strict=True):
        (units,) = axes.lines
        np.testing.assert_allclose(units.get_xydata(), np.asarray(design.places) / km)
        (outline,) = axes.patches
        assert {tuple(corner) for corner in outline.get_xy()[:3]} == {(x / km, y / km) for x, y in PAMPA_LA_BOLA}
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("east [km]", "north [km]")
        assert axes.get_xlim()[0] < -3.499
    assert figures["map"].axes[1].get_title().startswith("after: flux to ")
