"""The array for other programs and for pictures: a box of water for every unit, and the ground it may stand on."""

from __future__ import annotations

import math

import jax

from daedalus.core import Problem
from daedalus.detectors.station_counts import StationCounts
from daedalus.geometry import Element, plain
from daedalus.geometry.regions import Region
from daedalus.reconstruction.expected_shower_estimates import ExpectedShowerEstimates
from daedalus.studies.ground_array.design import ArrayDesign
from daedalus.studies.ground_array.problem import site_of
from daedalus.units import m

MATERIAL = "water"
HEIGHT = 3.0 * m  # of the water in a tank; a choice, for the chain counts on an area and knows no height


def array_layout(problem: Problem, design: ArrayDesign) -> tuple[Element, ...]:
    """The units of an array, copies included, numbered as in the design; what holds and reads the water is left out.

    A unit is a box of water that stands on the ground, z = 0, as high as the water in a tank, on a square of the area
    of the unit's tanks together: the area that counts and the mass are right, the shape is not. Boxes of 19 tanks,
    14.8 m wide, do not overlap at the least distance of 22.1 m, in whatever direction.

    Args:
        problem: the array's problem.
        design: the design.
    """
    stages = problem.pipeline(design, key=jax.random.key(0)).stages
    stations, *_ = (s.stations for s in stages if isinstance(s, StationCounts | ExpectedShowerEstimates))  # the whole
    side = math.sqrt(stations.area)
    x, y = (plain(column) for column in stations.places.T)
    return tuple(
        Element(
            name=f"unit_{number}",
            centre=(*place, 0.5 * HEIGHT),
            size=(side, side, HEIGHT),
            material=MATERIAL,
            properties={
                "tanks": (stations.tanks, "1"),
                "area": (stations.area, "m2"),
                "time_resolution": (stations.time_resolution, "ns"),
            },
        )
        for number, place in enumerate(zip(x, y, strict=True))
    )


def array_ground(problem: Problem) -> Region:
    """Where units may stand: the site of an array's problem, x to the east and y to the north."""
    return site_of(problem).region
