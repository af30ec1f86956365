"""The problem of the selection: where to cut and how to bin for the limit, the discovery or the uncertainty."""

from __future__ import annotations

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from daedalus.catalogue import Recipe
from daedalus.core import Metric, Objective, Pipeline, Problem, Summaries
from daedalus.errors import ProblemError
from daedalus.events import Events, Memberships
from daedalus.inference.bin_edges import even_fractions
from daedalus.inference.binning import Bins, Intervals
from daedalus.inference.histfactory.figures_of_merit import MERITS
from daedalus.inference.histfactory.model import BinnedModel
from daedalus.inference.histfactory.templates import (
    Channel,
    HistoSys,
    Lumi,
    Modifier,
    NormFactor,
    NormSys,
    Sample,
    StatError,
)
from daedalus.inference.process_templates import ProcessTemplates, Templates
from daedalus.optimisers import Adam
from daedalus.optimisers.schedules import Cosine, Geometric
from daedalus.studies.binned_analysis.selection.design import SelectionDesign
from daedalus.studies.binned_analysis.selection.source import DOWN, NOMINAL, PROCESSES, SIGNAL, UP, PeakOnSlope
from daedalus.units import GeV

YIELDS = (50.0, 6000.0)  # of signal and background before the cut [events]
FLOOR = 1e-3  # added to every bin, so that none is empty [events]
SMEARING = (1.0 * GeV, 0.02)  # widths of soft edges in the mass and of the soft cut, at softness one
MASS, CUT = "mass", "cut"  # labels of the memberships
START = 0.3  # of the cut [1]
FIGURES = {
    "cls": ("log_cls", "ln of the median expected CLs at signal strength 1"),
    "discovery": ("log_p0", "ln of the median expected p-value of no signal"),
    "uncertainty": ("log_uncertainty", "ln of the expected standard deviation of the signal strength"),
}


@dataclasses.dataclass(frozen=True)
class Systematics:
    """How well things are known beside the data."""

    slope: float = 0.1  # relative uncertainty of the background's exponential length [1]; 0: exact
    normalisation: float = 0.1  # of the background [1]; 0: exact
    luminosity: float = 0.02  # of signal and background together [1]; 0: exact
    simulated: float | None = 20_000.0  # background events of the analysis's simulation before the cut; None: infinite


def cut_and_binning(
    loss: str = "cls",
    *,
    bins: int = 6,
    slope: float = 0.1,
    normalisation: float = 0.1,
    luminosity: float = 0.02,
    simulated: float | None = 20_000.0,
) -> Problem:
    """The problem of one loss and one set of systematic uncertainties.

    Args:
        loss: "cls", "discovery" or "uncertainty", all expected.
        bins: of the mass [1].
        slope: relative uncertainty of the background's exponential length; 0: exact [1].
        normalisation: relative uncertainty of the background's yield; 0: exact [1].
        luminosity: relative uncertainty of both yields together; 0: exact [1].
        simulated: background events before the cut in the simulation the analysis has; None: as many as you like.

    Raises:
        ProblemError: an unknown loss, no bin, or an uncertainty that is negative or too large.
    """
    sound = all(0.0 <= each < 0.5 for each in (slope, normalisation, luminosity)) and (simulated or 1.0) > 0
    if loss not in FIGURES or bins < 1 or not sound:
        raise ProblemError(
            f"loss {loss!r}, {bins} bins, uncertainties {slope}, {normalisation}, {luminosity}, {simulated} simulated "
            f"events; expected one of {', '.join(FIGURES)}, at least one bin, uncertainties from 0 to below 0.5, and a "
            "positive number of simulated events or None."
        )
    known = Systematics(slope, normalisation, luminosity, simulated)
    figures = {
        name: Objective(short, partial(merit, name, known), scale=0.01, doc=told)
        for name, (short, told) in FIGURES.items()
    }
    even = SelectionDesign(jnp.asarray(START), even_fractions(bins))
    return Problem(
        name="binned_analysis/cut_and_binning",
        start=even,
        source=PeakOnSlope(slope),
        build=build,
        objectives=(figures[loss],),
        metrics=(
            *(Metric(o.name, o.function, doc=o.doc) for name, o in figures.items() if name != loss),
            Metric("signal", partial(selected, SIGNAL), doc="signal events that pass the cut"),
            Metric("background", partial(selected, NOMINAL), doc="background events that pass the cut"),
        ),
        doc="a cut and the bins of a falling spectrum with a peak, with systematic uncertainties",
        events=32_000,
        references={"even": even},
        physics=(
            f"{YIELDS[0]:g} signal and {YIELDS[1]:g} background events expected before the cut",
            f"background's slope known to {slope:g}, its yield to {normalisation:g}, the luminosity to {luminosity:g}",
            f"simulated background events: {'infinitely many' if simulated is None else f'{simulated:g}'}",
        ),
    )


