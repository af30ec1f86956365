"""The ladle problem: build, factories and recipe, with all numbers in one place."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any, Literal

import jax.numpy as jnp
from jaxtyping import Array, Float

from daedalus.core import Design, Metric, Objective, Pipeline, Problem, Recipe, Scenarios, Space, Summaries
from daedalus.detectors.edges import GaussianEdges, SigmoidEdges
from daedalus.detectors.panels import Panels
from daedalus.detectors.spectrometer import Spectrometer
from daedalus.errors import ProblemError
from daedalus.inference.calibration import cross_fitted_residuals
from daedalus.objectives import budget_shares, gentle_budget
from daedalus.optimisers import Adam
from daedalus.reconstruction.closest_approach import ClosestApproach
from daedalus.reconstruction.line_fit import LineFit
from daedalus.sources.apertures import HorizontalWindow, WindowAndBox
from daedalus.sources.cosmic_muons import CosmicMuons
from daedalus.studies.muon_tomography.design import LadleDesign, LowerPanels, PricedLadleDesign, UpperPanels
from daedalus.studies.muon_tomography.likelihood_level import LevelLikelihood, likelihood_level
from daedalus.studies.muon_tomography.poca_level import poca_level, poca_passes
from daedalus.studies.muon_tomography.scenario import (
    FLOOR,
    RIM,
    SIDE,
    Ladle,
    labelled_level,
    ladle_volume,
    uniform_level,
)
from daedalus.transport.multiple_scattering import MultipleScattering
from daedalus.units import cm, mm

BUDGET = 6.0  # EUR; nominal sum of the published set-up
PRICE = 1.0  # EUR/m2; nominal price of panel area in the published set-up
RESOLUTION = 0.1 * mm  # of each panel in x and y
EFFICIENCY = 0.9  # of each panel
MUONS = 1000  # per scan
TOP = 180 * cm  # height of the plane on which muons start
MARGIN = 40.2 * cm  # of the window beyond the ladle, tan(15 deg) * 1.5 m, as in the reference code
Estimator = Literal["poca", "likelihood"]


def ladle_fill_level(
    *,
    muons: Literal["spectrum", "published"] = "spectrum",
    flux: Literal["guan", "shukla_sankrith", "reyna"] = "guan",
    momentum_resolution: float = 0.1,
    estimator: Estimator = "likelihood",
    levels: Literal["uniform", "labels"] = "uniform",
    edges: Literal["sigmoid", "gaussian"] = "sigmoid",
    spending: Literal["fixed", "soft"] = "fixed",
    energy_loss: bool = True,
    segments: int = 1,
    tail_fraction: float = 0.0,
) -> Problem:
    """How to place eight panels around a ladle so that 1000 cosmic muons tell best how full of steel it is.

    Args:
        muons: "spectrum" is the full cosmic spectrum; "published" has all at 5 GeV, known exactly, without energy
            loss, with the angles of the 2016 flux model: the set-up of the reference code.
        flux: model of the spectrum.
        momentum_resolution: sigma(p) / p of the momentum measurement [1].
        estimator: which estimate the machine improves; both are reported.
        levels: the truths: drawn uniformly in 55 to 135 cm, or the eight published ones in turn.
        edges: form of the relaxed panel edges.
        spending: a fixed budget, or a free one with a soft price.
        energy_loss: mean energy loss in the ladle, of the full spectrum.
        segments: correlated draws along a muon's path [1].
        tail_fraction: share of muons with a non-Gaussian, three times wider scattering [1].

    Raises:
        ProblemError: an option out of range.
    """
    _check_options(momentum_resolution, segments, tail_fraction, estimator=estimator, levels=levels, edges=edges)
    published = muons == "published"
    source = _source("shukla_sankrith" if published else flux, 5.0 if published else None)
    loses, resolution = energy_loss and not published, 0.0 if published else momentum_resolution
    relaxed = SigmoidEdges() if edges == "sigmoid" else GaussianEdges()

    def build(design: LadleDesign, truth: Ladle) -> Pipeline:
        spans = panel_spans(design)
        scattering = MultipleScattering(
            ladle_volume(truth.level), segments=segments, energy_loss=loses, tail_fraction=tail_fraction
        )
        stages = [
            Spectrometer(resolution),
            _panels(design.upper, spans[: len(design.upper.z)], relaxed, "upper"),
            scattering,
            _panels(design.lower, spans[len(design.upper.z) :], relaxed, "lower"),
            LineFit("upper"),
            LineFit("lower"),
            ClosestApproach(),
        ]
        first, *others = poca_passes()
        likelihood = LevelLikelihood(LOSS_PER_THICKNESS if loses else 0.0)
        return Pipeline(stages, [{**first, "likelihood": likelihood}, *others])

    def error_of(estimate: Any) -> Any:
        return lambda design, summaries, truths: level_mse(estimate(summaries), truths, summaries)

    estimates = {"poca": poca_level, "likelihood": likelihood_level}
    objectives = [Objective("level_mse", error_of(estimates[estimator]), "cm2", LEVEL_SCALE, doc="mean squared error of the fill level after a cross-fitted linear correction")]
    if spending == "soft":
        objectives.append(Objective("price", lambda d, s, t: gentle_budget(panel_cost(d), BUDGET, 10.0), "1", 1.0, doc="soft price of exceeding 6 EUR"))
    metrics = [Metric(f"{name}_mse", error_of(estimate), "cm2", doc=f"the same with the {name} estimate") for name, estimate in estimates.items()]
    metrics.append(Metric("cost", lambda d, s, t: panel_cost(d), "EUR", doc="area of all panels times price"))
    references = {name: reference_design(name, spending) for name in ("initial", "human_1", "human_2")}
    return Problem(
        name="muon_tomography/ladle_fill_level",
        start=references["initial"],
        build=build,
        objectives=tuple(objectives),
        source=source,
        scenarios=Scenarios(uniform_level if levels == "uniform" else labelled_level, 40),
        metrics=tuple(metrics),
        doc="fill level of a steel ladle by scattering of cosmic muons",
        events=MUONS,
        references=references,
        physics=_physics(published, flux, loses, resolution, segments, tail_fraction),
    )


LEVEL_SCALE = 1.0 * cm**2  # the change of the mean squared error that matters
LOSS_PER_THICKNESS = 0.0203  # GeV per radiation length of iron: 1.451 MeV cm2/g * 13.84 g/cm2 (PDG 2024)


def panel_spans(design: LadleDesign) -> Float[Array, "plane"]:
    """The widths of all panels, upper ones first, that spend the budget [m]."""
    logits = jnp.concatenate([design.upper.share, design.lower.share])
    budget = design.budget if isinstance(design, PricedLadleDesign) else BUDGET
    return jnp.sqrt(budget_shares(logits, budget) / PRICE)


def panel_cost(design: LadleDesign) -> Float[Array, ""]:
    """The price of all panels [EUR]."""
    return PRICE * jnp.sum(panel_spans(design) ** 2)


def level_mse(
    estimate: Float[Array, "scenario"], truths: Ladle, summaries: Summaries
) -> Float[Array, ""]:
    """The mean squared error of the level after a linear correction fitted on the other scenarios [m2]."""
    return summaries.mean(cross_fitted_residuals(estimate, truths.level, summaries.weight) ** 2)


def reference_design(name: str, spending: str = "fixed") -> Design:
    """A published layout: "initial", "human_1" or "human_2"."""
    table = json.loads((files(__package__) / "references" / f"{name}.json").read_text())["panels"]
    columns = {arm: {axis: jnp.array([row[axis] for row in table[arm]]) * cm for axis in "xyz"} for arm in table}
    equal = jnp.zeros(4)
    upper, lower = UpperPanels(**columns["upper"], share=equal), LowerPanels(**columns["lower"], share=equal)
    return LadleDesign(upper, lower) if spending == "fixed" else PricedLadleDesign(upper, lower, BUDGET)


def ladle_recipe(problem: Problem) -> Recipe:
    """How the ladle is best optimised: one start, all parameters together, edges sharpened on the way."""
    steps = {axis: 4 * cm for axis in ("upper.x", "upper.y", "lower.x", "lower.y")}
    steps |= {"upper.z": 1 * cm, "lower.z": 1 * cm, "upper.share": 0.05, "lower.share": 0.05}
    return Recipe(Adam(steps=steps), rounds=150, events=MUONS, scenarios=40, scoring_scenarios=400)


def _source(flux: str, momentum: float | None) -> CosmicMuons:
    reach = (-MARGIN, SIDE + MARGIN)
    aperture = WindowAndBox(HorizontalWindow(reach, reach, TOP), (0.0, 0.0, FLOOR), (SIDE, SIDE, RIM))
    return CosmicMuons(aperture, flux, momentum=momentum)


def _panels(panels: UpperPanels | LowerPanels, spans: Float[Array, "plane"], edges: Any, label: str) -> Panels:
    return Panels(panels.x, panels.y, panels.z, spans, RESOLUTION, EFFICIENCY, None, label, edges)


def _physics(published: bool, flux: str, loses: bool, resolution: float, segments: int, tail: float) -> tuple[str, ...]:
    spectrum = "5 GeV muons, angles of shukla_sankrith" if published else f"sea-level spectrum {flux}, 0.5 to 500 GeV"
    return (
        spectrum,
        "multiple scattering: Highland, logarithm of the total path, correlated displacement",
        f"mean energy loss: {'on' if loses else 'off'}",
        f"momentum known to {resolution:.0%}" if resolution else "momentum known exactly",
        f"{segments} draw{'s' * (segments > 1)} per path; non-Gaussian tail {tail:.0%}",
    )


def _check_options(resolution: float, segments: int, tail: float, **choices: str) -> None:
    allowed = {"estimator": ("poca", "likelihood"), "levels": ("uniform", "labels"), "edges": ("sigmoid", "gaussian")}
    wrong = [f"{k}={v!r} (one of {', '.join(allowed[k])})" for k, v in choices.items() if v not in allowed[k]]
    if not 0 <= resolution < 1:
        wrong.append(f"momentum_resolution={resolution} (0 to 1)")
    if not (isinstance(segments, int) and segments >= 1):
        wrong.append(f"segments={segments} (a whole number from 1)")
    if not 0 <= tail < 1:
        wrong.append(f"tail_fraction={tail} (0 to 1)")
    if wrong:
        raise ProblemError(f"options out of range; expected: {'; '.join(wrong)}.")
