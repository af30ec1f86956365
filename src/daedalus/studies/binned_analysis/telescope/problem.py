"""A telescope that measures the yield of displaced decays: its geometry and the bins, for the final uncertainty."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from daedalus.catalogue import Recipe
from daedalus.core import (
    Constraint,
    Design,
    Exchange,
    Metric,
    Objective,
    Pipeline,
    Problem,
    Scenarios,
    Summaries,
    parameter,
)
from daedalus.detectors.strips import BINARY_ERROR
from daedalus.detectors.telescope import TelescopeDesign, crowding, evenly_spaced, kicks, strip_planes
from daedalus.detectors.telescope_cost import cost
from daedalus.errors import ProblemError
from daedalus.inference.binning import Bins, Intervals
from daedalus.inference.histfactory.asymptotics import expected_discovery
from daedalus.inference.histfactory.model import BinnedModel
from daedalus.inference.histfactory.templates import Channel, HistoSys, NormFactor, NormSys, Sample
from daedalus.inference.histfactory.uncertainties import expected_uncertainty
from daedalus.inference.process_templates import ProcessTemplates
from daedalus.optimisers import Adam
from daedalus.physics.particles import pion
from daedalus.reconstruction.scattered_line_fit import ScatteredLineFit, line_estimate
from daedalus.sources.displaced_particles import DisplacedParticles
from daedalus.studies.binned_analysis.telescope.impact import UNIT, VARIATIONS, ImpactLogarithm
from daedalus.units import EUR, cm, kEUR, mm, mrad, um

PROCESSES = ("charm", "prompt", "strange")
YIELDS = (400.0, 20_000.0, 1_000.0)  # tracks expected of each process [1]
IMPACTS = (120 * um, 0.0, 3 * mm)  # mean impacts: D mesons about c tau, strange hadrons' decays close by [m]
SOFTNESS = (0.5, 1.0, 1.0)  # spectra fall as momentum to minus one minus these powers [1]
MOMENTA = (1.0, 10.0)  # range of the momentum [GeV]
BLUR = 0.05  # uncertainty of the telescope's error, from its material and alignment [share]
LIFETIME = 0.02  # uncertainty of the signal's mean impact [share]
STRANGE = 0.2  # uncertainty of the strange yield [share]
SPAN = 10 * cm  # full width of every plane
DIVERGENCE = 10 * mrad  # standard deviation of the slopes
BUDGET = 33 * kEUR  # the telescope must not cost more
WIDTH = 0.15  # of the soft bins at softness one, in the logarithm of the impact [1]
LOWEST, HIGHEST = np.log(5 * um / UNIT), np.log(5 * mm / UNIT)  # range of the edges [1]


class TelescopeAnalysis(Design):
    """A telescope, and how the impacts it measures are binned."""

    telescope: TelescopeDesign
    edges: Float[Array, "edge"] = parameter(
        float(LOWEST), float(HIGHEST), "1", doc="inner edges of the bins, logarithm of the impact in 100 um"
    )
    exponent: Float[Array, ""] = parameter(
        0.0, 1.0, "1", doc="what is binned: from the impact (0) to its significance (1)"
    )

    symmetries: ClassVar[tuple[Exchange, ...]] = (Exchange(("edges",), by="edges"),)


class Momentum(eqx.Module):
    """The truth of one scenario: a momentum, of which the processes have their shares."""

    momentum: Float[Array, "*scenario"]  # [GeV]


def telescope_with_inference(
    planes: int = 5, bins: int = 8, *, objective: str = "uncertainty", geometry: Mapping[str, list[float]] | None = None
) -> Problem:
    """The problem of so many planes and bins.

    Args:
        planes: of the telescope [1].
        bins: of the histogram [1].
        objective: "uncertainty" of the charm yield, or "impact": the mean error in the plane of the vertex, as
            `tracking/telescope` has it, which is what one designs a telescope for that knows of no analysis.
        geometry: z, pitch and thickness of the planes [m], which then stay; only the analysis is searched.

    Raises:
        ProblemError: an unknown objective, or numbers of planes or bins that make no sense.
    """
    if objective not in ("uncertainty", "impact") or not 2 <= planes <= 16 or not 2 <= bins <= 40:
        raise ProblemError(
            f"objective {objective!r}, {planes} planes, {bins} bins; expected 'uncertainty' or 'impact', 2 to 16 "
            "planes and 2 to 40 bins."
        )
    telescope = evenly_spaced(planes, nearest=10 * cm, pitch=90 * um, thickness=400 * um)
    if geometry is not None:
        telescope = TelescopeDesign(**{name: jnp.asarray(values) for name, values in geometry.items()})
    edges = jnp.linspace(np.log(20 * um / UNIT), np.log(1 * mm / UNIT), bins - 1)
    spread = Objective("uncertainty", uncertainty, "1", 0.001, doc="expected standard deviation of the charm yield")
    error = Objective("impact", impact, "um", 2 * um, doc="error in the plane of the vertex, mean over momenta")
    crowd = Objective("crowding", overlap, "1", 0.02, doc="planes whose boxes overlap")
    chosen, other = (spread, error) if objective == "uncertainty" else (error, spread)
    return Problem(
        name="binned_analysis/telescope_with_inference",
        start=TelescopeAnalysis(telescope, edges, jnp.asarray(0.0)),
        build=build,
        objectives=(chosen, crowd),
        constraints=(
            Constraint(
                "cost", price, upper=BUDGET, unit="EUR", scale=1 * kEUR, tolerance=0.1 * kEUR, doc="of the planes"
            ),
        ),
        metrics=(
            Metric(other.name, other.function, other.unit, doc=other.doc),
            Metric("significance", significance, "1", doc="expected, of the charm yield [sigma]"),
        ),
        scenarios=Scenarios(momentum_of, 32, random=False),
        doc="a telescope and the bins of its analysis together, for the yield of charm",
        events=2400,
        frozen=() if geometry is None else ("telescope",),
        physics=(
            f"{', '.join(f'{n:g} {name}' for n, name in zip(YIELDS, PROCESSES))} tracks of 1 to 10 GeV",
            "multiple scattering in the silicon of the planes, strips of binary readout",
            f"not known: prompt yield, strange yield ({STRANGE:.0%}), errors ({BLUR:.0%}), lifetime ({LIFETIME:.0%})",
        ),
    )


def telescope_recipe(problem: Problem) -> Recipe:
    """How the problem is best run: Adam from one start."""
    planes = {"telescope.z": 3 * cm, "telescope.pitch": 4 * um, "telescope.thickness": 12 * um}
    steps = {"edges": 0.08, "exponent": 0.03, **({} if problem.frozen else planes)}
    return Recipe(Adam(steps=steps), rounds=400, events=2400, scenarios=32, scoring_scenarios=32)


def build(design: TelescopeAnalysis, truth: Momentum) -> Pipeline:
    """The pipeline at one momentum: decays, strips, fit, impact, bins; and templates, nominal and varied."""
    telescope = design.telescope
    strips = strip_planes(telescope, span=SPAN, particle=pion)
    noise, kick = BINARY_ERROR * telescope.pitch, kicks(telescope, truth.momentum, pion)
    sigma = jnp.sqrt(line_estimate(telescope.z, noise, kick).covariance[0, 0])
    edges = jnp.sort(design.edges)
    ends = jnp.concatenate([edges[:1] - 1.0, edges, edges[-1:] + 1.0])  # the outermost bins are open
    stages = [
        DisplacedParticles(truth.momentum, jnp.asarray(IMPACTS), DIVERGENCE),
        strips,
        ScatteredLineFit(telescope.z, noise, kick),
        ImpactLogarithm(design.exponent, sigma, BLUR, LIFETIME),
        *(Bins(Intervals(ends, WIDTH, row), label=name) for row, name in enumerate(VARIATIONS)),
    ]
    return Pipeline(stages, {name: ProcessTemplates(len(PROCESSES), name) for name in VARIATIONS})


def model(summaries: Summaries, truths: Momentum) -> BinnedModel:
    """The statistical model of the impacts of all momenta: charm, prompt and strange tracks with their nuisances."""
    power = -jnp.asarray(SOFTNESS)[:, None] * jnp.log(truths.momentum)
    spectrum = jax.nn.softmax(jnp.where(summaries.weight > 0, power, -jnp.inf), axis=1)
    expected = jnp.asarray(YIELDS)[:, None] * spectrum
    counts = {name: jnp.einsum("ps,spb->pb", expected, summaries[name].shares) for name in VARIATIONS}
    varied = lambda what, i: HistoSys(what, counts[f"{what}_down"][i], counts[f"{what}_up"][i])
    own = {
        "charm": (NormFactor("charm"), varied("blur", 0), varied("lifetime", 0)),
        "prompt": (NormFactor("prompt"), varied("blur", 1)),
        "strange": (NormSys("strange", 1.0 - STRANGE, 1.0 + STRANGE), varied("blur", 2)),
    }
    samples = tuple(Sample(name, counts["nominal"][i], own[name]) for i, name in enumerate(PROCESSES))
    return BinnedModel.of((Channel("impact", samples),), "charm")


def uncertainty(design: TelescopeAnalysis, summaries: Summaries, truths: Momentum) -> Float[Array, ""]:
    """The expected standard deviation of the charm yield over its expectation, nuisances profiled [1]."""
    return expected_uncertainty(model(summaries, truths))


def significance(design: TelescopeAnalysis, summaries: Summaries, truths: Momentum) -> Float[Array, ""]:
    """The expected significance of the charm yield [sigma]."""
    return expected_discovery(model(summaries, truths)).significance


def impact(design: TelescopeAnalysis, summaries: Summaries, truths: Momentum) -> Float[Array, ""]:
    """The error of a coordinate in the plane of the vertex, mean over momenta, in closed form [m]."""
    telescope = design.telescope
    sigma = lambda p: line_estimate(telescope.z, BINARY_ERROR * telescope.pitch, kicks(telescope, p, pion)).covariance
    return summaries.mean(jnp.sqrt(jax.vmap(sigma)(truths.momentum)[:, 0, 0]))


def price(design: TelescopeAnalysis, summaries: Summaries, truths: Momentum) -> Float[Array, ""]:
    """Price of the telescope [EUR]."""
    return cost(design.telescope, SPAN) * EUR


def overlap(design: TelescopeAnalysis, summaries: Summaries, truths: Momentum) -> Float[Array, ""]:
    """How far planes overlap, see `crowding` [1]."""
    return crowding(design.telescope)


def momentum_of(key: Key[Array, ""], index: Int[Array, ""], count: int) -> Momentum:
    """The momentum of scenario ``index`` of ``count``: log p uniform within the scenario's stratum."""
    share = (index + jax.random.uniform(key)) / count
    return Momentum(MOMENTA[0] * (MOMENTA[1] / MOMENTA[0]) ** share)
