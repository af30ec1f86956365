"""Optimisers: ask and tell behind one seam."""

import abc
import dataclasses

import equinox as eqx
from jaxtyping import Array, Float, Key, PyTree

from daedalus.core.evaluation import Evaluation, Pressure
from daedalus.core.objective import Goals
from daedalus.core.space import Point, Space

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