def selection_recipe(problem: Problem) -> Recipe:
    """How the problem is best run: Adam from even bins.

    Few events pass a tight cut, so many are made: with 32 000 of them six bins end 0.2 above the least ln CLs.
    """
    how = Adam(step_share=0.02, schedule=Cosine(1.0, 0.03), softness=Geometric(1.0, 0.3))
    return Recipe(how, rounds=300, events=256_000, scenarios=1, scoring_scenarios=1)


def build(design: SelectionDesign, truth: PyTree) -> Pipeline:
    """The pipeline of a selection: memberships by mass and by the cut; and the sums its templates are made of."""
    mass = Bins(Intervals(design.edges, SMEARING[0]), label=MASS)
    ends = jnp.stack([jnp.zeros_like(design.cut), design.cut, jnp.ones_like(design.cut)])
    return Pipeline([mass, Bins(Intervals(ends, SMEARING[1], row=1), label=CUT)], {"templates": selected_templates})


def selected_templates(events: Events, earlier: PyTree) -> Templates:
    """The templates of what passes the cut, in bins of the mass: sums over events."""
    mass, cut = events[Memberships, MASS], events[Memberships, CUT]
    share = mass.share * cut.share[1]  # two classes: below and above the cut
    return ProcessTemplates(PROCESSES)(events.add(Memberships(share, mass.slopes)), earlier)


def selection_model(shares: Float[Array, "process bin"], known: Systematics) -> BinnedModel:
    """The statistical model: a signal of free strength "mu" on a background, with the systematic uncertainties.

    The background's statistical errors are those of the analysis's simulation, not of the events of this evaluation.

    Args:
        shares: of the four processes that pass and fall in each bin [1].
        known: the uncertainties.
    """
    scale = np.array([YIELDS[0], *[YIELDS[1]] * (PROCESSES - 1)])
    counts = scale[:, None] * shares + FLOOR
    common: tuple[Modifier, ...] = (Lumi("luminosity"),) if known.luminosity else ()
    own: list[Modifier] = []
    if known.slope:
        own.append(HistoSys("slope", counts[DOWN], counts[UP]))
    if known.normalisation:
        own.append(NormSys("normalisation", 1.0 / (1.0 + known.normalisation), 1.0 + known.normalisation))
    if known.simulated is not None:
        own.append(StatError("simulation", jnp.sqrt(counts[NOMINAL] * YIELDS[1] / known.simulated)))
    signal = Sample("signal", counts[SIGNAL], (NormFactor("mu"), *common))
    background = Sample("background", counts[NOMINAL], (*own, *common))
    settings = {"luminosity": {"auxiliary": 1.0, "width": known.luminosity}} if known.luminosity else {}
    return BinnedModel.of([Channel("selected", (signal, background))], "mu", settings=settings)


def merit(
    name: str, known: Systematics, design: SelectionDesign, summaries: Summaries, truths: PyTree
) -> Float[Array, ""]:
    """A figure of merit by its name in `MERITS` [1]; infinite where its fit did not converge."""
    one = lambda shares: MERITS[name](selection_model(shares, known)).loss
    return summaries.mean(jax.vmap(one)(summaries["templates"].shares))


def selected(process: int, design: SelectionDesign, summaries: Summaries, truths: PyTree) -> Float[Array, ""]:
    """The expected events of a process that pass the cut [events]."""
    shares = summaries["templates"].shares[:, process]
    return summaries.mean(YIELDS[min(process, 1)] * jnp.sum(shares, -1))
