"""A study of somebody else's: a network that learns a known curve, behind a sensor that may be bought better."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from daedalus.catalogue import Offer, Recipe, Study
from daedalus.core import Derivative, Design, Metric, Objective, Pipeline, Problem, Scenarios, Stage, learned, parameter
from daedalus.events import normals
from daedalus.optimisers import Adam


class Fit(Design):
    """Software alone: there is no hardware parameter."""

    net: eqx.nn.MLP = learned(doc="the curve")


class Sensor(Design):
    """A sensor and the network behind it."""

    noise: Float[Array, ""] = parameter(0.01, 1.0, "1", doc="of what the network sees; less of it costs more")
    net: eqx.nn.MLP = learned(doc="the curve")


class Reading(eqx.Module):
    """Where on the axis each event is, and what is read there."""

    x: Float[Array, "event"]
    seen: Float[Array, "event"]


class Readout(Stage):
    """Draws places and reads them with noise."""

    noise: Any
    name: ClassVar[str] = "readout"
    derivative: ClassVar[Derivative] = Derivative.EXACT

    def __call__(self, events, *, key):
        x, blur = normals(key, events.index, 2)
        return events.add(Reading(x, x + self.noise * blur))


class Network(Stage):
    """The curve the network has learned, at what was read."""

    net: eqx.nn.MLP
    name: ClassVar[str] = "network"
    derivative: ClassVar[Derivative] = Derivative.EXACT

    def __call__(self, events, *, key):
        guess = jax.vmap(self.net)(events[Reading].seen[:, None])[:, 0]
        return events.add(Answer(guess))


class Answer(eqx.Module):
    """What the network says."""

    y: Float[Array, "event"]


def network(width: int, depth: int = 1) -> eqx.nn.MLP:
    """A network of hyperbolic tangents, untrained."""
    return eqx.nn.MLP(1, 1, width, depth, activation=jnp.tanh, key=jax.random.key(0))


def curve(x: Any, phase: Any) -> Any:
    """The known curve."""
    return jnp.sin(2 * x + phase)


def fit(width: int = 8, scenarios: int = 1, hardware: bool = False) -> Problem:
    """The task of learning the curve, whose phase is the scenario's."""

    def build(design, phase):
        def misses(events, earlier):
            weight = events.effective_weight
            off = events[Answer].y - curve(events[Reading].x, phase)
            return {"squared": jnp.sum(weight * off**2), "all": jnp.sum(weight)}

        noise = getattr(design, "noise", 0.0)
        return Pipeline([Readout(noise), Network(design.net)], {"misses": misses})

    mean = lambda design, sums, truths: sums.mean(sums["misses"]["squared"] / jnp.maximum(sums["misses"]["all"], 1e-6))
    price = Objective("price", lambda design, sums, truths: 0.01 / design.noise, "1")
    start: Design = Sensor(0.3, network(width)) if hardware else Fit(network(width))
    return Problem(
        name="curve/sensor" if hardware else "curve/fit",
        start=start,
        build=build,
        objectives=(Objective("miss2", mean, scale=0.1, doc="mean squared miss"), *([price] if hardware else [])),
        metrics=(Metric("rms", lambda *given: jnp.sqrt(mean(*given)), doc="root mean squared miss"),),
        scenarios=Scenarios(lambda key, i, n: 0.1 * i.astype(jnp.result_type(float)), scenarios, random=False),
        events=64,
        references={"idle": start},
    )


def sensor(width: int = 8, scenarios: int = 1) -> Problem:
    """The same with a sensor whose noise is a parameter."""
    return fit(width, scenarios, hardware=True)


def recipe(problem: Problem) -> Recipe:
    """How to train it."""
    starts = 2 if problem.space.size else 1
    return Recipe(Adam(learned_rate=0.02, step_share=0.02, starts=starts, spread=0.2), 20, 64, 1, 1)


STUDY = Study(
    "curve",
    "a curve",
    {
        "fit": Offer("learn it", "curve:fit", "curve:recipe"),
        "sensor": Offer("and see it", "curve:sensor", "curve:recipe"),
    },
)
