"""Rounds: ask, evaluate and tell, compiled in chunks where that is possible and step by step where it is not."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key, PyTree

from daedalus.core import (
    Direct,
    Evaluation,
    Evaluator,
    History,
    Optimiser,
    Outcome,
    Partition,
    Point,
    Problem,
    Proposal,
    training_key,
)
from daedalus.core.sharing import everywhere, mesh_for, shared
from daedalus.search.devices import here, on_all, shares_designs
from daedalus.search.threads import one_thread
from daedalus.units import unit as unit_value


@dataclasses.dataclass(frozen=True)
class Batch:
    """What some rounds brought; the leaves of proposals and evaluations have the axes (round, start) first."""

    state: PyTree  # the optimiser's, after the last round
    proposals: Proposal
    evaluations: Evaluation
    outcomes: Sequence[Outcome] = ()  # of a foreign simulator: one per point, in order
    seconds: Sequence[float] = ()  # that each point took elsewhere, in order [s]
    causes: Sequence[str] = ()  # why there is no evaluation of a point that was lost elsewhere, in order


@runtime_checkable
class Rounds(Protocol):
    """A way to perform rounds, ``chunk`` at a time."""

    chunk: int

    def __call__(self, state: PyTree, first: int, rounds: int, key: Key[Array, ""]) -> Batch:
        """The rounds from ``first`` on, ``chunk`` of them or as many as are left of ``rounds``."""
        ...


class CompiledRounds:
    """Chunks of rounds as one compiled program."""

    def __init__(self, problem: Problem, optimiser: Optimiser, partition: Partition, designs: int, chunk: int) -> None:
        self.chunk = chunk
        by_design = shares_designs(partition, designs)
        self.mesh = mesh_for(designs) if by_design else partition.mesh
        measure = _measured(problem, optimiser, partition, by_design=by_design)
        admit = admission(problem, optimiser)

        def one_round(state: PyTree, number: Array, key: Key[Array, ""]) -> tuple[PyTree, tuple[Proposal, Evaluation]]:
            round_key = training_key(key, number)
            proposal = admit(optimiser.ask(state, key=jax.random.fold_in(round_key, 0)))
            evaluation = measure(proposal, round_key)
            return optimiser.tell(state, proposal, evaluation), (proposal, evaluation)

        def guarded(state: PyTree, number: Array, rounds: Array, key: Key[Array, ""]) -> tuple[PyTree, tuple]:
            shapes = jax.eval_shape(one_round, state, number, key)[1]
            empty = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)
            return jax.lax.cond(number < rounds, one_round, lambda s, *_: (s, empty), state, number, key)

        @eqx.filter_jit
        def run(state: PyTree, first: Array, rounds: Array, key: Key[Array, ""]) -> tuple[PyTree, tuple]:
            step = lambda state, number: guarded(state, number, rounds, key)
            return on_all(jax.lax.scan(step, state, first + jnp.arange(chunk)), self.mesh)

        self._run = run

    def __call__(self, state: PyTree, first: int, rounds: int, key: Key[Array, ""]) -> Batch:
        """The rounds from ``first`` on."""
        numbers = jnp.asarray(first), jnp.asarray(rounds)
        state, found = self._run(*everywhere((state, *numbers, key), self.mesh))
        count = min(self.chunk, rounds - first)
        return Batch(state, *jax.tree.map(lambda leaf: leaf[:count], here(found)))


class SteppedRounds:
    """Single rounds of an optimiser that cannot be compiled; the evaluations are."""

    chunk = 1

    def __init__(self, problem: Problem, optimiser: Optimiser, partition: Partition, designs: int) -> None:
        self.optimiser = optimiser
        by_design = shares_designs(partition, designs)
        self.mesh = mesh_for(designs) if by_design else partition.mesh
        self._admit = eqx.filter_jit(admission(problem, optimiser))
        measure = _measured(problem, optimiser, partition, by_design=by_design)
        self._measure = eqx.filter_jit(lambda proposal, key: on_all(measure(proposal, key), self.mesh))

    def __call__(self, state: PyTree, first: int, rounds: int, key: Key[Array, ""]) -> Batch:
        """The round ``first``."""
        round_key = training_key(key, first)
        with one_thread():
            asked = self.optimiser.ask(state, key=jax.random.fold_in(round_key, 0))
        proposal = self._admit(asked)
        evaluation = here(self._measure(*everywhere((proposal, round_key), self.mesh)))
        with one_thread():
            state = self.optimiser.tell(state, proposal, evaluation)
        return Batch(state, *jax.tree.map(lambda leaf: leaf[None], (proposal, evaluation)))


class ForeignRounds:
    """Single rounds of a problem whose evaluations are a foreign program's."""

    chunk = 1

    def __init__(
        self,
        problem: Problem,
        optimiser: Optimiser,
        partition: Partition,
        evaluator: Evaluator | None,
        earlier: History,
    ) -> None:
        assert problem.simulator is not None
        self.problem, self.optimiser, self.events = problem, optimiser, partition.events
        self._admit = eqx.filter_jit(admission(problem, optimiser))
        self.evaluator = evaluator or Direct(problem.simulator)
        self._submitted = len(earlier)
        self._seen = _places(problem, earlier)  # of a simulator's stored designs

    def __call__(self, state: PyTree, first: int, rounds: int, key: Key[Array, ""]) -> Batch:
        """The round ``first``."""
        round_key = training_key(key, first)
        with one_thread():
            asked = self.optimiser.ask(state, key=jax.random.fold_in(round_key, 0))
        proposal = self._stored(self._admit(asked))
        points = [_start(proposal.points, number) for number in range(proposal.points.cube.shape[0])]
        outcomes, gradient = self._outcomes(points, jax.random.fold_in(round_key, 1)), self.optimiser.handles.gradients
        found = []
        for number, (point, outcome) in enumerate(zip(points, outcomes, strict=True)):
            pressure = None if proposal.pressure is None else _start(proposal.pressure, number)
            found.append(self.problem.answered(point, outcome, gradient=gradient, pressure=pressure))
        evaluation = jax.tree.map(lambda *leaves: jnp.stack(leaves), *found)
        with one_thread():
            state = self.optimiser.tell(state, proposal, evaluation)
        proposals, evaluations = jax.tree.map(lambda leaf: leaf[None], (proposal, evaluation))
        return Batch(state, proposals, evaluations, outcomes)

    def _stored(self, proposal: Proposal) -> Proposal:
        """The proposal moved to designs not yet seen of a simulator that has only stored ones."""
        nearest = getattr(self.problem.simulator, "nearest", None)
        if nearest is None:
            return proposal
        cubes = nearest(np.asarray(proposal.points.cube, float), self._seen)
        self._seen = np.concatenate([self._seen, cubes])
        points = Point(jnp.asarray(cubes, proposal.points.cube.dtype), proposal.points.learned)
        return dataclasses.replace(proposal, points=points)

    def _outcomes(self, points: Sequence[Point], key: Key[Array, ""]) -> list[Outcome]:
        """The outcomes of a round's points in their order; all share the round's seed."""
        numbers = range(self._submitted, self._submitted + len(points))
        gradient = self.optimiser.handles.gradients
        for number, point in zip(numbers, points, strict=True):
            design = self.problem.space.design(point)
            self.evaluator.submit(self.problem.request(design, number, key=key, events=self.events, gradient=gradient))
        self._submitted += len(points)
        done: dict[int, Outcome] = {}
        while len(done) < len(points):
            done |= {outcome.id: outcome for outcome in self.evaluator.collect()}
        return [done[number] for number in numbers]


