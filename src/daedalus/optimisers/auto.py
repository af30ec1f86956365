"""Auto: which rung of the ladder suits a problem, and why."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from daedalus.errors import OptimiserError

Gradients = Literal["exact", "noisy", "biased", "wrong", "none"]

FEW = 2  # parameters that a grid can cover
GRID_CALLS = {1: 20, 2: 400}  # calls from which a grid of so many parameters is fine enough
SMOOTH_MODEL = 20  # parameters up to which a global model of the loss can be learned from some hundred calls
MODEL_CALLS = 600  # calls up to which learning such a model costs less than the calls it saves
PER_PARAMETER = 60  # calls per parameter from which an evolution strategy settles
FRONT_CALLS = 500  # calls from which a front of several objectives is worth drawing
QUIET = 0.2  # noise of the loss up to which the curvature that successive gradients show can be trusted [1]
SLOW = 1.0  # [s]; an evaluation that costs more is worth a second of thought


@dataclasses.dataclass(frozen=True)
class Facts:
    """What the choice of a method depends on."""

    parameters: int
    whole: int  # of them, whole numbers
    choices: int  # of them, unordered choices
    gradients: Gradients  # what the derivative of the loss is worth
    noise: float  # standard error of the loss over its variation between designs [1]; 0: none
    seconds: float  # of one evaluation [s]
    gradient_seconds: float  # of one with its gradient [s]; nan where there is none
    objectives: int
    constraints: int  # measured ones
    calls: int  # the budget: evaluations
    learned: int = 0  # learned numbers beside the parameters


@dataclasses.dataclass(frozen=True)
class Choice:
    """A method by its command-line name, its options, and the reasons in words."""

    name: str
    options: Mapping[str, Any]
    reasons: tuple[str, ...]


def choice(facts: Facts) -> Choice:
    """The rung for a problem: the lowest that suffices, gradients where they can be trusted.

    Raises:
        OptimiserError: nothing to search, or no budget.
    """
    trainable = facts.learned > 0 and facts.gradients in ("exact", "noisy", "biased")
    if not (facts.parameters or trainable) or facts.calls < 1:
        raise OptimiserError(
            f"{facts.parameters} free parameters and {facts.calls} calls; expected at least one of each."
        )
    said = [_budget(facts), _derivative(facts)]
    if trainable:
        return Choice("adam", {}, (*said, f"adam: its gradients move {facts.learned} learned numbers as well"))
    name, options, why = _with_gradient(facts) if _usable(facts) else _without(facts)
    if facts.constraints and name in ("grid", "sobol", "random"):
        why += "; it meets the measured constraints by luck only"
    return Choice(name, options, (*said, why))


def _budget(facts: Facts) -> str:
    kinds = [f"{facts.parameters} parameters"]
    kinds += [f"{facts.whole} of them whole numbers"] if facts.whole else []
    kinds += [f"{facts.choices} of them choices"] if facts.choices else []
    goals = [f"{facts.objectives} objectives"] if facts.objectives > 1 else []
    goals += [f"{facts.constraints} measured constraints"] if facts.constraints else []
    cost = f"{facts.calls} calls of {facts.seconds:.2g} s"
    return ", ".join([*kinds, *goals, cost])


def _derivative(facts: Facts) -> str:
    return {
        "exact": "the derivative agrees with finite differences of the real apparatus",
        "noisy": "the derivative is right on average, and noisy",
        "biased": "the derivative is biased but leads downhill",
        "wrong": "the derivative is wrong or zero for most parameters: not used (`daedalus check` says where)",
        "none": "there is no derivative",
    }[facts.gradients]


def _usable(facts: Facts) -> bool:
    mostly_continuous = 2 * (facts.whole + facts.choices) <= facts.parameters and facts.choices == 0
    return facts.gradients in ("exact", "noisy", "biased") and mostly_continuous


def _with_gradient(facts: Facts) -> tuple[str, dict[str, Any], str]:
    n, calls = facts.parameters, facts.calls
    if facts.gradients == "biased" and n <= SMOOTH_MODEL and calls <= MODEL_CALLS and facts.constraints == 0:
        return "gp", {}, "gp: a biased gradient ends beside the minimum, and so few parameters do without one"
    if facts.gradients != "noisy" and facts.noise <= QUIET:
        return "lbfgs", {}, "lbfgs: with so little noise, the curvature that successive gradients show can be trusted"
    return "adam", {}, "adam: one gradient moves all parameters at once, and its steps forgive noise"


def _without(facts: Facts) -> tuple[str, dict[str, Any], str]:
    n, calls = facts.parameters, facts.calls
    if n <= FEW and calls >= GRID_CALLS[n] and facts.seconds < SLOW and facts.noise < 0.1:
        return "grid", {}, f"grid: {n} parameters and {calls} cheap calls cover the space, and show all of it"
    if facts.objectives > 1 and calls >= FRONT_CALLS:
        return "nsga2", {}, f"nsga2: {calls} calls draw the front of {facts.objectives} objectives"
    if 2 * facts.choices > n:
        return "tpe", {}, "tpe: most parameters are unordered choices, between which nothing is smooth"
    if n <= SMOOTH_MODEL and calls <= MODEL_CALLS:
        return "gp", {}, "gp: few enough parameters and calls that a model of the loss is worth its making"
    if calls >= PER_PARAMETER * n:
        return "cmaes", {}, f"cmaes: {calls / n:.0f} calls per parameter let an evolution strategy adapt its shape"
    if calls >= n // 4:
        return (
            "linear",
            {},
            "linear: too many parameters for a global model; local ones find the directions that matter",
        )
    return (
        "sobol",
        {},
        f"sobol: {calls} calls for {n} parameters are too few to learn anything from; they spread evenly",
    )
