"""Small problems the tests of the core share: a ruler of counters that estimates where a source lies."""

from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from daedalus.core import (
    Constraint,
    Derivative,
    Design,
    Metric,
    Objective,
    Pipeline,
    Problem,
    Scenarios,
    Stage,
    learned,
    parameter,
)
from daedalus.events import Events, normals, uniforms


class Position(eqx.Module):
    """Where each event happened."""

    x: Float[Array, "event"]  # [m]


class Ruler(Design):
    """A toy design with every kind of field but whole numbers."""

    centre: Float[Array, ""] = parameter(-1.0, 3.0, "m", doc="where the ruler is centred")
    width: Float[Array, "2"] = parameter((0.5, 1.0), (2.0, 4.0), "cm", doc="its widths, in metres here")
    offset: Any = learned(doc="a correction, learned")


class Source(Stage):
    """Events spread around a place with unit standard deviation."""

    place: Float[Array, ""]
    name: ClassVar[str] = "source"
    derivative: ClassVar[Derivative] = Derivative.EXACT

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        return events.add(Position(self.place + normals(key, events.index, 1)[0]))


class Window(Stage):
    """A counter of Gaussian efficiency around a centre, as a weight."""

    centre: Float[Array, ""]
    width: Float[Array, ""]
    name: ClassVar[str] = "window"
    derivative: ClassVar[Derivative] = Derivative.EXACT

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        miss = (events[Position].x - self.centre) / self.width
        return events.reweight(jnp.exp(-0.5 * miss**2))


class Shutter(Stage):
    """Accepts everything in scenarios that are open and nothing in the others."""

    open: Float[Array, ""]
    name: ClassVar[str] = "shutter"
    derivative: ClassVar[Derivative] = Derivative.NONE

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        return events.accept(jnp.broadcast_to(self.open > 0, events.alive.shape))


class Coin(Stage):
    """Accepts each event with a probability."""

    probability: float = 0.5
    name: ClassVar[str] = "coin"
    derivative: ClassVar[Derivative] = Derivative.EXACT

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        return events.accept(uniforms(key, events.index, 1)[0] < self.probability)


def ruler() -> Ruler:
    """The design the tests start from."""
    return Ruler(2.0, jnp.array([1.0, 2.0]), {"a": jnp.array([0.3, -0.2])})


def first(events: Events, earlier: dict) -> Any:
    """Weighted count and weighted sum of positions."""
    weight = events.effective_weight
    return {"count": jnp.sum(weight), "x": jnp.sum(weight * events[Position].x)}


def second(events: Events, earlier: dict) -> Any:
    """Weighted squares about the mean of all events, which only a second pass knows."""
    mean = earlier["first"]["x"] / jnp.maximum(earlier["first"]["count"], 1e-12)
    return jnp.sum(events.effective_weight * (events[Position].x - mean) ** 2)


def miss(design: Ruler, summaries: Any, truths: Any) -> Any:
    """Squared error of the mean position, with the learned offset on top."""
    estimate = summaries["first"]["x"] / jnp.maximum(summaries["first"]["count"], 1e-12)
    return summaries.mean((estimate + design.offset["a"][0] - truths) ** 2)


def spread(design: Ruler, summaries: Any, truths: Any) -> Any:
    """Variance of the accepted positions."""
    return summaries.mean(summaries["second"] / jnp.maximum(summaries["first"]["count"], 1e-12))


def size(design: Ruler, summaries: Any, truths: Any) -> Any:
    """The sum of the widths."""
    return jnp.sum(design.width)


def build(design: Ruler, truth: Any) -> Pipeline:
    """Two windows, then two passes."""
    window = Window(design.centre, design.width[0] + design.width[1])
    return Pipeline([Source(truth), window], [{"first": first}, {"second": second}])


def place(key: Any, index: Any, count: int) -> Any:
    """Evenly spread places of the source [m]."""
    return 0.2 * index.astype(jnp.result_type(float))


OBJECTIVES = (
    Objective("miss", miss, "m2", scale=0.1),
    Objective("spread", spread, "m2", scale=2.0, sense="maximise"),
)


def ruler_problem(**changes: Any) -> Problem:
    """The toy problem, with any of its fields changed."""
    given: dict[str, Any] = {
        "name": "ruler", "start": ruler(), "build": build, "objectives": OBJECTIVES,
        "scenarios": Scenarios(place, 2, random=False),
        "metrics": (Metric("size", size, "m"),), "events": 200,
    }  # fmt: skip
    return Problem(**{**given, **changes})


def limited(upper: float) -> Constraint:
    """A constraint on the size."""
    return Constraint("size limit", size, upper=upper, unit="m")
