"""Paths of accepted muons through a scan, and where they were deflected, for pictures."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from daedalus.core import Pipeline, Problem
from daedalus.drawing.scene import Points
from daedalus.events import Events, Scatterings, Tracks
from daedalus.geometry import Box
from daedalus.studies.muon_tomography.scanner import FLOOR, RIM, SIDE, TOP
from daedalus.transport.volume import Volume

PIECES = 20  # of a path within the volume [1]


class Heights(NamedTuple):
    """Where paths bend and end."""

    low: float  # where the lower line begins [m]
    high: float  # where the upper line ends [m]
    top: float  # where muons start; they are followed to the ground [m]


SCANNER = Heights(FLOOR, RIM, TOP)


class Passages(eqx.Module):
    """What both arms and the closest approach tell of the first muons of a scan, by the muon's number."""

    upper: Float[Array, "*scenario 5 event"] | Float[np.ndarray, "*scenario 5 event"]  # x, y, dx/dz, dy/dz, z [m, 1]
    lower: Float[Array, "*scenario 5 event"] | Float[np.ndarray, "*scenario 5 event"]  # the same
    place: Float[Array, "*scenario 3 event"] | Float[np.ndarray, "*scenario 3 event"]  # of closest approach [m]
    angle: Float[Array, "*scenario event"] | Float[np.ndarray, "*scenario event"]  # between both tracks [rad]
    accepted: Float[Array, "*scenario event"] | Float[np.ndarray, "*scenario event"]  # one, or zero [1]

    def of(self, number: Int[Array, ""] | int) -> Passages:
        """The passages of one scan of many."""
        return Passages(*(getattr(self, field)[number] for field in _FIELDS))


_FIELDS = ("upper", "lower", "place", "angle", "accepted")


def with_passages(problem: Problem, first: int) -> Problem:
    """The problem with one sum more, "passages", of the first muons of every scan; it is compiled with the others.

    Args:
        problem: whose chain ends in tracks of both arms and closest approaches.
        first: how many muons [1].
    """
    chain_of = problem.build
    assert chain_of is not None  # a chain with tracks is one

    def build(design: Any, truth: Any) -> Pipeline:
        chain = chain_of(design, truth)
        head, *others = chain.passes
        return Pipeline(chain.stages, [{**head, "passages": partial(_passages, first)}, *others])

    return dataclasses.replace(problem, build=build)


def _passages(first: int, events: Events, earlier: Any) -> Passages:
    upper, lower, points = events[Tracks, "upper"], events[Tracks, "lower"], events[Scatterings]
    known = events.alive & points.found & upper.found & lower.found

    def placed(*rows: Array) -> Array:  # sums over events, each of its own place
        values = jnp.where(known, jnp.stack(rows), 0.0)
        return jnp.zeros((len(rows), first)).at[:, events.index].add(values, mode="drop")

    arm = lambda track: placed(track.x, track.y, track.tx, track.ty, track.z)
    place, (angle, accepted) = placed(points.x, points.y, points.z), placed(points.angle, jnp.ones(known.shape))
    return Passages(arm(upper), arm(lower), place, angle, accepted)


def scanned_volume(problem: Problem, design: Any, truth: Any) -> Volume:
    """What stands in a scan of a truth; traceable."""
    chain = problem.build(design, truth)  # pyright: ignore[reportOptionalCall]
    (found,) = (volume for stage in chain.stages for volume in vars(stage).values() if isinstance(volume, Volume))
    return found


def paths(found: Passages, most: int, heights: Heights = SCANNER) -> list[Float[np.ndarray, "3 point"]]:
    """The paths of accepted muons from the top to the ground [m]: both fitted lines, joined by a cubic between.

    Args:
        found: the passages.
        most: paths at most [1].
        heights: where they bend and end.
    """
    chosen = np.flatnonzero(found.accepted)[:most]
    return [_path(np.asarray(found.upper)[:, event], np.asarray(found.lower)[:, event], heights) for event in chosen]


def deflection_points(found: Passages, most: int, box: Box | None = None) -> Points:
    """The points of closest approach of accepted muons within a box, the scanned cubic metre by default.

    Args:
        found: the passages.
        most: points at most [1].
        box: where they are shown.
    """
    ends = ((0.0, 0.0, FLOOR), (SIDE, SIDE, RIM)) if box is None else (box.lower, box.upper)
    low, high = (np.asarray(end)[:, None] for end in ends)
    place = np.asarray(found.place)
    chosen = np.flatnonzero((found.accepted > 0) & ((place > low) & (place < high)).all(0))[:most]
    return Points(place[:, chosen], np.asarray(found.angle)[chosen])


def _path(upper: np.ndarray, lower: np.ndarray, heights: Heights) -> np.ndarray:
    low, high, top = heights
    t, height = np.linspace(0.0, 1.0, PIECES), low - high
    at = lambda track, z: track[:2] + track[2:4] * (z - track[4])
    begin, end = at(upper, high)[:, None], at(lower, low)[:, None]
    first, last, rise = upper[2:4, None] * height, lower[2:4, None] * height, end - begin
    curve = begin + t * first + t**2 * (3 * rise - 2 * first - last) + t**3 * (first + last - 2 * rise)
    across = np.concatenate([at(upper, top)[:, None], curve, at(lower, 0.0)[:, None]], 1)
    return np.concatenate([across, np.concatenate([[top], high + height * t, [0.0]])[None]])
