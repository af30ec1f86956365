"""The options all scans share: the muons, what is known of them, the detectors' flaws, and how scans are weighed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal, get_args, get_type_hints

from daedalus.core import Design
from daedalus.errors import ProblemError
from daedalus.objectives import Attitude
from daedalus.units import mm, mrad, ns

FluxName = Literal["guan", "shukla_sankrith", "reyna", "ecomug"]
Knowledge = Literal["known", "measured", "unknown", "inferred"]
Law = Literal["highland", "lynch_dahl"]
Method = Literal["poca", "shared", "likelihood"]
Movement = Literal["none", "left_out", "profiled"]

_SHARES = (
    "momentum_resolution",
    "tail_fraction",
    "noise",
    "accidentals",
    "knock_ons",
    "electrons",
)


@dataclasses.dataclass(frozen=True)
class ScanOptions:
    """What the user may choose of any scan; all flaws are off unless they are given.

    Attributes:
        flux: model of the muons' spectrum and angles.
        momentum: "known"; "measured" with `momentum_resolution`; "unknown": one value for all; "inferred" from the
            scattering in the panels, which then need a `thickness` and three hits an arm.
        momentum_resolution: sigma(p) / p [1].
        energy_loss: mean loss in what is scanned.
        scattering: law of the angle's width.
        tail_fraction: share of muons with a three times wider, non-Gaussian scattering [1].
        efficiency: probability of a hit in a panel that is crossed [1].
        least_hits: hits a track needs in an arm [1].
        thickness: of each panel, in which muons scatter too [radiation lengths].
        noise: probability that a panel's hit is a noise hit [1].
        knock_ons: probability that a hit is pulled half-way to a knock-on electron, 1 cm away on average [1].
        accidentals: probability that the lower arm sees another muon, a wrong pairing [1].
        electrons: share of electrons of 0.3 GeV on average among the muons [1].
        dead_time: of the apparatus after each muon it takes [ns].
        misalignment: standard deviation of each panel's true place in x, y and z, drawn for each scan [m].
        spectrum_index: standard deviation of a power of the momentum by which the spectrum differs from the model's,
            drawn for each scan [1].
        risk: what is minimised over scans: their mean, the worst, or the mean of the worst share `tail` ("cvar").
        tail: that share [1].
    """

    flux: FluxName = "guan"
    momentum: Knowledge = "measured"
    momentum_resolution: float = 0.1
    energy_loss: bool = True
    scattering: Law = "highland"
    tail_fraction: float = 0.0
    efficiency: float = 0.9
    least_hits: int = 2
    thickness: float = 0.0
    noise: float = 0.0
    knock_ons: float = 0.0
    accidentals: float = 0.0
    electrons: float = 0.0
    dead_time: float = 0.0
    misalignment: float = 0.0
    spectrum_index: float = 0.0
    risk: Attitude = "mean"
    tail: float = 0.2

    def __post_init__(self) -> None:
        """Checks every option.

        Raises:
            ProblemError: options out of range; all of them are named, with what is allowed.
        """
        wrong = not_among(self)
        wrong += [f"{n} is {getattr(self, n)}, expected 0 or more and below 1" for n in _SHARES if not self._share(n)]
        positive = ("thickness", "dead_time", "misalignment", "spectrum_index")
        wrong += [
            f"{name} is {getattr(self, name)}, expected 0 or more" for name in positive if getattr(self, name) < 0
        ]
        if not 0 < self.efficiency <= 1:
            wrong.append(f"efficiency is {self.efficiency}, expected above 0 and up to 1")
        if self.least_hits < 2:
            wrong.append(f"least_hits is {self.least_hits}, expected 2 or more")
        if not 0 < self.tail <= 1:
            wrong.append(f"tail is {self.tail}, expected above 0 and up to 1")
        if self.momentum == "inferred" and not self.thickness:
            wrong.append("momentum is inferred from the scattering in panels of no thickness, expected a thickness")
        if wrong:
            raise ProblemError(f"options out of range: {'; '.join(wrong)}.")

    def _share(self, name: str) -> bool:
        return 0 <= getattr(self, name) < 1

    def physics(self) -> tuple[str, ...]:
        """The physics that is on, in words."""
        known = {
            "known": "momentum known exactly",
            "measured": f"momentum known to {self.momentum_resolution:.0%}",
            "unknown": "momentum unknown: one value for all muons",
            "inferred": "momentum inferred from the scattering in the panels",
        }[self.momentum]
        flaws = {
            "non-Gaussian tail": f"{self.tail_fraction:.1%}" if self.tail_fraction else "",
            "panels": f"{self.thickness:g} radiation lengths each" if self.thickness else "",
            "noise hits": f"{self.noise:.1%}" if self.noise else "",
            "knock-on electrons": f"{self.knock_ons:.1%}" if self.knock_ons else "",
            "wrong pairings": f"{self.accidentals:.1%}" if self.accidentals else "",
            "electrons": f"{self.electrons:.1%}" if self.electrons else "",
            "dead time": f"{self.dead_time / ns:g} ns" if self.dead_time else "",
            "misalignment": f"{self.misalignment / mm:g} mm" if self.misalignment else "",
            "spectrum": f"index off by {self.spectrum_index:g}" if self.spectrum_index else "",
        }
        told = "; ".join(f"{name}: {value}" for name, value in flaws.items() if value)
        looked = {
            "mean": "mean over scans",
            "worst": "worst scan",
            "cvar": f"mean of the worst {self.tail:.0%} of scans",
        }
        return (
            f"sea-level muons after {self.flux}, 0.5 to 500 GeV, 0 to 70 deg",
            f"multiple scattering after {self.scattering}, total path in the logarithm, displacement correlated",
            f"mean energy loss {'on' if self.energy_loss else 'off'}",
            known,
            f"efficiency {self.efficiency:g} per hit, {self.least_hits} or more hits above and below",
            f"flaws: {told or 'none'}",
            f"minimised: {looked[self.risk]}",
        )


@dataclasses.dataclass(frozen=True)
class MapOptions:
    """How the map is made.

    Attributes:
        method: "poca": closest approaches, each in its voxel; "shared": among the voxels of its path by its
            uncertainty; "likelihood": of angles and offsets, in a fixed number of steps from the shared map.
        steps: of the likelihood [1].
    """

    method: Method = "shared"
    steps: int = 8

    def __post_init__(self) -> None:
        """Checks every option.

        Raises:
            ProblemError: options out of range; all of them are named, with what is allowed.
        """
        wrong = not_among(self)
        if not 1 <= self.steps <= 100:
            wrong.append(f"steps is {self.steps}, expected 1 to 100")
        if wrong:
            raise ProblemError(f"options out of range: {'; '.join(wrong)}.")


@dataclasses.dataclass(frozen=True)
class MovementOptions:
    """What is known of the place of the lower stack of panels against the upper one.

    Attributes:
        movement: "none": the stack is where it is believed to be; "left_out": it is not, and nobody fits it;
            "profiled": it is fitted with what is scanned, from the same muons.
        stack_shift: standard deviation of its place beforehand, in x, y and z each [m].
        stack_turn: that of its turn about each of the three axes [rad].
    """

    movement: Movement = "none"
    stack_shift: float = 1 * mm
    stack_turn: float = 1 * mrad

    def __post_init__(self) -> None:
        """Checks every option.

        Raises:
            ProblemError: options out of range; all of them are named, with what is allowed.
        """
        wrong = not_among(self)
        widths = ("stack_shift", "stack_turn")
        wrong += [f"{name} is {getattr(self, name)}, expected 0 or more" for name in widths if getattr(self, name) < 0]
        if wrong:
            raise ProblemError(f"options out of range: {'; '.join(wrong)}.")

    def physics(self) -> tuple[str, ...]:
        """What is known of the stack, in words; nothing where it stands still."""
        if self.movement == "none":
            return ()
        how = "left out of the fit" if self.movement == "left_out" else "profiled with the same muons"
        known = f"{self.stack_shift / mm:g} mm along and {self.stack_turn / mrad:g} mrad about each axis"
        return (f"place of the lower stack: known to {known}, {how}",)


def first_design(references: Mapping[str, Design], name: str) -> Design:
    """The layout that a search starts from, by name.

    Raises:
        ProblemError: there is none of that name.
    """
    if name not in references:
        raise ProblemError(f"start is {name!r}, expected one of the layouts {', '.join(references)}.")
    return references[name]


def not_among(options: object) -> list[str]:
    """The options that are not among the choices there are, with those."""
    return [
        f"{name} is {getattr(options, name)!r}, expected {' or '.join(get_args(kind))}"
        for name, kind in get_type_hints(type(options)).items()
        if get_args(kind) and getattr(options, name) not in get_args(kind)
    ]
