"""Tolerances of a run's optimum: the loss that is to be expected of what is really built, and a robuster design."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from daedalus.app.landscape.around import Around, Landscape
from daedalus.app.landscape.rooms import means
from daedalus.landscapes import Comparison, Differences, LandscapeError, robustness, smoothed
from daedalus.landscapes.comparison import LOSS
from daedalus.landscapes.smoothing import scales
from daedalus.landscapes.surface import Surface

DRAWS = 32  # of a smoothed loss, at least; and twice the parameters that vary


def tolerances(surface: Surface, given: Sequence[str]) -> dict[str, float]:
    """The standard deviation of every parameter [its unit], from "0.01" (a share of each range) and "z=0.1" (its unit).

    Raises:
        LandscapeError: a text of another form, a share outside 0 to 1, an unknown name, or a negative tolerance.
    """
    span, found = surface.upper - surface.lower, dict[str, float]()
    for text in given:
        name, equals, number = text.rpartition("=")
        try:
            amount = float(number)
        except ValueError:
            amount = np.nan
        if not np.isfinite(amount) or (bool(equals) != bool(name)) or (not name and not 0 <= amount <= 1):
            raise LandscapeError(
                f"--tolerance {text}; expected a share of every parameter's range from 0 to 1, as 0.01, or "
                "NAME=VALUE in the parameter's unit, as z=0.1."
            )
        if not name:
            found |= dict(zip(surface.names, (amount * span).tolist(), strict=True))
            continue
        scales(surface, {name: amount})
        rows = [known for known in surface.names if known == name or known.startswith((name + "[", name + "."))]
        found |= dict.fromkeys(rows, amount)
    if given and not any(found.values()):
        raise LandscapeError(f"--tolerance {' '.join(given)}; expected one above zero, else nothing is smoothed.")
    return found


def smoothing(around: Around, landscape: Landscape) -> Landscape:
    """Losses as designed and as built, of the run's design and of the robuster one, on fresh events, paired."""
    del landscape
    first = around.draws[0]
    given = tolerances(first, around.look.tolerance)
    varied = sum(amount > 0 for amount in given.values())
    draws = max(DRAWS, 2 * varied)
    places, searched = {"design of the run": around.cube}, 0
    if around.soft is not None:
        begun = around.descents.ends.cubes[around.descents.ends.best][None]
        found = robustness(
            first, given, key=around.chance(4), draws=draws, starts=1, steps=around.look.steps, begun=begun
        )
        turned = lambda cube: around.turned(first.canonical(cube[None]))[0]
        places |= {"best for exact building": turned(found.fragile), "robust design": turned(found.robust)}
        searched = found.evaluations
    cubes = np.stack(list(places.values()))
    exact = around.again(cubes)
    built = around.again(cubes, partial(smoothed, tolerances=given, key=around.chance(5), draws=draws))
    lost = Comparison(exact.labels, exact.units, {LOSS: built[LOSS] - exact[LOSS]})
    behind = lambda each: _pairs(each.differences())
    columns = zip(places.items(), _pairs(exact), _pairs(built), _pairs(lost), behind(exact), behind(built), strict=True)
    return {
        "smoothing": {
            "tolerances": given,
            "units": dict(zip(first.names, first.units or ("1",) * first.size, strict=True)),
            "draws": draws,
            "evaluations": searched,
            "designs": {
                label: {
                    "loss": loss,
                    "expected": expected,
                    "lost": loss_of_it,
                    "loss_to_run": to_run,
                    "expected_to_run": expected_to_run,
                    "values": around.named(cube),
                }
                for (label, cube), loss, expected, loss_of_it, to_run, expected_to_run in columns
            },
        }
    }


def _pairs(found: Comparison | Differences) -> list[list[float]]:
    if isinstance(found, Comparison):
        return means(found.mean(), found.error())
    return means(found.value, found.error)
