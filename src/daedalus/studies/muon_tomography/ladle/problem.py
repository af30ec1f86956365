"""The ladle problem and its recipe."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jaxtyping import Array, Float

from daedalus.catalogue import Recipe
from daedalus.core import Metric, Objective, Problem, Scenarios, Summaries
from daedalus.inference.calibration import cross_fitted_residuals
from daedalus.objectives import gentle_budget
from daedalus.optimisers import Adam, Geometric
from daedalus.studies.muon_tomography.ladle.apparatus import MUONS, SCANS, muon_source, scan_pipeline
from daedalus.studies.muon_tomography.ladle.likelihood_level import likelihood_expected_mse, likelihood_level
from daedalus.studies.muon_tomography.ladle.options import (
    EdgeForm,
    Estimator,
    FluxName,
    LadleOptions,
    Law,
    Levels,
    Muons,
    Spending,
)
from daedalus.studies.muon_tomography.ladle.poca_level import poca_expected_mse, poca_level
from daedalus.studies.muon_tomography.ladle.scenario import Ladle, labelled_level, uniform_level
from daedalus.studies.muon_tomography.scanner import BUDGET, panel_cost, reference_design
from daedalus.units import cm

LEVEL_SCALES = {"poca": 1.0 * cm**2, "likelihood": 0.25 * cm**2}  # changes of the mean squared error that matter
PRICE_STEEPNESS = 10.0  # of the soft price of a free budget [1]
ESTIMATES: dict[str, Callable[[Summaries], Float[Array, "scenario"]]] = {
    "poca": poca_level,
    "likelihood": likelihood_level,
}

EXPECTED_ERRORS = {"poca": poca_expected_mse, "likelihood": likelihood_expected_mse}


def ladle_fill_level(
    *,
    muons: Muons = "spectrum",
    flux: FluxName = "guan",
    momentum_resolution: float = 0.1,
    estimator: Estimator = "both",
    levels: Levels = "uniform",
    edges: EdgeForm = "sigmoid",
    sampled_edges: bool = False,
    spending: Spending = "fixed",
    energy_loss: bool = True,
    scattering: Law = "highland",
    segments: int = 1,
    tail_fraction: float = 0.0,
    muon_file: str = "",
    efficiency: float = 0.9,
    least_hits: int = 2,
) -> Problem:
    """How to place eight panels around a ladle so that 1000 cosmic muons tell best how full of steel it is.

    Args:
        muons: "spectrum" is the full cosmic spectrum; "published" has all at 5 GeV, known exactly, without energy
            loss, with the angles of the 2016 flux model and a window: the set-up of the reference code.
        flux: model of the spectrum.
        momentum_resolution: sigma(p) / p of the momentum measurement [1].
        estimator: which estimate the machine improves; both together lead most reliably to good layouts for either.
        levels: the truths: drawn uniformly in 55 to 135 cm, or the eight published ones in turn.
        edges: form of the relaxed panel edges.
        sampled_edges: whether relaxed edges record hits at random or weight them, see
            `daedalus.detectors.panels.Panels`.
        spending: a fixed budget, or a free one, with a soft price or with none (for fronts, which bound the cost).
        energy_loss: mean energy loss in the ladle, of the full spectrum.
        scattering: law of the scattering angle's width.
        segments: correlated draws along a muon's path [1].
        tail_fraction: share of muons with a non-Gaussian, three times wider scattering [1].
        muon_file: take the muons from this CSV, Parquet or ROOT file (`daedalus.sources.MuonFile`) instead; with
            ``muons="published"`` they count as known exactly and lose no energy.
        efficiency: probability of a hit in a panel that is crossed [1].
        least_hits: hits a track needs, above and below [1].

    Raises:
        ProblemError: an option out of range.
        StageError: a muon file that cannot be read; names row and column.
    """
    options = LadleOptions(**locals())
    source = muon_source(options)
    references = {name: reference_design(name, spending) for name in ("initial", "human_1", "human_2")}
    return Problem(
        name="muon_tomography/ladle_fill_level",
        start=references["initial"],
        build=lambda design, truth: scan_pipeline(design, truth, options),
        objectives=_objectives(options),
        source=source,
        scenarios=Scenarios(uniform_level if levels == "uniform" else labelled_level, SCANS),
        metrics=METRICS,
        doc="fill level of a steel ladle by scattering of cosmic muons",
        events=MUONS,
        references=references,
        physics=options.physics(),
    )


def level_mse(estimate: Float[Array, "scenario"], truths: Ladle, summaries: Summaries) -> Float[Array, ""]:
    """The mean squared error of the level after a linear correction fitted on the other scenarios [m2]."""
    return summaries.mean(cross_fitted_residuals(estimate, truths.level, summaries.weight) ** 2)


def ladle_recipe(problem: Problem) -> Recipe:
    """How the ladle is best optimised: one start, all parameters together, edges sharpened on the way."""
    steps = {f"{arm}.{axis}": 4 * cm for arm in ("upper", "lower") for axis in "xy"}
    steps |= {"upper.z": 1 * cm, "lower.z": 1 * cm, "upper.share": 0.05, "lower.share": 0.05}
    optimiser = Adam(steps=steps, softness=Geometric(1.0, 0.08))
    return Recipe(optimiser, rounds=200, events=MUONS, scenarios=SCANS, scoring_scenarios=400)


def _objectives(options: LadleOptions) -> tuple[Objective, ...]:
    names = tuple(EXPECTED_ERRORS) if options.estimator == "both" else (options.estimator,)
    errors = tuple(_expected_error(name) for name in names)
    if options.spending != "soft":
        return errors
    price = Objective(
        "price",
        lambda design, summaries, truths: gentle_budget(panel_cost(design), BUDGET, PRICE_STEEPNESS),
        doc="soft price of exceeding the budget",
    )
    return (*errors, price)


def _expected_error(estimator: str) -> Objective:
    expected = EXPECTED_ERRORS[estimator]
    return Objective(
        f"expected_{estimator}_mse",
        lambda design, summaries, truths: expected(summaries, truths.level),
        "cm2",
        LEVEL_SCALES[estimator],
        doc=f"squared error of the level ({estimator}) to be expected from the spread within each scan",
    )


def _error_of(estimator: str) -> Callable[[Any, Summaries, Ladle], Float[Array, ""]]:
    estimate = ESTIMATES[estimator]
    return lambda design, summaries, truths: level_mse(estimate(summaries), truths, summaries)


METRICS = (
    Metric("poca_mse", _error_of("poca"), "cm2", "squared error of the corrected level from closest approaches"),
    Metric("likelihood_mse", _error_of("likelihood"), "cm2", "the same by maximum likelihood"),
    Metric("cost", lambda d, s, t: panel_cost(d), "EUR", "area of all panels times price", always=True),
)
