"""Conformance, shipped: anyone can prove a stage, objective, optimiser, space or problem of their own."""

from daedalus.testing.conformance import Verdict, conformance
from daedalus.testing.evaluations import evaluated
from daedalus.testing.gradients import GradientReport, check_gradient
from daedalus.testing.objectives import check_objective
from daedalus.testing.optimisers import check_optimiser
from daedalus.testing.problems import check_problem
from daedalus.testing.report import ConformanceError, Report
from daedalus.testing.spaces import check_space
from daedalus.testing.stages import check_stage

__all__ = [
    "ConformanceError",
    "GradientReport",
    "Report",
    "Verdict",
    "check_gradient",
    "check_objective",
    "check_optimiser",
    "check_problem",
    "check_space",
    "check_stage",
    "conformance",
    "evaluated",
]
