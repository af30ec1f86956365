"""The beam telescope: where to put planes of strips, how fine and how thick, to point back at a target."""

from __future__ import annotations

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from daedalus.catalogue import Recipe
from daedalus.core import Metric, Objective, Pipeline, Problem, Scenarios, Summaries
from daedalus.detectors.strips import BINARY_ERROR, QUASI_PLANES
from daedalus.detectors.telescope import TelescopeDesign, crowding, evenly_spaced, kicks, strip_planes
from daedalus.detectors.telescope_cost import channels, cost
from daedalus.errors import ProblemError
from daedalus.events import Events, Particles, Tracks
from daedalus.optimisers import Adam
from daedalus.physics.particles import pion
from daedalus.reconstruction.scattered_line_fit import ScatteredLineFit, line_estimate
from daedalus.sources.beam import Beam
from daedalus.units import EUR, cm, kEUR, mm, mrad, um

SPAN = 10 * cm  # full width of every plane, five standard deviations of the beam at the far end
SPOT = 3 * mm  # standard deviation of the beam in the target
DIVERGENCE = 10 * mrad  # standard deviation of the slopes; spreads particles over many strips
TARGET = 0.0  # position of the target [m]
MOMENTA = (1.0, 10.0)  # range of the beam's momentum [GeV]
PLANES = (2, 16)  # fewest that make a line, most that fit on the table with their boxes
IMPACT_SCALE = 2 * um  # a change of the impact resolution that matters
COST_SCALE = 5 * kEUR  # a change of the cost that matters
CROWDING_SCALE = 0.02  # a violation that matters: two planes nearer than 0.86 of a box's depth
_TINY = 1e-18  # m2; floor of a variance, so that the root of an empty scenario has a derivative


class BeamEnergy(eqx.Module):
    """The truth of one scenario: the momentum the beam is set to, known to the fit."""

    momentum: Float[Array, "*scenario"]  # [GeV]


def telescope(planes: int = 5, momentum: float | None = None, *, quasi: bool = False) -> Problem:
    """The problem of a telescope of so many planes.

    Args:
        planes: number of planes [1]; four to six are usual.
        momentum: one momentum of the beam [GeV]; by default 1 to 10 GeV, uniform in the logarithm.
        quasi: draw scatterings and the stand-in's errors in the strips from quasi-random numbers. Measured over 240
            keys at the reference `even`, that divides the variance of the stand-in's loss by 9.9 +- 1.3 and of its
            gradient by 11 (64 momenta of 128 particles), and by 1450 +- 190 and 1300 (4096 particles of 3 GeV), for
            1.2 to 1.3 times the time. Errors from the jackknife are upper bounds then: 4.0 and 5.7 times the true
            spread. The loss of real strips gains 1.5 +- 0.2 in either, which its twofold time takes back; its errors
            stay right. The beam keeps independent numbers: where it goes, the stand-in's fit takes out, and real
            strips did not gain (1.59 and 1.28 +- 0.2 with a quasi-random beam).

    Raises:
        ProblemError: fewer than two planes or more than sixteen, eight with quasi-random numbers, or a momentum that
            is not positive.
    """
    if not PLANES[0] <= planes <= PLANES[1]:
        raise ProblemError(f"{planes} planes; expected {PLANES[0]} to {PLANES[1]}: choose one of these.")
    if quasi and planes > QUASI_PLANES:
        raise ProblemError(f"{planes} planes; expected at most {QUASI_PLANES} with quasi=True: or choose quasi=False.")
    if momentum is not None and not 0.0 < momentum < np.inf:
        raise ProblemError(f"the momentum is {momentum} GeV; expected a positive one, or None for 1 to 10.")
    draw = log_uniform_momentum if momentum is None else partial(fixed_momentum, momentum)
    return Problem(
        name="tracking/telescope",
        start=evenly_spaced(planes, nearest=30 * cm, pitch=150 * um, thickness=400 * um),
        build=partial(build, quasi=True) if quasi else build,
        objectives=(
            Objective("impact", impact, "um", IMPACT_SCALE, doc="error in the target, mean over momenta"),
            Objective("cost", telescope_cost, "EUR", COST_SCALE, doc="channels and silicon"),
            Objective("crowding", overlap, "1", CROWDING_SCALE, doc="planes whose boxes overlap"),
        ),
        metrics=(
            Metric("impact_expected", impact_expected, "um", doc="impact in closed form"),
            Metric("impact_rms", impact_rms, "um", doc="impact, quadratic mean over momenta"),
            Metric("channels", telescope_channels, "1", doc="number of strips that are read out"),
        ),
        scenarios=Scenarios(draw, 64 if momentum is None else 1, random=False),
        doc="impact resolution and cost of a beam telescope of silicon strips",
        events=128 if momentum is None else 4096,
        references={"even": evenly_spaced(planes, nearest=8 * cm, pitch=50 * um, thickness=300 * um)},
        physics=(
            f"beam of {pion.name}s, {'1 to 10' if momentum is None else momentum} GeV",
            "multiple scattering in the silicon of the planes: Highland's formula with the total path",
            "strips of binary readout; no air, no cooling, no inefficiency",
        ),
    )


