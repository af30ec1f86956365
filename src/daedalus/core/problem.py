"""Problems: a design task as one value, and its evaluation."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, PyTree

from daedalus.core.admission import admitted
from daedalus.core.design import Design
from daedalus.core.evaluation import Evaluation, Gradient, Pressure
from daedalus.core.figures import Figures, Readings, jackknife
from daedalus.core.foreign import foreign_evaluation
from daedalus.core.objective import Constraint, Goals, Metric, Objective
from daedalus.core.pipeline import Pipeline, Sums
from daedalus.core.sharing import events_together, everywhere
from daedalus.core.simulator import Direct, Outcome, Request, Simulator
from daedalus.core.space import Point, Space
from daedalus.core.stage import Derivative, Stage
from daedalus.core.summaries import Partition, Summaries, accumulate
from daedalus.errors import ProblemError
from daedalus.units import unit as unit_value

Softness = Float[Array, ""] | float | None
JACKKNIFE_GROUPS = 16  # parts left out in turn; the relative error of a standard error is then about 18 %


@dataclasses.dataclass(frozen=True)
class Scenarios:
    """The random truths an apparatus must cope with: ``draw(key, index, count)`` gives scenario ``index`` of ``count``.

    ``random`` says where errors come from: leaving out scenarios (True), or leaving out events within fixed
    scenarios (False).
    """

    draw: Callable[[Key[Array, ""], Int[Array, ""], int], PyTree]
    count: int  # scenarios of an evaluation, unless told otherwise
    random: bool = True


def _no_truth(key: Key[Array, ""], index: Int[Array, ""], count: int) -> PyTree:
    return jnp.zeros(())


@dataclasses.dataclass(frozen=True, eq=False)
class Problem:
    """A design task: what may vary, what happens to the events, and what the outcome is worth.

    ``build(design, scenario)`` makes the pipeline; the source stands in front of it. Evaluations with a softness
    use relaxed stages (for the machine), those without use the real apparatus (for people). Instead of a pipeline
    there may be a simulator, a foreign program; such a problem cannot be traced.
    """

    name: str
    start: Design  # the first design, and the template of the space
    build: Callable[[Any, Any], Pipeline] | None
    objectives: tuple[Objective, ...]
    source: Stage | None = None
    scenarios: Scenarios = Scenarios(_no_truth, 1, random=False)
    constraints: tuple[Constraint, ...] = ()
    metrics: tuple[Metric, ...] = ()
    version: str = "1"
    doc: str = ""
    events: int = 1000  # particles per scenario, unless told otherwise
    bulk: int = 1  # memory of one event, in that of a particle which crosses some planes; so many fewer are together
    simulator: Simulator | None = None
    frozen: tuple[str, ...] = ()  # parameters that keep the start's values; "z" stands for all of z[...]
    references: Mapping[str, Design] = dataclasses.field(default_factory=dict)  # published designs, by name
    physics: tuple[str, ...] = ()  # the physics options that are on, for the data sheet and the manifest

    def __post_init__(self) -> None:
        """Checks what can be checked without an event.

        Raises:
            ProblemError: no objective, two figures of one name, neither pipeline nor simulator or both, or a start that
                violates a known constraint.
            DesignError: a field of the design without a data sheet, or a starting value out of bounds.
        """
        if (self.build is None) == (self.simulator is None):
            raise ProblemError(f"problem {self.name!r} needs either build=... or simulator=..., and not both.")
        names = [figure.name for figure in self.figures]
        if not self.objectives or len(set(names)) < len(names):
            raise ProblemError(
                f"problem {self.name!r} has the figures {names}; expected at least one objective and no name twice."
            )
        self.space.check(self.start)
        known = [c for c in self.constraints if c.known]
        beyond = [c.name for c in known if (c.excess(c.read(self.start, None, None)) > 1e-6).any()]
        if beyond:
            raise ProblemError(
                f"the start of {self.name!r} violates the known constraint {', '.join(beyond)}; expected a start that "
                "meets it, for the search goes back there where it finds nothing nearer."
            )

    @property
    def traceable(self) -> bool:
        """Whether evaluations can be compiled, mapped and differentiated."""
        return self.simulator is None

    @property
    def goals(self) -> Goals:
        """How many numbers an evaluation carries for an optimiser."""
        return self._figures.goals

    @property
    def _figures(self) -> Figures:
        return Figures(self.objectives, self.constraints, self.metrics)

    @property
    def space(self) -> Space:
        """The space of the design's parameters, without those that are frozen."""
        return Space.of(self.start).freeze(*self.frozen)

    @property
    def figures(self) -> tuple[Objective | Constraint | Metric, ...]:
        """Objectives, constraints and metrics, in this order."""
        return (*self.objectives, *self.constraints, *self.metrics)

    @property
    def derivative(self) -> Derivative:
        """What the derivative of the problem is like: the flags of all stages; whole numbers make it biased.

        A foreign simulator's own derivative counts as exact, or there is none.
        """
        whole = Derivative.BIASED if self.space.whole.any() else Derivative.EXACT
        if self.simulator is not None:
            return whole | (Derivative.EXACT if self.simulator.differentiable else Derivative.NONE)
        return whole | self.pipeline(self.start, key=jax.random.key(0), softness=1.0).derivative

    def partition(self, events: int, scenarios: int | None = None, *, block: int | None = None) -> Partition:
        """How the events of an evaluation are cut into parts and blocks of so many events in memory at once.

        Raises:
            ProblemError: fewer than one event or scenario.
        """
        count = self.scenarios.count if scenarios is None else scenarios
        block = max(1, events_together() // self.bulk) if block is None else block
        if events < 1 or count < 1 or block < 1:
            raise ProblemError(f"{events} events, {count} scenarios, blocks of {block}; expected at least one of each.")
        leave_scenarios = self.scenarios.random and count > 1
        return Partition(events, count, 1 if leave_scenarios else min(JACKKNIFE_GROUPS, events), block)

    def pipeline(self, design: Design, *, key: Key[Array, ""], softness: Softness = None) -> Pipeline:
        """The pipeline of a design in the first scenario of a key, source in front.

        Raises:
            ProblemError: the problem has a simulator instead.
        """
        return self._chain(design, self._truth(_folded(key, 0), jnp.asarray(0), 1), softness)

    def scenario_pipeline(
        self, design: Design, number: Any, count: int, *, key: Key[Array, ""], softness: Softness = None
    ) -> tuple[Pipeline, Key[Array, ""]]:
        """The pipeline of one scenario of an evaluation with a key, source in front, and the key of its events.

        Args:
            design: the design.
            number: of the scenario, from 0 [1].
            count: scenarios of the evaluation [1].
            key: of the evaluation.
            softness: scale of the relaxations' widths [1]; None is the real apparatus.

        Raises:
            ProblemError: the problem has a simulator instead.
        """
        truth = self._truth(_folded(key, 0), jnp.asarray(number), count)
        return self._chain(design, truth, softness), _folded(_folded(key, 1), number)

    def evaluate(
        self,
        design: Design,
        *,
        key: Key[Array, ""],
        events: int | None = None,
        scenarios: int | None = None,
        softness: float | None = None,
        gradient: bool = False,
    ) -> Evaluation:
        """A design measured: figures with errors, and on request the gradient with its covariance.

        Args:
            design: the design to measure.
            key: decides every random number of the evaluation.
            events: particles per scenario [1].
            scenarios: number of scenarios [1].
            softness: scale of the relaxations' widths [1]; None is the real apparatus.
            gradient: also differentiate the loss.

        Raises:
            DesignError: the design is out of bounds.
            ProblemError: no event is accepted in any scenario.
        """
        space = self.space
        space.check(design)
        partition = self.partition(self.events if events is None else events, scenarios)
        if self.simulator is not None:
            evaluator = Direct(self.simulator)
            evaluator.submit(self.request(design, 0, key=key, events=partition.events, gradient=gradient))
            return self.answered(space.point(design), evaluator.collect()[0], gradient=gradient)
        run = _compiled(self, partition, gradient, softness is None)
        given = space.point(design), key, jnp.asarray(1.0 if softness is None else softness)
        evaluation = run(*everywhere(given, partition.mesh))
        if int(evaluation.empty) == partition.scenarios:
            raise ProblemError(
                f"no event was accepted in any of the {partition.scenarios} scenarios of {self.name!r} with "
                f"{partition.events} events each. Start from a design that sees particles, or use more events."
            )
        return evaluation

    def summaries(
        self, point: Point, *, key: Key[Array, ""], partition: Partition, softness: Softness = None
    ) -> tuple[Summaries, PyTree]:
        """The finished sums of every scenario, and the truths; traceable."""
        sums, truths = self._sums(_copies(point, partition), key, partition, softness)
        return _finished(sums), truths

    def replicas(
        self, point: Point, *, key: Key[Array, ""], partition: Partition
    ) -> tuple[Readings, Readings, Summaries]:
        """The real apparatus read, read with one part left out at a time, and its finished sums; traceable."""
        sums, truths = self._sums(_copies(point, partition), key, partition, None)
        read = lambda summaries: self._figures.read(self.space.design(point), summaries, truths, real=True)
        return read(_finished(sums)), _without(read, sums, partition), _finished(sums)

    def measure(
        self,
        point: Point,
        *,
        key: Key[Array, ""],
        partition: Partition,
        softness: Softness,
        gradient: bool,
        pressure: Pressure | None = None,
    ) -> Evaluation:
        """The evaluation of a point; traceable, mappable, differentiable. `evaluate` is its front door.

        The gradient's covariance comes from the parts' own contributions: copies of the place in the cube feed the
        parts, so that one backward pass yields the derivative part by part. Learned leaves are not copied.
        """
        real, figures = softness is None, self._figures

        def loss(pair: tuple[Point, Array]) -> tuple[Array, Any]:
            sums, truths = self._sums(Point(pair[1], pair[0].learned), key, partition, softness)
            found = figures.read(self.space.design(pair[0]), _finished(sums), truths, real=real)
            return found.pressed(pressure), (found, sums, truths)

        pair = (point, _copies(point, partition).cube)
        derivative = None
        if gradient:
            (_, (found, sums, truths)), (direct, parts) = eqx.filter_value_and_grad(loss, has_aux=True)(pair)
            derivative = self._gradient(direct, parts, partition)
        else:
            _, (found, sums, truths) = loss(pair)
        read = lambda summaries: figures.read(self.space.design(point), summaries, truths, real=real)
        errors = jackknife(_without(read, jax.lax.stop_gradient(sums), partition))
        summaries = _finished(sums)
        counts = {"accepted": jnp.mean(summaries.accepted), "effective": jnp.mean(summaries.effective_events)}
        empty = jnp.sum(summaries.weight == 0).astype(jnp.int32)
        return figures.evaluation(
            found, errors, derivative, empty=empty, nothing=jnp.all(summaries.weight == 0), **counts
        )

    def request(self, design: Design, number: int, *, key: Key[Array, ""], events: int, gradient: bool) -> Request:
        """What a foreign simulator is asked to evaluate a design."""
        values = zip(self.space.entries, np.asarray(self.space.values(design), float), strict=True)
        seed = int(jax.random.bits(key, dtype=jnp.uint32)) >> 1
        shown = {entry.name: float(value) / unit_value(entry.unit) for entry, value in values}
        return Request(number, shown, events, seed, gradient)

    def answered(
        self, point: Point, outcome: Outcome, *, gradient: bool = False, pressure: Pressure | None = None
    ) -> Evaluation:
        """The evaluation of a point by a foreign simulator; without an answer its gradient is zero."""
        design = self.space.design(point)
        return foreign_evaluation(self.space, self._figures, design, outcome, gradient=gradient, pressure=pressure)

    def admitted(self, points: Point, *, whole: bool) -> Point:
        """The points, axis start first, moved as little as needed to meet the known constraints; traceable.

        Args:
            points: where a search would like to go.
            whole: also round whole numbers and choices, so that the optimiser knows where it was.
        """
        if not (whole and self.space.whole.any()) and not any(c.known for c in self.constraints):
            return points
        beyond = lambda cube: self._figures.known_excess(self.space.design(cube))
        anchor, snap = self.space.cube(self.start), self.space.snapped if whole else lambda cube: cube
        repaired = jax.vmap(lambda cube: snap(self._figures.repaired(self.space, jnp.clip(cube, 0.0, 1.0))))(
            points.cube
        )
        met = jnp.all(jax.vmap(beyond)(repaired) <= 0.0)
        moved = jax.vmap(lambda cube: admitted(cube, anchor, beyond, snap))
        return Point(jax.lax.cond(met, lambda cubes: cubes, moved, repaired), points.learned)

    def machine_loss(self, values: Mapping[str, Array]) -> Array:
        """What the machine minimises: the sum over objectives of direction * value / scale [1]."""
        return sum((o.direction * values[o.name] / o.scale for o in self.objectives), start=jnp.zeros(()))

    def _chain(self, design: Design, truth: PyTree, softness: Softness) -> Pipeline:
        if self.build is None:
            raise ProblemError(f"{self.name!r} is evaluated by a foreign simulator; it has no pipeline.")
        return self.build(design, truth).after(self.source).softened(softness)

    def _truth(self, key: Key[Array, ""], index: Int[Array, ""], count: int) -> PyTree:
        return self.scenarios.draw(jax.random.fold_in(key, index), index, count)

    def _sums(
        self, copies: Point, key: Key[Array, ""], partition: Partition, softness: Softness
    ) -> tuple[Sums, PyTree]:
        number = jnp.arange(partition.scenarios)
        truths = jax.vmap(lambda i: self._truth(_folded(key, 0), i, partition.scenarios))(number)
        keys = jax.vmap(lambda i: _folded(_folded(key, 1), i))(number)
        build = lambda point, truth: self._chain(self.space.design(point), truth, softness)
        return accumulate(build, copies, truths, keys, partition), truths

    def _gradient(self, direct: Point, parts: Array, partition: Partition) -> Gradient:
        value = Point(direct.cube + jnp.sum(parts, (0, 1)), direct.learned)
        groups = jnp.sum(parts, 1) if partition.groups > 1 else parts[0]
        count = groups.shape[0]
        share = partition.shares if partition.groups > 1 else np.full(count, 1 / count)
        spread = groups - share[:, None] * jnp.sum(groups, 0)
        return Gradient(value, jnp.asarray(count / max(count - 1, 1), spread.dtype) ** 0.5 * spread)


def _finished(sums: Sums) -> Summaries:
    totals = jax.tree.map(lambda leaf: jnp.sum(leaf, 0), sums)
    accepted = totals["accepted"][..., 0]
    # not "accepted > 0": a scenario whose weight is NaN must spoil the loss, not pass as empty
    return Summaries(totals, (accepted != 0).astype(accepted.dtype))


def _without(read: Callable[[Summaries], Readings], sums: Sums, partition: Partition) -> Readings:
    """The readings with one part left out at a time: a group of events, or else of scenarios."""
    whole, groups = _finished(sums), min(JACKKNIFE_GROUPS, partition.scenarios)
    rest = lambda g: Summaries(whole.sums, jnp.where(jnp.arange(partition.scenarios) % groups == g, 0.0, whole.weight))
    if partition.groups > 1:
        groups = partition.groups
        rest = lambda g: _finished(jax.tree.map(lambda leaf: leaf.at[g].set(0.0), sums))
    return jax.vmap(lambda g: read(rest(g)))(jnp.arange(groups))


def _copies(point: Point, partition: Partition) -> Point:
    shape = (partition.groups, partition.scenarios, *point.cube.shape)
    return Point(jnp.broadcast_to(point.cube, shape), point.learned)


_folded = jax.random.fold_in


@lru_cache(maxsize=64)
def _compiled(problem: Problem, partition: Partition, gradient: bool, real: bool) -> Callable[..., Evaluation]:
    def run(point: Point, key: Key[Array, ""], softness: Array) -> Evaluation:
        soft = None if real else softness
        return problem.measure(point, key=key, partition=partition, softness=soft, gradient=gradient)

    return eqx.filter_jit(run)
