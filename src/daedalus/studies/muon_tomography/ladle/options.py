"""The options of the ladle problem, checked before any work starts."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Literal

from daedalus.errors import ProblemError
from daedalus.studies.muon_tomography.options import FluxName, Law, not_among

Muons = Literal["spectrum", "published"]
Estimator = Literal["poca", "likelihood", "both"]
Levels = Literal["uniform", "labels"]
EdgeForm = Literal["sigmoid", "gaussian"]
Spending = Literal["fixed", "soft", "free"]


@dataclasses.dataclass(frozen=True)
class LadleOptions:
    """What the user may choose; see `daedalus.studies.muon_tomography.ladle.problem.ladle_fill_level`."""

    muons: Muons
    flux: FluxName
    momentum_resolution: float
    estimator: Estimator
    levels: Levels
    edges: EdgeForm
    sampled_edges: bool
    spending: Spending
    energy_loss: bool
    scattering: Law
    segments: int
    tail_fraction: float
    muon_file: str
    efficiency: float
    least_hits: int

    def __post_init__(self) -> None:
        """Checks every option.

        Raises:
            ProblemError: options out of range; all of them are named, with what is allowed.
        """
        wrong = not_among(self)
        wrong += [
            f"{name} is {getattr(self, name)}, expected 0 or more and below 1"
            for name in ("momentum_resolution", "tail_fraction")
            if not 0 <= getattr(self, name) < 1
        ]
        if not (isinstance(self.segments, int) and self.segments >= 1):
            wrong.append(f"segments is {self.segments}, expected a whole number from 1")
        if not 0 < self.efficiency <= 1:
            wrong.append(f"efficiency is {self.efficiency}, expected above 0 and up to 1")
        if self.least_hits not in (2, 3, 4):
            wrong.append(f"least_hits is {self.least_hits}, expected 2, 3 or 4, the panels of an arm")
        if wrong:
            raise ProblemError(f"options out of range: {'; '.join(wrong)}.")

    @property
    def published(self) -> bool:
        """Whether this is the published comparison: all muons at 5 GeV, known exactly, no energy loss."""
        return self.muons == "published"

    @property
    def loses(self) -> bool:
        """Whether muons lose energy."""
        return self.energy_loss and not self.published

    @property
    def resolution(self) -> float:
        """sigma(p) / p of the momentum measurement [1]."""
        return 0.0 if self.published else self.momentum_resolution

    def physics(self) -> tuple[str, ...]:
        """The physics that is on, in words."""
        known = f"momentum known to {self.resolution:.0%}" if self.resolution else "momentum known exactly"
        return (
            self._source(),
            f"multiple scattering after {self.scattering}, total path in the logarithm, displacement correlated",
            f"mean energy loss {'on' if self.loses else 'off'}",
            known,
            f"draws per path: {self.segments}; share of non-Gaussian tail: {self.tail_fraction:.0%}",
            f"panels: 0.1 mm, efficiency {self.efficiency:g} per hit, {self.least_hits} or more hits above and below",
        )

    def _source(self) -> str:
        """Where the muons come from, in words; a file with its fingerprint."""
        if self.muon_file:
            content = hashlib.sha256(Path(self.muon_file).read_bytes()).hexdigest()
            return f"muons of the file {self.muon_file} (sha256 {content[:16]})"
        if self.published:
            return "muons of 5 GeV, zenith angles after shukla_sankrith, from a window of 1.8 m"
        return f"sea-level muons after {self.flux}, 0.5 to 500 GeV, 0 to 70 deg, all that cross the ladle"