def admission(problem: Problem, optimiser: Optimiser) -> Callable[[Proposal], Proposal]:
    """A function proposal -> proposal whose points are admissible."""
    whole = not optimiser.handles.gradients  # a descent keeps the place between two whole numbers to itself

    def admit(proposal: Proposal) -> Proposal:
        return dataclasses.replace(proposal, points=problem.admitted(proposal.points, whole=whole))

    return admit


def _measured(problem: Problem, optimiser: Optimiser, partition: Partition, *, by_design: bool):
    """A function (proposal, key of the round) -> evaluation of all its points on the same events."""
    gradient = optimiser.handles.gradients
    partition = dataclasses.replace(partition, devices=1) if by_design else partition

    def measure(proposal: Proposal, round_key: Key[Array, ""]) -> Evaluation:
        softness = proposal.softness if gradient else None
        one = lambda point, pressure: problem.measure(
            point,
            key=jax.random.fold_in(round_key, 1),
            partition=partition,
            softness=softness,
            gradient=gradient,
            pressure=pressure,
        )
        each = lambda own, _=None: _of_starts(one, own)
        items = proposal.points, proposal.pressure
        if not by_design:
            return each(items)
        count = proposal.points.cube.shape[0]
        return shared(each, items, count, mesh_for(count))

    return measure


def _of_starts(one: Callable[..., Evaluation], items: PyTree) -> Evaluation:
    """The evaluations of all starts; a lone one without the axis, whose program is up to four times as quick."""
    if jax.tree.leaves(items)[0].shape[0] > 1:
        return jax.vmap(one)(*items)
    return jax.tree.map(lambda leaf: leaf[None], one(*jax.tree.map(lambda leaf: leaf[0], items)))


def designs_of(optimiser: Optimiser, state: PyTree, key: Key[Array, ""]) -> int:
    """The number of points a method asks for in a round."""
    ask = lambda s: optimiser.ask(s, key=key)
    asked = eqx.filter_eval_shape(ask, state) if optimiser.handles.traceable else ask(state)
    return asked.points.cube.shape[0]


def _places(problem: Problem, history: History) -> np.ndarray:
    """The places of a history's rows in the cube, to the rounding of their columns."""
    space, columns = problem.space, history.columns
    if not columns:
        return np.zeros((0, space.size))
    values = np.stack([columns[entry.column] * unit_value(entry.unit) for entry in space.entries], 1)
    return (values - np.asarray(space.lower)) / np.asarray(space.upper - space.lower)


def _start(tree: PyTree, number: int) -> PyTree:
    return jax.tree.map(lambda leaf: leaf[number], tree)
