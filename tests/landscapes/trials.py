"""A task with known answers: two sizes, a noisy performance 1 / x1 + 4 / x2, and a cost x1 + x2.

Within a budget b the best performance is 9 / b, at x = (b / 3, 2 b / 3), and its slope is -9 / b^2.
"""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from daedalus.core import Derivative, Design, Exchange, Metric, Objective, Pipeline, Problem, Stage, parameter
from daedalus.events import normals
from daedalus.units import cm, kEUR

NOISE = 0.3  # relative standard deviation of either term in one event; their draws are independent
EVENTS = 64


class Sizes(Design):
    """Two sizes."""

    x: Float[Array, "size"] = parameter(0.2 * cm, 5.0 * cm, "cm", doc="size")


class Alike(Design):
    """Two sizes that may be exchanged."""

    x: Float[Array, "size"] = parameter(0.2 * cm, 5.0 * cm, "cm", doc="size")

    symmetries: ClassVar[tuple[Exchange, ...]] = (Exchange(("x",), by="x"),)


class Reading(eqx.Module):
    """What is read of every event."""

    y: Float[Array, "event"]


class Reader(Stage):
    """Reads 1 / x1 + 4 / x2, either term with a relative error."""

    terms: Float[Array, "size"]
    noise: float = NOISE
    name: ClassVar[str] = "reader"
    derivative: ClassVar[Derivative] = Derivative.EXACT

    def __call__(self, events, *, key):
        """The events with `Reading`."""
        scatter = 1.0 + self.noise * normals(key, events.index, 2)
        return events.add(Reading(self.terms @ scatter))


def sizes(first, second, kind=Sizes):
    """A design of two sizes [numbers of centimetres]."""
    return kind(cm * jnp.array([first, second]))


def task(noise=NOISE, kind=Sizes, worth=(1.0, 4.0)):
    """The problem; ``worth`` are the numbers above the sizes."""
    reading = lambda events, earlier: jnp.sum(events.effective_weight * events[Reading].y)
    mean = lambda design, summaries, truths: summaries.mean(summaries["reading"] / jnp.maximum(summaries.accepted, 1))
    build = lambda design, truth: Pipeline([Reader(jnp.array(worth) / (design.x / cm), noise)], {"reading": reading})
    cost = lambda design, summaries, truths: jnp.sum(design.x / cm) * kEUR
    return Problem(
        name="trials/sizes",
        start=sizes(1.0, 1.0, kind),
        build=build,
        objectives=(Objective("blur", mean),),
        metrics=(Metric("cost", cost, "kEUR", always=True),),
        events=EVENTS,
    )
