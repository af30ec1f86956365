"""The ground array without one effect at a time, for what limits its errors.

Stages of the problem's own chain are changed; showers keep their random numbers. The site is no effect on a given
layout, which stands where it stands: what the site costs is told by a search without it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from daedalus.core import Problem, Stage
from daedalus.geometry.stations import Stations
from daedalus.landscapes.limits import with_stages

LESS = 1e-3  # of the background counts: below any signal that tells, and above rounding [1]
FINER = 0.01  # of the time resolution: 0.1 ns, 3 cm of the front [1]
LARGER = 16.0  # area of a unit: relative fluctuations of its counts a quarter as large [1]


def _stations(change: Callable[[Stations], Stations]) -> Callable[[Stage], Stage]:
    """A stage's change that is one of its stations."""

    def changed(stage: Any) -> Stage:
        own = getattr(stage, "stations", None)
        return stage if own is None else dataclasses.replace(stage, stations=change(own))

    return changed


def _untriggered(stage: Any) -> Stage:
    return dataclasses.replace(stage, least=1) if hasattr(stage, "least") else stage


CHANGES: Mapping[str, Callable[[Stage], Stage]] = MappingProxyType(
    {
        "background": _stations(
            lambda own: dataclasses.replace(own, background=(LESS * own.background[0], LESS * own.background[1]))
        ),
        "time resolution": _stations(lambda own: dataclasses.replace(own, time_resolution=FINER * own.time_resolution)),
        "sampling": _stations(lambda own: dataclasses.replace(own, area=LARGER * own.area)),
        "trigger": _untriggered,
    }
)


def array_ideals(problem: Problem) -> dict[str, Problem]:
    """The problem without one effect at a time, by the effect that is switched off.

    "background": a thousandth of the counts without a shower, in the units and in what the reconstruction believes;
    "time resolution": arrival times a hundred times finer; "sampling": units of sixteen times the area, so that
    fewer of a shower's particles are missed and their number fluctuates less; "trigger": one tank with a particle is
    enough.

    The last two let showers in that were not detected before: the error of the flux falls, while the mean errors of
    energy and direction, which are those of detected showers, may rise.
    """
    return {label: with_stages(problem, change) for label, change in CHANGES.items()}
