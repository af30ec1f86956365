"""Objectives, constraints and metrics: what a design is worth, named, with unit, sense and scale."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Literal

from jaxtyping import Array, Float, PyTree

from daedalus.core.summaries import Summaries
from daedalus.errors import ProblemError
from daedalus.units import unit as unit_value

Figure = Callable[[Any, Summaries, PyTree], Float[Array, ""]]


@dataclasses.dataclass(frozen=True)
class Objective:
    """A figure of merit ``function(design, summaries, truths)`` in house units.

    The machine minimises (or maximises) value / scale, where the scale is the change that matters to people; the
    function averages over scenarios with ``summaries.mean``, so that empty scenarios carry no weight.
    """

    name: str
    function: Figure
    unit: str = "1"  # unit for display; the function returns house units
    scale: float = 1.0  # reference scale [house units]
    sense: Literal["minimise", "maximise"] = "minimise"
    doc: str = ""

    def __post_init__(self) -> None:
        """Checks unit, scale and sense.

        Raises:
            ProblemError: a scale that is not positive or an unknown sense.
        """
        unit_value(self.unit)
        if not self.scale > 0 or self.sense not in ("minimise", "maximise"):
            raise ProblemError(
                f"objective {self.name!r} has scale {self.scale} and sense {self.sense!r}; expected a positive scale "
                "and 'minimise' or 'maximise'."
            )

    @property
    def direction(self) -> float:
        """+1 where less is better, -1 where more is."""
        return 1.0 if self.sense == "minimise" else -1.0


@dataclasses.dataclass(frozen=True)
class Constraint:
    """A figure that must stay within bounds [house units]; measured, and reported where it does not."""

    name: str
    function: Figure
    lower: float = -float("inf")
    upper: float = float("inf")
    unit: str = "1"
    doc: str = ""


@dataclasses.dataclass(frozen=True)
class Metric:
    """A figure people read, never optimised; unless told otherwise measured on the real apparatus only."""

    name: str
    function: Figure
    unit: str = "1"
    doc: str = ""
    always: bool = False  # also in relaxed evaluations, which otherwise give NaN and save the work
