"""The basins of a run: how many optima there are, how good each is, and how often a descent ends there."""

from __future__ import annotations

import numpy as np

from daedalus.app.landscape.around import Around, Landscape
from daedalus.landscapes import compare, soundings
from daedalus.landscapes.comparison import LOSS

MOST = 12  # basins that are measured again and written


def optima(around: Around, landscape: Landscape) -> Landscape:
    """The basins as JSON: losses on the descents' events and on fresh ones, shares of the starts, distances."""
    del landscape
    found, ends = around.basins, around.descents.ends
    kept = found.basins[:MOST]
    cubes = np.stack([basin.place for basin in kept])
    there = soundings(around.draws[0], cubes)
    fresh = around.again(cubes)
    designs = {str(number): around.design_at(cube) for number, cube in enumerate(cubes)}
    real = compare(around.problem, designs, **around.measured)
    sound = int(np.sum(ends.met))
    own = around.draws[0].canonical(around.cube[None])[0]
    far = lambda cube, to: float(np.linalg.norm(cube - to) / np.sqrt(len(cube)))
    behind = fresh.differences()
    figures = [name for name in real.samples if name != LOSS]
    return {
        "basins": {
            "starts": len(ends),
            "sound": sound,
            "settled": int(np.sum(around.descents.settled)),
            "found": len(found),
            "evaluations": [around.descents.evaluations, found.evaluations],
            "each": [
                {
                    "loss": [basin.loss, float(there.errors[i])],
                    "again": [float(fresh.mean()[i]), float(fresh.error()[i])],
                    "behind": [float(behind.value[i]), float(behind.error[i])],
                    "real": [float(real.mean()[i]), float(real.error()[i])],
                    "figures": {name: [float(real.mean(name)[i]), float(real.error(name)[i])] for name in figures},
                    "share": [basin.weight, _share_error(basin.weight, sound)],
                    "from_best": far(basin.place, kept[0].place),
                    "from_run": far(basin.place, own),
                    "values": around.named(around.turned(basin.place)),
                }
                for i, basin in enumerate(kept)
            ],
        }
    }


def _share_error(share: float, count: int) -> float:
    """The standard error of a share of starts, one start at least [1]."""
    return float(np.sqrt(max(share * (1 - share), 1 / count) / count))
