"""Places: designs as a page keeps them, numbers in the data sheet's units, and the checks of what a page sends."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from daedalus.core import Design, Entry, Space
from daedalus.errors import RunError
from daedalus.execution.design_file import design_table
from daedalus.units import unit

SLACK = 1e-6  # of a parameter's range by which rounding may put it outside, as `Space.check` has it [1]
SHOWN = 60  # letters of what a page has sent that a message repeats [1]


@dataclasses.dataclass(frozen=True)
class Place:
    """A design as a page keeps it."""

    values: tuple[float, ...]  # of the free parameters [unit of each]
    leaves: str  # the name of the design whose learned leaves it has

    def table(self) -> dict[str, Any]:
        """The place as the page gets it."""
        return {"values": list(self.values), "leaves": self.leaves}

    def moved(self, number: int, value: float) -> Place:
        """The place with another value of one parameter [its unit]."""
        values = list(self.values)
        values[number] = value
        return dataclasses.replace(self, values=tuple(values))


def place_of(space: Space, design: Design, leaves: str) -> Place:
    """The place of a design, in the shortest decimals that make it again."""
    table = design_table(space, design)
    return Place(tuple(float(table[name]["value"]) for name in space.names), leaves)


def hardware(space: Space, place: Place) -> Design:
    """The design at a place, with the learned leaves of the space's template; rounding is cut off at the bounds."""
    scales = np.array([unit(entry.unit) for entry in space.entries])
    return space.filled(np.clip(np.array(place.values, float) * scales, space.lower, space.upper))


def received(space: Space, given: Any) -> Place:
    """The place in what a page has sent.

    Raises:
        RunError: it is of another form, or a number is not finite or out of bounds.
    """
    if not isinstance(given, dict) or not isinstance(given.get("values"), list):
        raise RunError(f"the page sent {shortened(given)} for a design; expected its values. Load the page again.")
    values, leaves = given["values"], given.get("leaves")
    if len(values) != space.size or not isinstance(leaves, str):
        raise RunError(
            f"the page sent {len(values)} values with {shortened(leaves)}; expected {space.size} and the name of a "
            "design. Load the page again."
        )
    return Place(tuple(number(entry, value) for entry, value in zip(space.entries, values, strict=True)), leaves)


def number(entry: Entry, given: Any) -> float:
    """The number that somebody has typed for a parameter [its unit].

    Raises:
        RunError: it is none, not finite, not whole where that is needed, or out of bounds.
    """
    scale = unit(entry.unit)
    low, high = entry.lower / scale, entry.upper / scale
    told = "" if entry.unit == "1" else f" {entry.unit}"
    expected = f"expected a number from {low:g} to {high:g}{told}"
    try:
        value = float(given if isinstance(given, str) else _plain(given))
    except (TypeError, ValueError, OverflowError):
        raise RunError(
            f"{entry.name} is {shortened(given)}; {expected}, for instance {0.5 * (low + high):g}."
        ) from None
    if not math.isfinite(value):
        raise RunError(f"{entry.name} is {shortened(given)}, which is not finite; {expected}.")
    if not low - SLACK * (high - low) <= value <= high + SLACK * (high - low):
        raise RunError(f"{entry.name} is {value:g}{told}; {expected}: the bounds are those of the data sheet.")
    if entry.kind != "continuous" and value != round(value):
        raise RunError(f"{entry.name} is {value:g}; expected a whole number from {low:g} to {high:g}.")
    return value


def shortened(given: Any) -> str:
    """What a page has sent, as a message repeats it."""
    text = repr(given)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]} ..."


def _plain(given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, (int, float)):
        raise TypeError
    return given
