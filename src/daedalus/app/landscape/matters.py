"""What matters: slopes and elasticities of the loss, their share over the near-optimal set, and who drives the loss."""

from __future__ import annotations

import numpy as np

from daedalus.app.landscape.around import Around, Landscape
from daedalus.app.screen import remark
from daedalus.errors import DaedalusError
from daedalus.landscapes import LandscapeError, contributions, derivative_measures, enclosing, sensitivities

SAMPLES = 128  # gradients of the global measure
BINS = 4  # ranges of a truth
GROUPS = 16  # scenarios, or groups of events, at least


def what_matters(around: Around, landscape: Landscape) -> Landscape:
    """Slopes and elasticities at the design, and bounds on total indices over the box round the near-optimal set."""
    found = sensitivities(around.draws, around.cube, differences=around.soft is None)
    bounds = _bounds(around, landscape)
    first = around.draws[0]
    span = first.upper - first.lower
    return {
        "sensitivities": {
            name: {
                "unit": found.units[i],
                "slope": [float(found.slope[i]), float(found.slope_error[i])],
                "over_range": [float(span[i] * found.slope[i]), float(span[i] * found.slope_error[i])],
                "elasticity": [float(found.elasticity[i]), float(found.elasticity_error[i])],
                "bound": bounds.get(name),
            }
            for i, name in enumerate(found.names)
        }
    }


def _bounds(around: Around, landscape: Landscape) -> dict[str, list[float]]:
    """The bounds by parameter; none without a set or a derivative."""
    shown = landscape.get("near_optimal", {}).get("sample")
    if around.soft is None or not shown or len(shown["values"]) < 2:
        return {}
    box = enclosing(around.draws[0].cubes(np.asarray(shown["values"], float)))
    try:
        found = derivative_measures(around.draws[0], key=around.chance(6), samples=SAMPLES, box=box)
    except DaedalusError as cause:
        remark(f"no indices over the set: {cause}")
        return {}
    return {name: [float(a), float(b)] for name, a, b in zip(found.names, found.bound, found.bound_error, strict=True)}


def drivers(around: Around, landscape: Landscape) -> Landscape:
    """The loss by ranges of the scenarios' truths, on the real apparatus."""
    del landscape
    problem, look = around.problem, around.look
    count = max(look.scenarios or problem.scenarios.count, GROUPS)
    found = contributions(problem, around.design, key=around.measured["key"], events=look.events, scenarios=count)
    sound = np.sort(found.value[np.isfinite(found.value)])[::-1]
    if len(sound) < BINS:
        raise LandscapeError(f"{len(sound)} of {count} scenarios have accepted events; expected {BINS} or more.")
    tenth = max(1, len(sound) // 10)
    return {
        "contributions": {
            "scenarios": count,
            "sound": len(sound),
            "loss": found.loss,
            "mean": [found.mean, found.error],
            "spread": float(np.std(sound, ddof=1)),
            "worst_tenth": float(np.sum(sound[:tenth]) / np.sum(sound)) if np.sum(sound) > 0 else None,
            "by": {
                truth: [
                    {"from": float(a), "to": float(b), "count": int(n), "value": [float(v), float(e)]}
                    for a, b, n, v, e in zip(each.lower, each.upper, each.count, each.value, each.error, strict=True)
                ]
                for truth, each in ((truth, found.by(truth, bins=BINS)) for truth in found.truths)
            },
        }
    }
