"""Gradients: how to get through what is noisy, what is not smooth, and what is solved; and how to see what happens.

Estimators of the gradient of an expectation, each answering with an `Estimate`: `pathwise`, `score_function`,
`weak_derivative`, `randomised_smoothing`, `central_differences`. Stand-ins: `soft_step`, `straight_through`, `pick`.
Derivatives of solutions: `root`, `minimum`, `fixed_point`, `implicit`. The table of a derivative: `trace`.
"""

from daedalus.gradients.errors import GradientError
from daedalus.gradients.estimate import Estimate
from daedalus.gradients.families import Bernoulli, Exponential, Family, Gamma, Gaussian, Poisson, Triple
from daedalus.gradients.finite_differences import central_differences
from daedalus.gradients.implicit import Solution, fixed_point, implicit, minimum, root
from daedalus.gradients.pathwise import pathwise
from daedalus.gradients.relaxations import pick, soft_step, straight_through
from daedalus.gradients.score_function import score_function, score_weight
from daedalus.gradients.smoothing import randomised_smoothing
from daedalus.gradients.trace import Step, Trace, trace
from daedalus.gradients.weak_derivatives import weak_derivative

__all__ = [
    "Bernoulli",
    "Estimate",
    "Exponential",
    "Family",
    "Gamma",
    "Gaussian",
    "GradientError",
    "Poisson",
    "Solution",
    "Step",
    "Trace",
    "Triple",
    "central_differences",
    "fixed_point",
    "implicit",
    "minimum",
    "pathwise",
    "pick",
    "randomised_smoothing",
    "root",
    "score_function",
    "score_weight",
    "soft_step",
    "straight_through",
    "trace",
    "weak_derivative",
]
