"""Ways: how the rounds of a search are performed, by what its problem, its method and its place allow."""

from __future__ import annotations

from collections.abc import Callable

from daedalus.core import Evaluator, History, Optimiser, Partition, Problem
from daedalus.search.delegated import DelegatedRounds
from daedalus.search.orders import Elsewhere
from daedalus.search.rounds import CompiledRounds, ForeignRounds, Rounds, SteppedRounds


class Ways:
    """The ways to perform the rounds of one search: by a problem and an optimiser, and by the number of events."""

    def __init__(
        self,
        problem: Problem,
        optimiser: Optimiser,
        designs: int,
        *,
        cut: Callable[[History], Partition],
        chunk: int,
        evaluator: Evaluator | Elsewhere | None,
    ) -> None:
        """The ways for a method that asks for so many points in a round.

        Args:
            problem: the task.
            optimiser: the method.
            designs: points the method asks for in a round [1].
            cut: how the events of the rounds after a history are cut.
            chunk: rounds per compiled call [1].
            evaluator: where a foreign simulator is run, or where designs of a traceable problem are evaluated.
        """
        self.problem, self.optimiser, self.designs = problem, optimiser, designs
        self.chunk, self.evaluator = chunk, evaluator
        self.cut = cut
        self._known: tuple[Partition, Rounds] | None = None

    def __call__(self, earlier: History) -> tuple[Partition, Rounds]:
        """How the events after the rows of a history are cut, and the way to perform rounds; the last one is kept."""
        partition = self.cut(earlier)
        if self._known is None or self._known[0] != partition:
            self._known = partition, self._made(partition, earlier)
        return self._known

    def _made(self, partition: Partition, earlier: History) -> Rounds:
        if not self.problem.traceable:
            assert self.evaluator is None or isinstance(self.evaluator, Evaluator)
            return ForeignRounds(self.problem, self.optimiser, partition, self.evaluator, earlier)
        if isinstance(self.evaluator, Elsewhere):
            return DelegatedRounds(self.problem, self.optimiser, partition, self.evaluator)
        if not self.optimiser.handles.traceable:
            return SteppedRounds(self.problem, self.optimiser, partition, self.designs)
        return CompiledRounds(self.problem, self.optimiser, partition, self.designs, self.chunk)
