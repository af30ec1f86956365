"""Objectives, constraints and metrics: what a design is worth, named, with unit, sense and scale."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Literal

import jax.numpy as jnp
import numpy as np
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
    """A figure that must stay within bounds [house units]; equal bounds make an equality.

    A *measured* one, ``function(design, summaries, truths)``, costs an evaluation and is reported where it is
    violated. A *known* one, ``function(design)``, costs nothing: designs are made to meet it before anything is
    simulated, so that every evaluated design does. By least moves along its slope, unless it brings its own repair.
    """

    name: str
    function: Figure | Callable[[Any], Float[Array, ""]]
    lower: float = -float("inf")
    upper: float = float("inf")
    unit: str = "1"
    scale: float = 1.0  # a violation that matters [house units]
    tolerance: float = 0.0  # how far beyond a bound still counts as met [house units]; positive for an equality
    known: bool = False
    doc: str = ""
    repair: Callable[[Any], Any] | None = None  # from a design to one near it that meets a known constraint

    def __post_init__(self) -> None:
        """Checks unit, scale, bounds, tolerance and repair.

        Raises:
            ProblemError: bounds out of order or both infinite, a scale that is not positive, an equality without
                tolerance, a repair of what only an evaluation can tell.
        """
        if self.repair is not None and not self.known:
            raise ProblemError(f"constraint {self.name!r} is measured and has a repair; expected known=True.")
        unit_value(self.unit)
        finite = np.isfinite(self.lower) or np.isfinite(self.upper)
        if not (finite and self.lower <= self.upper and self.scale > 0 and self.tolerance >= 0):
            raise ProblemError(
                f"constraint {self.name!r} has bounds {self.lower} to {self.upper}, scale {self.scale} and tolerance "
                f"{self.tolerance}; expected lower <= upper, one of them finite, a positive scale, a tolerance >= 0."
            )
        if self.lower == self.upper and self.tolerance == 0:
            raise ProblemError(f"constraint {self.name!r} is an equality; give the tolerance within which it is met.")

    @property
    def sides(self) -> int:
        """The number of finite bounds [1]."""
        return int(np.isfinite(self.lower)) + int(np.isfinite(self.upper))

    def read(self, design: Any, summaries: Any, truths: PyTree) -> Float[Array, ""]:
        """The constraint's value [house units]; a known one needs the design only."""
        known: Callable[..., Any] = self.function
        return jnp.asarray(known(design) if self.known else known(design, summaries, truths))

    def excess(self, value: Float[Array, ""]) -> Float[Array, "side"]:
        """How far a value lies beyond each finite bound [scales]; negative where the bound is met."""
        low, high = self.lower - self.tolerance - value, value - self.upper - self.tolerance
        sides = [low] * bool(np.isfinite(self.lower)) + [high] * bool(np.isfinite(self.upper))
        return jnp.stack(sides) / self.scale


@dataclasses.dataclass(frozen=True)
class Metric:
    """A figure people read, never optimised; unless told otherwise measured on the real apparatus only."""

    name: str
    function: Figure
    unit: str = "1"
    doc: str = ""
    always: bool = False  # also in relaxed evaluations, which otherwise give NaN and save the work


@dataclasses.dataclass(frozen=True)
class Goals:
    """How many numbers an evaluation carries for an optimiser."""

    objectives: int = 1
    constraints: int = 0  # rows of ``Evaluation.excess``: one per finite bound of a measured constraint
