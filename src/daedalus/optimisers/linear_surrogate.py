"""Linear surrogate: slopes by regression in a region that moves, for problems without derivatives."""

from __future__ import annotations

from typing import ClassVar

from jaxtyping import Array, Key

from daedalus.core import ONE_GOAL, Capabilities, Evaluation, Goals, Optimiser, Point, Proposal, Space
from daedalus.optimisers.local_region import LocalSearch, LocalState


class LinearSurrogate(Optimiser):
    """Descent along the slope that a regression finds among the rows of a region, none of which needs a derivative.

    Rows count by their standard errors and by their distance; earlier ones are replayed. A slope common to few
    directions is found from fewer rows than there are parameters: the directions in which slopes were found are an
    active subspace, in which new slopes are expected, and explorers go where the slope is least known. Measured
    constraints are lines too, and are met before the loss is lowered. Of several objectives the sum is minimised.
    """

    handles: ClassVar[Capabilities] = Capabilities(
        constraints=True, noise=True, partial_batches=True, traceable=False
    )  # fmt: skip

    search: LocalSearch

    def __init__(self, *, batch: int = 8, radius: float = 0.07) -> None:
        """Settings of the search.

        Args:
            batch: points per round [1].
            radius: length of the first round's steps [share of each parameter's range]; later ones adapt.
        """
        self.search = LocalSearch(batch, radius, degree=1)

    def init(
        self, space: Space, start: Point, *, key: Key[Array, ""], rounds: int, goals: Goals = ONE_GOAL
    ) -> LocalState:
        """The state before the first round."""
        return self.search.begin(space, start, goals)

    def ask(self, state: LocalState, *, key: Key[Array, ""]) -> Proposal:
        """The points of the next round."""
        return self.search.ask(state, state.model, key=key)

    def tell(self, state: LocalState, proposal: Proposal, evaluation: Evaluation) -> LocalState:
        """The state after the evaluations of a proposal."""
        return self.search.tell(state, proposal, evaluation)
