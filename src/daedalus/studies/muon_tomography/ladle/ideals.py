"""The ladle without one effect of its panels or its muons at a time, for what limits the level's error.

The scattering in the ladle is the signal and stays. Nothing is rebuilt: stages of the problem's own chain are changed,
so that every option of the problem is kept, and muons keep their random numbers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType

import jax.numpy as jnp

from daedalus.core import Problem, Stage
from daedalus.detectors.panels import Panels
from daedalus.detectors.spectrometer import Spectrometer
from daedalus.landscapes.limits import with_stages
from daedalus.transport.multiple_scattering import MultipleScattering
from daedalus.units import m

FINER = 0.01  # of the resolution: 1 um is far below what scattering makes of a line [1]
WIDE = 100.0 * m  # of a panel that no muon misses


def _efficient(stage: Stage) -> Stage:
    return dataclasses.replace(stage, efficiency=1.0) if isinstance(stage, Panels) else stage


def _wide(stage: Stage) -> Stage:
    return dataclasses.replace(stage, span=jnp.full_like(stage.z, WIDE)) if isinstance(stage, Panels) else stage


def _finer(stage: Stage) -> Stage:
    return dataclasses.replace(stage, resolution=FINER * stage.resolution) if isinstance(stage, Panels) else stage


def _known_momentum(stage: Stage) -> Stage:
    return dataclasses.replace(stage, resolution=0.0) if isinstance(stage, Spectrometer) else stage


def _without_tail(stage: Stage) -> Stage:
    return dataclasses.replace(stage, tail_fraction=0.0) if isinstance(stage, MultipleScattering) else stage


CHANGES: Mapping[str, Callable[[Stage], Stage]] = MappingProxyType(
    {
        "panel resolution": _finer,
        "panel efficiency": _efficient,
        "acceptance": _wide,
        "momentum resolution": _known_momentum,
        "scattering tail": _without_tail,
    }
)


def ladle_ideals(problem: Problem) -> dict[str, Problem]:
    """The problem without one effect at a time, by the effect that is switched off.

    "panel resolution": hits a hundred times finer, and known to be; "panel efficiency": a hit in every panel that is
    crossed; "acceptance": panels that no muon misses, at the price of the real ones; "momentum resolution": momenta
    known exactly; "scattering tail": the Gaussian core alone (the same where the problem has no tail).

    Without the limits of acceptance the likelihood knows the level far better, and the mean of the points of closest
    approach worse: it is blind to where in the ladle a muon passes, and slanting ones through the walls dilute it.
    """
    return {label: with_stages(problem, change) for label, change in CHANGES.items()}
