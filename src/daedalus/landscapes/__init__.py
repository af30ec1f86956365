"""Landscapes: what a search has found, beyond its best design."""

from daedalus.landscapes.allowance import Allowance
from daedalus.landscapes.basins import Basin, Basins, basins
from daedalus.landscapes.budget_scans import BudgetScan, budget_scan
from daedalus.landscapes.budgets import affordable, within_budget
from daedalus.landscapes.chains import mala_samples, nuts_samples
from daedalus.landscapes.comparison import Comparison, Differences, compare, compare_runs, compare_tasks
from daedalus.landscapes.confirmation import Confirmation, best_rows, confirm
from daedalus.landscapes.contributions import Contributions, contributions
from daedalus.landscapes.descents import Descents, descents
from daedalus.landscapes.errors import LandscapeError
from daedalus.landscapes.free_play import FreePlay, free_play
from daedalus.landscapes.fronts import hypervolume, non_dominated
from daedalus.landscapes.knees import Knee, knee
from daedalus.landscapes.limits import Limits, limits
from daedalus.landscapes.marginal_values import MarginalValues, Multiplier, marginal_values, multiplier
from daedalus.landscapes.membership import Membership
from daedalus.landscapes.near_optimal import NearOptimal, near_optimal
from daedalus.landscapes.quadratic import Quadratic, quadratic
from daedalus.landscapes.response import Response, response
from daedalus.landscapes.sampling import Samples, temperature
from daedalus.landscapes.sensitivities import (
    DerivativeMeasures,
    Indices,
    Sensitivities,
    derivative_measures,
    enclosing,
    sensitivities,
    sobol_indices,
)
from daedalus.landscapes.smoothing import Robustness, robustness, smoothed
from daedalus.landscapes.soundings import Soundings, soundings
from daedalus.landscapes.surface import Height, Surface, analytic, surface
from daedalus.landscapes.tempering import tempered_samples
from daedalus.landscapes.trade_offs import Aim, Front, aims, measured_front, trade_off

__all__ = [
    "Aim",
    "Allowance",
    "Basin",
    "Basins",
    "BudgetScan",
    "Comparison",
    "Confirmation",
    "Contributions",
    "DerivativeMeasures",
    "Descents",
    "Differences",
    "FreePlay",
    "Front",
    "Height",
    "Indices",
    "Knee",
    "LandscapeError",
    "Limits",
    "MarginalValues",
    "Membership",
    "Multiplier",
    "NearOptimal",
    "Quadratic",
    "Response",
    "Robustness",
    "Samples",
    "Sensitivities",
    "Soundings",
    "Surface",
    "affordable",
    "aims",
    "analytic",
    "basins",
    "best_rows",
    "budget_scan",
    "compare",
    "compare_runs",
    "compare_tasks",
    "confirm",
    "contributions",
    "derivative_measures",
    "descents",
    "enclosing",
    "free_play",
    "hypervolume",
    "knee",
    "limits",
    "mala_samples",
    "marginal_values",
    "measured_front",
    "multiplier",
    "near_optimal",
    "non_dominated",
    "nuts_samples",
    "quadratic",
    "response",
    "robustness",
    "sensitivities",
    "smoothed",
    "sobol_indices",
    "soundings",
    "surface",
    "temperature",
    "tempered_samples",
    "trade_off",
    "within_budget",
]
