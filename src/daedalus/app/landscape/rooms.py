"""Free play, directions, confirmations, references and limits of a design."""

from __future__ import annotations

from typing import Any

import numpy as np

from daedalus.app.landscape.around import Around, Landscape
from daedalus.app.landscape_tables import figure_rows
from daedalus.catalogue import resolved
from daedalus.landscapes import compare, confirm, free_play, quadratic
from daedalus.landscapes.limits import limits


def room(around: Around, landscape: Landscape) -> Landscape:
    """How far each parameter may move."""
    del landscape
    look, soft = around.look, around.soft
    play = free_play(
        around.draws[0],
        around.cube,
        allowance=around.allowance,
        halvings=look.halvings,
        steps=10,
        profiles=soft is not None and not look.alone,
    )
    return {"free_play": _free_play(around, play), "rise": play.level - play.loss}


def _free_play(around: Around, play: Any) -> dict[str, Any]:
    values = play.surface.values(play.place)
    return {
        name: {
            "value": float(values[i]),
            "unit": around.problem.space.entries[i].unit,
            "bounds": [float(play.surface.lower[i]), float(play.surface.upper[i])],
            "slice": [float(end) for end in play.slices[i]],
            "slice_open": [bool(end) for end in play.slices_open[i]],
            "profile": [float(end) for end in play.profiles[i]],
            "profile_open": [bool(end) for end in play.profiles_open[i]],
        }
        for i, name in enumerate(play.surface.names)
    }


def directions(around: Around, landscape: Landscape) -> Landscape:
    """The principal directions in words; none where there is no derivative, or where there are too many parameters."""
    if around.soft is None or len(around.cube) > around.look.directions:
        return {"directions": []}
    rise = landscape.get("rise") or around.look.allowance * abs(
        float(around.draws[0].heights(around.cube[None]).loss[0])
    )
    return {"directions": list(quadratic(around.draws, around.cube).described(rise))}


def confirmed(around: Around, landscape: Landscape) -> Landscape:
    """The best rows again, with as many particles as the search had: a loss with fewer is another one."""
    del landscape
    sizes: dict[str, Any] = around.measured | {"events": around.found.configuration.events}
    found = confirm(around.problem, around.history, k=around.look.best, **sizes)
    behind, again = found.behind, zip(found.again, found.again_error, strict=True)
    real = zip(found.comparison.mean(), found.comparison.error(), strict=True)
    columns = zip(found.rows, found.claimed, found.claimed_error, again, real, behind.value, behind.error, strict=True)
    rows = [
        {
            "row": int(row),
            "claimed": [float(claimed), float(error)],
            "again": [float(each) for each in fresh],
            "real": [float(each) for each in hard],
            "behind": [float(value), float(spread)],
            "chance": float(chance),
        }
        for (row, claimed, error, fresh, hard, value, spread), chance in zip(columns, found.probability, strict=True)
    ]
    return {"confirmed": rows}


def references(around: Around, landscape: Landscape) -> Landscape:
    """The design beside published ones."""
    del landscape
    if not around.problem.references:
        return {"references": []}
    found = compare(around.problem, {"optimised": around.design, **around.problem.references}, **around.measured)
    return {"references": figure_rows("design", around.problem, found, "optimised")}


def limited(around: Around, landscape: Landscape) -> Landscape:
    """What each effect costs, where the study says how to switch it off."""
    del landscape
    variants = resolved(around.found.offer.ideals)(around.problem)
    found = limits(around.problem, variants, around.design, **around.measured)
    return {"limits": figure_rows("without", around.problem, found.comparison)}


def means(values: np.ndarray, errors: np.ndarray) -> list[list[float]]:
    """Values with their errors, as JSON has them."""
    return [[float(value), float(error)] for value, error in zip(values, errors, strict=True)]
