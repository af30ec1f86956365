"""Searches that are stepped from Python, as those that cannot be compiled are."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from daedalus.core import Design, Goals, Gradient, Point, Space, parameter
from daedalus.search.threads import one_thread
from daedalus.testing import evaluated


class Box(Design):
    """A place between -5 and 5."""

    p: jax.Array = parameter(-5.0, 5.0, "1", doc="where")


class Mixed(Design):
    """Two lengths, a whole number and a choice."""

    p: jax.Array = parameter(-5.0, 5.0, "1", doc="where")
    count: jax.Array = parameter(0.0, 9.0, "1", doc="how many", kind="whole")
    kind: jax.Array = parameter(0.0, 2.0, "1", doc="which", kind="choice", choices=("a", "b", "c"))


@one_thread()
def search(method, design, measure, rounds, *, seed=0, goals=None):
    """Places, losses and the rest of what was measured, of all rows of a search in the order of evaluation.

    What ``measure`` makes of places are the arguments of ``evaluated``, by name; a "slope" of the loss, per unit of the
    places and without noise, becomes its gradient.
    """
    space = Space.of(design)
    goals, rows = goals or Goals(1, 0), []
    state = method.init(space, space.point(design), key=jax.random.key(seed), rounds=rounds, goals=goals)
    for number in range(rounds):
        proposal = method.ask(state, key=jax.random.key(1000 * seed + number))
        cube = jax.vmap(space.snapped)(proposal.points.cube)
        proposal = dataclasses.replace(proposal, points=Point(cube, proposal.points.learned))
        places = np.asarray(space.lower + cube * (space.upper - space.lower))
        found = {name: jnp.asarray(value) for name, value in measure(places).items()}
        state = method.tell(state, proposal, evaluated(**_with_gradient(found, space, proposal)))
        rows.append((places, *found.values()))
    return [np.concatenate([np.atleast_1d(part) for part in column]) for column in zip(*rows, strict=True)]


def _with_gradient(found, space, proposal):
    if "slope" not in found:
        return found
    value = found["slope"] * (space.upper - space.lower)
    size = value.shape[1]
    gradient = Gradient(Point(value, proposal.points.learned), jnp.zeros((len(value), 1, size)))
    return {name: part for name, part in found.items() if name != "slope"} | {"gradient": gradient}


def plain(function, error=0.0, generator=None):
    """A measurement without constraints, with normal noise."""

    def measure(places):
        value = function(places)
        noise = 0.0 if generator is None else error * generator.standard_normal(len(value))
        return {"loss": value + noise, "error": np.full(len(value), error)}

    return measure
