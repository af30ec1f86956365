"""Objectives: errors, costs, budgets and risks as named figures."""

from daedalus.objectives.budget import budget_shares, gentle_budget, steep_budget
from daedalus.objectives.classification import binary_cross_entropy, cross_entropy, ordered_distance
from daedalus.objectives.log_error import squared_log_error
from daedalus.objectives.risk import Attitude, risk

__all__ = [
    "Attitude",
    "binary_cross_entropy",
    "budget_shares",
    "cross_entropy",
    "gentle_budget",
    "ordered_distance",
    "risk",
    "squared_log_error",
    "steep_budget",
]
