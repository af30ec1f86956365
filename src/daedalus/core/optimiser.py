"""Optimisers: ask and tell behind one seam."""

import abc
import dataclasses
from typing import Any

import equinox as eqx
from jaxtyping import Array, Float, Key, PyTree

from daedalus.core.evaluation import Evaluation, Pressure
from daedalus.core.objective import Goals
from daedalus.core.problem import Problem
from daedalus.core.space import Point, Space
from daedalus.core.stage import Derivative
from daedalus.errors import OptimiserError

ONE_GOAL = Goals()  # one objective, no constraints


@dataclasses.dataclass(frozen=True)
class Capabilities:
    """What an optimiser handles.

    Whole numbers and known constraints are handled for every optimiser: points are made admissible before they are
    evaluated, and gradients pass whole numbers straight through.
    """

    gradients: bool = False  # it needs derivatives, and is given them
    constraints: bool = False  # measured ones, by `Evaluation.excess`
    several_objectives: bool = False  # by `Evaluation.scores`, beyond their sum
    noise: bool = False  # it uses the standard errors, or is not misled by noise
    partial_batches: bool = False  # tell takes any part of a proposal's points, in any order
    traceable: bool = True  # ask and tell may be compiled


class Proposal(eqx.Module):
    """The points an optimiser wants evaluated, one per start, and how: equally many in every round."""

    points: Point  # leaves with the axis start first
    softness: Float[Array, ""]  # scale of the relaxations' widths [1]; ignored where the real apparatus is evaluated
    pressure: Pressure | None = None  # of the constraints on the loss that is differentiated


class Optimiser(eqx.Module):
    """A method of search: pure functions on an immutable state, which is a pytree of arrays.

    Optimisers see the unit cube, names, units and evaluations, and nothing of the physics. Those that need no
    gradients are given evaluations of the real apparatus; the others evaluate the relaxed one. ``tell`` is given the
    points that were evaluated, which known constraints and whole numbers may have moved. An evaluation without a loss
    (inf: it failed, or saw nothing) has to be taken as bad, never as an error.
    """

    handles: eqx.AbstractVar[Capabilities]

    @abc.abstractmethod
    def init(self, space: Space, start: Point, *, key: Key[Array, ""], rounds: int, goals: Goals = ONE_GOAL) -> PyTree:
        """The state before the first round, for a search of so many rounds from a starting point."""

    @abc.abstractmethod
    def ask(self, state: PyTree, *, key: Key[Array, ""]) -> Proposal:
        """The points of the next round."""

    @abc.abstractmethod
    def tell(self, state: PyTree, proposal: Proposal, evaluation: Evaluation) -> PyTree:
        """The state after the evaluations of a proposal."""


def check_fit(problem: Problem, optimiser: Optimiser, *, key: Key[Array, ""]) -> None:
    """Checks that an optimiser can work on a problem.

    Raises:
        OptimiserError: the optimiser cannot handle what the problem has; the text says which, and the remedy.
    """
    handles, name = optimiser.handles, type(optimiser).__name__
    if handles.gradients and problem.simulator is not None and not problem.simulator.differentiable:
        raise OptimiserError(
            f"{name} needs gradients, but the simulator of {problem.name!r} gives none. Use an optimiser without "
            "gradients, for instance linear, quadratic or generative, or give the simulator derivatives."
        )
    if handles.gradients and problem.traceable:
        chain = problem.pipeline(problem.start, key=key, softness=1.0)
        blind = [stage.name for stage in chain.stages if Derivative.NONE in stage.derivative]
        if blind:
            raise OptimiserError(
                f"{name} needs gradients, but stage {', '.join(blind)} of {problem.name!r} has no derivative. "
                "Relax the stage, give it a score function, or use an optimiser without gradients."
            )
    if problem.goals.constraints and not handles.constraints:
        raise OptimiserError(
            f"{name} does not handle measured constraints; express them as objectives or use another optimiser."
        )


def parameter_steps(space: Space, steps: dict[str, float]) -> Any:
    """Step sizes in the cube, one per parameter, from step sizes in house units by parameter name.

    Args:
        space: the space that is searched.
        steps: step per parameter name ("z" stands for all z[...]) [house units of the parameter].

    Raises:
        OptimiserError: a name that fits no parameter, or a step that is not positive.
    """
    import numpy as np

    sizes = np.full(space.size, np.nan)
    for name, step in steps.items():
        match = [
            i for i, e in enumerate(space.entries) if e.name == name or e.name.startswith((name + "[", name + "."))
        ]
        if not match or not step > 0:
            raise OptimiserError(
                f"step {name!r} = {step}; expected a positive step for one of {', '.join(space.names)}."
            )
        sizes[match] = step / (space.upper[match] - space.lower[match])
    return sizes
