"""The options of the muography problem, checked before any work starts."""

from __future__ import annotations

import dataclasses
from typing import Literal, get_args

import numpy as np

from daedalus.errors import ProblemError
from daedalus.physics.flux import FLUX_MODELS
from daedalus.physics.materials import names
from daedalus.units import day, km

Goal = Literal["void", "density"]
Optimality = Literal["A", "D"]
MOST = 8  # telescopes: more than an expedition carries


@dataclasses.dataclass(frozen=True)
class MuographyOptions:
    """What the user may choose; see `daedalus.studies.muography.problem.telescope_placement`."""

    telescopes: int  # how many stand there at the same time [1]
    goal: Goal  # "void": days until one is seen; "density": error of the density of both sides of an upright boundary
    terrain_file: str  # elevation model, .asc or .npz in metres, whose highest point is the hill; "": a cone
    keep_out: float  # least distance of a telescope from the hill's axis [m]
    reach: float  # largest distance of a telescope from the hill's axis [m]
    steepest: float  # slope of the ground on which a telescope may stand, for terrain of a file [rad]
    density: float  # mean density of the rock [g/cm3]
    material: str  # whose energy losses count, a name of the table of materials
    contrast: float  # density of the void over that of the rock, less one [1]: -1 is air, +0.2 a lode
    smallest: float  # radius of the smallest void [m]
    largest: float  # radius of the largest void [m]
    east: float  # middle of the disc in which a void is suspected, east of the hill's axis [m]
    north: float  # the same, north of the axis [m]
    spread: float  # radius of that disc [m]
    side: float  # of a telescope's planes [m]
    gap: float  # between its first and last plane [m]
    efficiency: float  # of one of its three planes [1]
    flux: str  # model of the muons' intensity
    flux_error: float  # relative standard deviation of its normalisation beforehand [1]
    tilt_error: float  # standard deviation of the power of energy it may be off by [1]; 0.035: spread of the models
    density_error: float  # relative standard deviation of the densities beforehand [1]
    threshold: float  # least kinetic energy at the telescope [GeV]: absorbers or cuts against scattered particles
    background: float  # intensity of what is taken for muons from the rock but is not [m^-2 s^-1 sr^-1]
    significance: float  # that is wanted [standard deviations]
    exposure: float  # of the goal "density" [ns]
    optimality: Optimality  # of the goal "density": "A" (root of the mean variance) or "D" (determinant)

    def __post_init__(self) -> None:
        """Checks every option.

        Raises:
            ProblemError: options out of range; all of them are named, with what is allowed.
        """
        choices = {
            "goal": get_args(Goal),
            "optimality": get_args(Optimality),
            "flux": tuple(FLUX_MODELS),
            "material": names(),
        }
        wrong = [
            f"{name} is {getattr(self, name)!r}, expected one of {', '.join(allowed)}"
            for name, allowed in choices.items()
            if getattr(self, name) not in allowed
        ]
        if not (isinstance(self.telescopes, int) and 1 <= self.telescopes <= MOST):
            wrong.append(f"telescopes is {self.telescopes}, expected a whole number from 1 to {MOST}")
        wrong += [
            f"{name} is {getattr(self, name)}, expected above {low:g} and up to {high:g}{unit}"
            for name, (low, high, unit) in _RANGES.items()
            if not low < getattr(self, name) <= high
        ]
        if not 0.0 <= self.background < np.inf:
            wrong.append(f"background is {self.background}, expected 0 or more per m2, s and sr")
        if not (-1.0 <= self.contrast <= 10.0 and self.contrast != 0.0):
            wrong.append(f"contrast is {self.contrast}, expected -1 (air) to 10 and not 0 (no body at all)")
        if not self.keep_out < self.reach:
            wrong.append(f"keep_out is {self.keep_out} m and reach {self.reach} m, expected keep_out below reach")
        wrong += [
            f"{name} is {getattr(self, name)} m, expected within 1000 m of the hill's axis"
            for name in ("east", "north")
            if not abs(getattr(self, name)) <= 1 * km
        ]
        if not self.smallest <= self.largest:
            wrong.append(f"smallest is {self.smallest} m and largest {self.largest} m, expected them in order")
        if wrong:
            raise ProblemError(f"options out of range: {'; '.join(wrong)}.")

    def physics(self) -> tuple[str, ...]:
        """The physics that is on, in words."""
        body = "air" if self.contrast == -1 else f"density {self.contrast:+.0%}"
        return (
            f"sea-level muons after {self.flux}; its normalisation at the threshold is known to {self.flux_error:.0%}, "
            f"its tilt to {self.tilt_error:g} per e-fold of energy",
            f"rock of {self.density:g} g/cm3 known to {self.density_error:.0%}, mean losses of {self.material} (CSDA)",
            f"muons above {self.threshold:g} GeV at the telescope; no scattering, no straggling, perfect directions",
            f"background of {self.background:g} per m2, s and sr",
            f"body: {body}, radius {self.smallest:g} to {self.largest:g} m, within {self.spread:g} m of a place "
            f"{self.east:g} m east and {self.north:g} m north of the axis"
            if self.goal == "void"
            else "two halves, divided upright through the axis",
            f"telescopes: 3 planes of {self.side:g} m over {self.gap:g} m, efficiency {self.efficiency:g} each",
            f"terrain: {self.terrain_file or 'cone of 120 m on a foot of 250 m radius'}",
        )


_RANGES = {  # above, up to, unit
    "keep_out": (0.0, 1 * km, " m"),
    "reach": (0.0, 1 * km, " m"),
    "steepest": (0.0, 1.5, " rad"),
    "density": (0.0, 25.0, " g/cm3"),
    "smallest": (0.0, 500.0, " m"),
    "largest": (0.0, 500.0, " m"),
    "spread": (0.0, 1 * km, " m"),
    "side": (0.0, 10.0, " m"),
    "gap": (0.0, 20.0, " m"),
    "efficiency": (0.0, 1.0, ""),
    "flux_error": (0.0, 1.0, ""),
    "tilt_error": (0.0, 1.0, ""),
    "density_error": (0.0, 1.0, ""),
    "threshold": (1e-3, 100.0, " GeV"),
    "significance": (0.0, 10.0, ""),
    "exposure": (0.0, 1e5 * day, " ns"),
}
