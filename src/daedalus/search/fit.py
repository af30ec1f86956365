"""Fit: whether a method can work on a problem."""

from __future__ import annotations

from jaxtyping import Array, Key

from daedalus.core import Derivative, Optimiser, Problem
from daedalus.errors import OptimiserError


def check_fit(problem: Problem, optimiser: Optimiser, *, key: Key[Array, ""]) -> None:
    """Checks that an optimiser can work on a problem.

    Raises:
        OptimiserError: the optimiser cannot handle what the problem has; the text says which, and the remedy.
    """
    handles, name = optimiser.handles, type(optimiser).__name__
    check_moves(problem, optimiser)
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


def check_moves(problem: Problem, optimiser: Optimiser) -> None:
    """Checks that there is something an optimiser can move.

    Raises:
        OptimiserError: no parameter is free, and either nothing is to be learned or it takes gradients.
    """
    handles, name = optimiser.handles, type(optimiser).__name__
    space = problem.space
    if space.size == 0 and not (handles.gradients and space.learned_size):
        moved = "but learned leaves, which only gradients move" if space.learned_size else "at all"
        raise OptimiserError(
            f"{name} has nothing to vary: {problem.name!r} has no free parameter {moved}. Use a method with gradients "
            "where there are learned leaves, for instance adam; otherwise free a parameter."
        )
