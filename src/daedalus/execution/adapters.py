"""Adapters: problems as the functions that other optimisation packages ask for.

Optuna's studies and Xopt's generators then search designs of Daedalus. Parameters and figures go by their names, in
the data sheet's units; a choice is its name in Optuna and its number in Xopt. A constraint with two bounds becomes two,
with "_lower" and "_upper" behind its name. Known constraints, which Daedalus meets by moving designs before it
evaluates them, are constraints like others here, but a design that violates one is not evaluated.
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from daedalus.core import Constraint, Entry, Problem
from daedalus.core.design import fields_of
from daedalus.errors import ProblemError
from daedalus.execution.design_file import design_from_table
from daedalus.execution.measurement import measurement
from daedalus.units import unit

if TYPE_CHECKING:
    import optuna

ROUNDING = 1e-6  # excess of a known constraint that still counts as met [scales]


def optuna_objective(
    problem: Problem, *, key: Key[Array, ""], events: int | None = None
) -> Callable[[optuna.Trial], float | tuple[float, ...]]:
    """A function of a trial that suggests the parameters, evaluates the design and returns the objectives.

    One number or a tuple: create the study with ``directions=optuna_directions(problem)``. Constraints are set on the
    trial [scales, positive where violated], so that Optuna's samplers need no ``constraints_func``. User attributes
    hold all figures, their standard errors ("name_error") and the status. A trial without an answer (the evaluation
    failed, nothing was accepted, a known constraint is violated) is pruned; the attribute "cause" says why.

    Args:
        problem: the task.
        key: decides every random number, together with the trial's number.
        events: particles per scenario [1]; the problem's own number by default.
    """
    from optuna import TrialPruned

    names = {".".join(path): line.choices for path, line in fields_of(problem.start)}

    def objective(trial: optuna.Trial) -> float | tuple[float, ...]:
        shown = {entry.name: _suggested(trial, entry, names) for entry in problem.space.entries}
        found = _answer(problem, shown, key=jax.random.fold_in(key, trial.number), events=events)
        for name, value in {**found.figures, "status": found.status, "cause": found.cause}.items():
            trial.set_user_attr(name, value)
        for name, value in found.excess.items():
            trial.set_constraint(name, value)
        if found.cause:
            raise TrialPruned(found.cause)
        values = [found.figures[each.name] for each in problem.objectives]
        return tuple(values) if len(values) > 1 else values[0]

    return objective


def optuna_directions(problem: Problem) -> list[str]:
    """The directions of a study of a problem: "minimize" or "maximize" for each objective."""
    return [f"{each.sense[:-3]}ize" for each in problem.objectives]


def xopt_function(
    problem: Problem, *, key: Key[Array, ""], events: int | None = None
) -> Callable[[Mapping[str, float]], dict[str, Any]]:
    """A function from parameters to figures, as Xopt's evaluator calls it.

    The answer holds all figures, their standard errors ("name_error") and the status; figures are NaN where there is
    no answer, which Xopt takes as bad.

    Args:
        problem: the task.
        key: decides every random number, together with the parameters: the same design gives the same answer.
        events: particles per scenario [1]; the problem's own number by default.
    """

    def function(inputs: Mapping[str, float]) -> dict[str, Any]:
        shown = {entry.name: float(inputs[entry.name]) for entry in problem.space.entries}
        fingerprint = zlib.crc32(np.array(list(shown.values())).tobytes())
        found = _answer(problem, shown, key=jax.random.fold_in(key, fingerprint), events=events)
        sides = {side.name: found.figures[each.name] for each in problem.constraints for side in _sides(each)}
        return {**found.figures, **sides, "status": found.status}

    return function


def xopt_vocs(problem: Problem) -> dict[str, Any]:
    """The variables, objectives, constraints and observables of a problem, as Xopt's VOCS wants them: ``VOCS(**vocs)``.

    Whole numbers and choices are discrete variables, which Xopt knows from version 3 on; the rest suits older ones too.
    """
    return {
        "variables": {entry.name: _variable(entry) for entry in problem.space.entries},
        "objectives": {
            each.name: direction.upper()
            for each, direction in zip(problem.objectives, optuna_directions(problem), strict=True)
        },
        "constraints": {side.name: [side.kind, side.bound] for c in problem.constraints for side in _sides(c)},
        "observables": [metric.name for metric in problem.metrics] + [f"{each.name}_error" for each in problem.figures],
    }


@dataclasses.dataclass(frozen=True)
class _Answer:
    """What became of a design."""

    figures: dict[str, float]  # with their standard errors [display units]; NaN where there are none
    excess: dict[str, float]  # of the constraints that have a value, by side [scales]
    status: str
    cause: str = ""  # why there is no answer


@dataclasses.dataclass(frozen=True)
class _Side:
    """One bound of a constraint."""

    name: str
    kind: str  # "GREATER_THAN" or "LESS_THAN"
    bound: float  # with its tolerance [display unit]


def _sides(constraint: Constraint) -> list[_Side]:
    """The finite bounds of a constraint, in the order of its excess."""
    both, scale = constraint.sides == 2, unit(constraint.unit)
    ends = [
        ("_lower", "GREATER_THAN", constraint.lower - constraint.tolerance),
        ("_upper", "LESS_THAN", constraint.upper + constraint.tolerance),
    ]
    return [
        _Side(constraint.name + end * both, kind, float(bound / scale))
        for end, kind, bound in ends
        if np.isfinite(bound)
    ]


def _answer(problem: Problem, shown: Mapping[str, float], *, key: Key[Array, ""], events: int | None) -> _Answer:
    """The figures of the design whose parameters are given [display units]."""
    design = design_from_table(problem.space, shown)
    figures = {f"{each.name}{end}": float("nan") for each in problem.figures for end in ("", "_error")}
    known = [each for each in problem.constraints if each.known]
    figures |= {each.name: float(each.function(design)) / unit(each.unit) for each in known}  # pyright: ignore
    excess = _excess(known, figures)
    beyond = [name for name, value in excess.items() if not value <= ROUNDING]
    if beyond:
        return _Answer(figures, excess, "inadmissible", f"the known constraint {', '.join(beyond)} is violated")
    try:
        found = measurement(problem, design, key=key, events=events)
    except ProblemError as cause:
        return _Answer(figures, excess, "empty", str(cause))
    figures |= {**found.values, **{f"{name}_error": error for name, error in found.errors.items()}}
    excess = _excess(problem.constraints, figures)
    if np.isfinite(found.loss) and np.all(np.isfinite(list(excess.values()))):
        return _Answer(figures, excess, found.status)
    sound = {name: value for name, value in excess.items() if np.isfinite(value)}
    return _Answer(figures, sound, found.status, f"the evaluation ended as {found.status}, without a finite loss")


def _excess(constraints: Any, figures: Mapping[str, float]) -> dict[str, float]:
    """How far figures are beyond each bound of constraints [scales]."""
    return {
        side.name: float(value)
        for each in constraints
        for side, value in zip(
            _sides(each), each.excess(jnp.asarray(figures[each.name] * unit(each.unit))), strict=True
        )
    }


def _suggested(trial: optuna.Trial, entry: Entry, names: Mapping[str, tuple[str, ...]]) -> float:
    """What a trial suggests for a parameter [display unit]; of a choice the number."""
    scale = unit(entry.unit)
    if entry.kind == "choice":
        choices = names[entry.name.partition("[")[0]]
        return float(choices.index(trial.suggest_categorical(entry.name, choices)))
    if entry.kind == "whole":
        return float(trial.suggest_int(entry.name, int(np.ceil(entry.lower)), int(np.floor(entry.upper))))
    return trial.suggest_float(entry.name, entry.lower / scale, entry.upper / scale)


def _variable(entry: Entry) -> Any:
    """A parameter as a variable of VOCS [display unit]."""
    if entry.kind == "continuous":
        return [entry.lower / unit(entry.unit), entry.upper / unit(entry.unit)]
    values = range(int(np.ceil(entry.lower)), int(np.floor(entry.upper)) + 1)
    return {"type": "DiscreteVariable", "values": list(values)}
