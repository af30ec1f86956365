"""The apparatus: how an array sees showers, and which of two rungs reconstructs them."""

from __future__ import annotations

import dataclasses
from functools import partial

from jaxtyping import PyTree

from daedalus.core import Pipeline
from daedalus.detectors.station_counts import StationCounts
from daedalus.errors import ProblemError
from daedalus.geometry.stations import TANKS, stations_of_tanks
from daedalus.physics.air_showers import ShowerModel, parametrised_profile
from daedalus.physics.nkg import nkg_profile
from daedalus.reconstruction.expected_shower_estimates import ExpectedShowerEstimates
from daedalus.reconstruction.shower_fit import ShowerFit
from daedalus.studies.ground_array.design import ArrayDesign
from daedalus.studies.ground_array.utilities import shower_sums

MODELS: dict[str, ShowerModel] = {"parametrised": parametrised_profile, "nkg": nkg_profile}
RUNGS = ("fisher", "full")
COUNTS = ("relaxed", "score")  # whose derivatives the full rung takes: the counts' own, or that of their probability
TRIGGER = 50  # tanks with a particle
WHOLE = "array"  # name of the whole array's sums


@dataclasses.dataclass(frozen=True)
class Apparatus:
    """What does not vary: the units, the showers' model, and how showers are reconstructed."""

    rung: str = "fisher"  # expected information in closed form; "full": counts, and fits under both hypotheses
    model: str = "parametrised"  # of the lateral densities
    tanks: int = TANKS  # of a unit
    stages: tuple[int, ...] = ()  # numbers of units with which the array must already be good
    counts: str = "relaxed"  # biased derivatives of the counts in the full rung; "score": without bias, noisier

    def check(self, units: int) -> None:
        """Checks the settings.

        Raises:
            ProblemError: an unknown rung, model or derivative, no tank, or stages that do not fit.
        """
        known = self.rung in RUNGS and self.model in MODELS and self.counts in COUNTS and self.tanks > 0
        if not known or any(not 0 < number < units for number in self.stages) or (self.stages and self.rung == "full"):
            raise ProblemError(
                f"rung {self.rung!r}, model {self.model!r}, counts {self.counts!r}, {self.tanks} tanks, stages "
                f"{list(self.stages)}; expected one of {', '.join(RUNGS)}, one of {', '.join(MODELS)}, one of "
                f"{', '.join(COUNTS)}, a tank or more, stages (rung fisher only) of fewer than {units} units."
            )

    def pipeline(self, design: ArrayDesign, truth: PyTree) -> Pipeline:
        """The chain of a layout after the source."""
        places, model = design.places, MODELS[self.model]
        array = lambda units: stations_of_tanks(places[:units], self.tanks)
        if self.rung == "full":
            whole = array(len(places))
            relaxed = self.counts == "relaxed"
            chain = [StationCounts(whole, model, relaxed=relaxed), ShowerFit(whole, model, TRIGGER)]
            return Pipeline(chain, {WHOLE: partial(shower_sums, "")})
        labels = {"": len(places)} | {first_units(number): number for number in self.stages}
        chain = [ExpectedShowerEstimates(array(units), model, TRIGGER, label) for label, units in labels.items()]
        return Pipeline(chain, {label or WHOLE: partial(shower_sums, label) for label in labels})


def first_units(number: int) -> str:
    """The name of the sums of the units that are built first [text]."""
    return f"first {number}"
