"""Scenes: what the views of one apparatus show, its elements, what is in it, its ground, tracks and points."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float
from matplotlib.colors import LogNorm

from daedalus.drawing.density import DECADES, LABEL, density_scale
from daedalus.geometry import Element, Voxels
from daedalus.geometry.regions import Region
from daedalus.units import unit

DILUTED = 2.0  # decades of the scale of means, in which air is nearer to what is dense [1]
LARGE = 0.9  # share of the angles that are not larger than a large one [1]
MARGIN = 0.04  # of a frame beyond what is in it, in units of its widest side [1]
_UNITS = {"km": 3e3, "m": 3.0, "cm": 0.05, "mm": 0.0}  # a length unit, and the extent above which it is used [m]
_NUMBER = re.compile(r"[_.-]?\d+$")
Frame = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]


@dataclasses.dataclass(frozen=True)
class Contents:
    """What fills a volume, voxel by voxel.

    Attributes:
        voxels: the grid.
        density: inverse radiation length 1/X0 [1/m].
        materials: inverse radiation lengths that the legend names, by name [1/m].
        along: what is seen along the line of sight: the densest voxel, or the mean of all as in a radiograph.
    """

    voxels: Voxels
    density: Float[np.ndarray, "nx ny nz"]
    materials: Mapping[str, float] = dataclasses.field(default_factory=dict)
    along: Literal["densest", "mean"] = "densest"

    @property
    def edges(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The grid's edges along x, y and z [m]."""
        x, y, z = (np.asarray(getattr(self.voxels, axis), float) for axis in "xyz")
        return x, y, z

    @property
    def label(self) -> str:
        """What the colours of a view stand for."""
        return LABEL if self.along == "densest" else "mean $1/X_0$ along the line of sight [1/m]"

    def seen(self, axis: int) -> np.ndarray:
        """What is seen along an axis, 0 to 2 [1/m]; the other two axes keep their order."""
        if self.along == "densest":
            return np.max(self.density, axis)
        return np.average(self.density, axis, weights=np.diff(self.edges[axis]))


@dataclasses.dataclass(frozen=True)
class Points:
    """Points of closest approach, or others that have an angle."""

    place: Float[np.ndarray, "3 point"]  # [m]
    angle: Float[np.ndarray, "point"]  # [rad]
    label: str = "closest approach"
    large: float | None = None  # angle of the largest dots; fits the points by default [rad]

    @property
    def largest(self) -> float:
        """The angle from which on dots no longer grow [rad]."""
        return large_angle(self.angle) if self.large is None else self.large


@dataclasses.dataclass(frozen=True)
class Scene:
    """What every view of one apparatus shows.

    Attributes:
        elements: its parts; of those that overlap, later ones lie above. Numbers at the end of names are left out in
            the legend, so that "upper_0" and "upper_1" are "upper".
        contents: of the volume that it looks at.
        tracks: lines through it, each as x, y, z of its points [m].
        points: dots in it, larger for larger angles.
        labels: other texts for the legend, by the name there.
        scale: of the contents' colours; fits the contents by default.
        ground: where elements may stand, x to the east and y to the north: views from the top become maps.
    """

    elements: Sequence[Element] = ()
    contents: Contents | None = None
    tracks: Sequence[np.ndarray] = ()
    points: Points | None = None
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    scale: LogNorm | None = None
    ground: Region | None = None

    @property
    def groups(self) -> dict[str, list[Element]]:
        """The sensitive elements by their names without a number."""
        found: dict[str, list[Element]] = {}
        for element in self.elements:
            if element.sensitive:
                found.setdefault(_NUMBER.sub("", element.name) or element.name, []).append(element)
        return found

    @property
    def passive(self) -> list[Element]:
        """The elements that are not sensitive, lowest first in the order of drawing."""
        return [element for element in self.elements if not element.sensitive]

    @property
    def density_scale(self) -> LogNorm:
        """The scale of the contents' colours."""
        if self.scale is not None:
            return self.scale
        if self.contents is None:
            return density_scale()
        decades = DECADES if self.contents.along == "densest" else DILUTED
        return density_scale(*map(self.contents.seen, range(3)), decades=decades)


def large_angle(angle: Float[np.ndarray, "point"]) -> float:
    """The angle that nine in ten do not exceed [rad]."""
    return max(float(np.quantile(angle, LARGE)) if angle.size else 0.0, 1e-9)


def alike(scenes: Mapping[str, Scene]) -> dict[str, Scene]:
    """The same scenes with one scale of dots."""
    angles = [scene.points.angle for scene in scenes.values() if scene.points is not None]
    if not angles:
        return dict(scenes)
    large = large_angle(np.concatenate(angles))
    sized = lambda points: None if points is None else dataclasses.replace(points, large=points.large or large)
    return {title: dataclasses.replace(scene, points=sized(scene.points)) for title, scene in scenes.items()}


def frame(*scenes: Scene, margin: float = MARGIN) -> Frame:
    """The box that holds elements, contents and grounds of all scenes, its sides along x, y and z [m].

    Args:
        scenes: what is to be seen; tracks may leave the frame.
        margin: beyond, in units of the widest side [1].
    """
    corners = [corner for scene in scenes for e in scene.elements for corner in (e.lower, e.upper)]
    for scene in scenes:
        if scene.contents is not None:
            sides = [(edges[0], edges[-1]) for edges in scene.contents.edges]
            corners += [tuple(float(side[end]) for side in sides) for end in (0, 1)]
        if scene.ground is not None:
            corners += [(float(x), float(y), 0.0) for x, y in scene.ground.boundary.extent]
    low, high = (np.min(corners, 0), np.max(corners, 0)) if corners else (np.zeros(3), np.ones(3))
    beyond = margin * float(np.max(high - low))
    x, y, z = ((float(a) - beyond, float(b) + beyond) for a, b in zip(low, high, strict=True))
    return x, y, z


def length_unit(within: Frame) -> tuple[str, float]:
    """The unit in which a frame reads well, and its value [m]."""
    extent = max(high - low for low, high in within)
    name = next(name for name, least in _UNITS.items() if extent > least)
    return name, unit(name)
