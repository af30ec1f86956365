"""A task of one's own: where to put two planes of strips so that a beam is pointed back at its target best."""

import jax
import jax.numpy as jnp

from daedalus import Design, Objective, Pipeline, Problem, optimise, optimisers, parameter
from daedalus.detectors.strips import StripPlanes
from daedalus.events import Hits, Particles
from daedalus.physics.particles import pion
from daedalus.sources.beam import Beam
from daedalus.units import GeV, cm, mm, mrad, um


class Pair(Design):  # what may vary
    z: jax.Array = parameter(10 * cm, 100 * cm, "cm", doc="distance of the planes from the target")


def build(design, truth):  # the chain of a design: beam, planes, and the sums over events it ends in
    beam = Beam(momentum=2 * GeV, spot=2 * mm, divergence=5 * mrad)
    planes = StripPlanes(design.z, jnp.full(2, 80 * um), jnp.full(2, 0.01), span=20 * cm, particle=pion)
    return Pipeline([beam, planes], {"squared_miss": squared_miss})


def squared_miss(events, earlier):  # the line through both hits, followed back to the target at z = 0
    (z1, z2), (x1, x2) = events[Hits, "telescope"].z, events[Hits, "telescope"].x
    miss = (z2 * x1 - z1 * x2) / (z2 - z1) - events[Particles].x
    return jnp.sum(events.effective_weight * miss**2)


def impact(design, summaries, truths):  # what it is worth
    return jnp.sqrt(summaries.mean(summaries["squared_miss"] / summaries.accepted))


start = Pair(z=jnp.array([50 * cm, 60 * cm]))
problem = Problem("pair", start, build, (Objective("impact", impact, "um", scale=10 * um),), events=2000)
history = optimise(problem, optimisers.Adam(steps={"z": 4 * cm}), key=jax.random.key(0), rounds=40)
for design in (start, history.design(problem, history.best_row())):
    found = problem.evaluate(design, key=jax.random.key(1))  # fresh events, real strips
    print(f"{design.z / cm} cm: {found.values['impact'] / um:.0f} +- {found.errors['impact'] / um:.0f} um")