def telescope_recipe(problem: Problem) -> Recipe:
    """How the telescope is best run: Adam from one start, 80 rounds."""
    steps = {"z": 4 * cm, "pitch": 6 * um, "thickness": 12 * um}
    single = problem.scenarios.count == 1
    return Recipe(
        optimiser=Adam(steps=steps),
        rounds=80,
        events=4096 if single else 128,
        scenarios=1 if single else 64,
        scoring_scenarios=1 if single else 256,
    )


def build(design: TelescopeDesign, truth: BeamEnergy, *, quasi: bool = False) -> Pipeline:
    """The pipeline of a telescope: beam, strips, fit; and the sum of squared errors in the target.

    Args:
        design: the telescope.
        truth: the beam's momentum [GeV].
        quasi: whether the strips draw quasi-random numbers.
    """
    strips = strip_planes(design, span=SPAN, particle=pion, quasi=quasi)
    fit = ScatteredLineFit(
        z=design.z,
        sigma=BINARY_ERROR * design.pitch,
        kick=kicks(design, truth.momentum, pion),
        z_reference=TARGET,
    )
    beam = Beam(momentum=truth.momentum, spot=SPOT, divergence=DIVERGENCE, z=TARGET)
    return Pipeline([beam, strips, fit], {"squared_error": squared_error})


def squared_error(events: Events, earlier: dict[str, Array]) -> Float[Array, ""]:
    """The weighted sum over events of the squared error in the target, mean of x and y [m2]."""
    (x, y), tracks = events[Particles].at_z(TARGET), events[Tracks, "telescope"]
    square = 0.5 * ((tracks.x - x) ** 2 + (tracks.y - y) ** 2)
    return jnp.sum(jnp.where(events.alive, events.effective_weight * square, 0.0))


def resolution(design: TelescopeDesign, momentum: Float[Array, ""]) -> Float[Array, ""]:
    """The law: standard deviation [m] of the position in the target at a momentum [GeV], in closed form."""
    estimate = line_estimate(design.z, BINARY_ERROR * design.pitch, kicks(design, momentum, pion), TARGET)
    return jnp.sqrt(estimate.covariance[0, 0])


def impact(design: TelescopeDesign, summaries: Summaries, truths: BeamEnergy) -> Float[Array, ""]:
    """Root-mean-square error of the position in the target, averaged over momenta [m]."""
    return summaries.mean(jnp.sqrt(_variance(summaries)))


def impact_rms(design: TelescopeDesign, summaries: Summaries, truths: BeamEnergy) -> Float[Array, ""]:
    """Root of the mean square error of the position in the target over all momenta [m]."""
    return jnp.sqrt(summaries.mean(_variance(summaries)))


def impact_expected(design: TelescopeDesign, summaries: Summaries, truths: BeamEnergy) -> Float[Array, ""]:
    """The closed-form `resolution`, averaged over the same momenta as `impact` [m]."""
    return summaries.mean(jax.vmap(lambda p: resolution(design, p))(truths.momentum))


def telescope_cost(design: TelescopeDesign, summaries: Summaries, truths: BeamEnergy) -> Float[Array, ""]:
    """Price of the telescope [EUR]."""
    return cost(design, SPAN) * EUR


def overlap(design: TelescopeDesign, summaries: Summaries, truths: BeamEnergy) -> Float[Array, ""]:
    """How far planes overlap, see `crowding` [1]."""
    return crowding(design)


def telescope_channels(design: TelescopeDesign, summaries: Summaries, truths: BeamEnergy) -> Float[Array, ""]:
    """Number of channels of the telescope [1]."""
    return channels(design, SPAN)


def log_uniform_momentum(key: Key[Array, ""], index: Int[Array, ""], count: int) -> BeamEnergy:
    """The beam of scenario ``index`` of ``count``: log p uniform within the scenario's stratum."""
    share = (index + jax.random.uniform(key)) / count
    return BeamEnergy(MOMENTA[0] * (MOMENTA[1] / MOMENTA[0]) ** share)


def fixed_momentum(momentum: float, key: Key[Array, ""], index: Int[Array, ""], count: int) -> BeamEnergy:
    """The beam of one momentum [GeV]."""
    return BeamEnergy(jnp.asarray(momentum, jnp.result_type(float)))


def _variance(summaries: Summaries) -> Float[Array, "scenario"]:
    return jnp.maximum(summaries["squared_error"] / jnp.maximum(summaries.accepted, 1e-30), _TINY)
