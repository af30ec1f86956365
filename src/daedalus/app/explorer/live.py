"""The evaluating side of a page: figures of designs as they are moved, with the same events for all of them.

It knows nothing of pages. Everything in it is either fixed or a cache, so that any number of pages may use it at once;
one evaluation is made at a time.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from daedalus.app.explorer.descent import Descent, descended, searched
from daedalus.app.explorer.designs import Designs
from daedalus.app.explorer.place import Place, hardware, place_of
from daedalus.app.explorer.reading import Meter, Reading
from daedalus.core import Derivative, Design, Point, Pressure, Problem, scoring_key
from daedalus.core.figures import Figures
from daedalus.core.leaves import leaves_of
from daedalus.core.sharing import everywhere
from daedalus.errors import RunError

KEPT = 512  # readings, and points of designs
WANTED = 0.05  # s; of an evaluation, so that a move stays below 0.2 s with what page and browser add
FEWEST = 16  # events per scenario
AT_FIRST = 256  # events per scenario of the first try
ROOM = 4.0  # so much faster than wanted an evaluation must be to be worth compiling one of more events [1]
HALVINGS = 12  # of the way back to what was feasible
FORCE = 10.0  # what an excess of one scale counts beside the loss [1]
STREAM = 4  # of the scoring keys: events that neither the search nor a measurement has seen


@dataclasses.dataclass(frozen=True)
class Sizes:
    """What an evaluation of a page computes."""

    events: int  # per scenario
    scenarios: int
    seconds: float  # it took when it was chosen


class Live:
    """A problem that is evaluated while it is looked at."""

    def __init__(self, designs: Designs, meter: Meter, sizes: Sizes, key: Key[Array, ""]):
        """With an evaluation of fixed sizes; `prepared` chooses them."""
        self.designs, self.problem, self.sizes, self.key = designs, designs.problem, sizes, key
        self._meter, self._turn, self._making = meter, threading.Lock(), threading.Lock()
        self._slope: Callable[[Point], Any] | None = None
        self.reading = lru_cache(KEPT)(self._reading)  # its results are shared by all pages
        figures = Figures(self.problem.objectives, self.problem.constraints)
        self._beyond = jax.jit(lambda cube: figures.known_excess(self.problem.space.design(cube)))
        self._admit = eqx.filter_jit(lambda points: self.problem.admitted(points, whole=True))

    def place(self, name: str) -> Place:
        """The place of a design that has a name.

        Raises:
            RunError: there is none of that name.
        """
        name = self.designs.settled(name)
        return place_of(self.problem.space, self.designs.named(name), name)

    def design(self, place: Place) -> Design:
        """The design at a place, with the learned leaves it goes with.

        Raises:
            RunError: no design is called so, or its learned leaves are not kept.
        """
        space = self.problem.space
        design = hardware(space, place)
        if not space.learned_size:
            return design
        return space.trained(design, leaves_of(space.point(self.designs.named(place.leaves)).learned))

    def seen(self, place: Place) -> tuple[Reading, float]:
        """The reading of a place, and how long it took to have it [s]."""
        begin = time.perf_counter()
        return self.reading(place), time.perf_counter() - begin

    def drawn(self, place: Place, draw: Callable[[Design], Any]) -> Any:
        """What a drawing function makes of the design at a place."""
        design = self.design(place)
        with self._turn:
            return draw(design)

    def pulled_back(self, place: Place) -> Place:
        """The place moved as little as needed to meet the known constraints, whole numbers rounded.

        Raises:
            RunError: no design is called so.
        """
        space = self.problem.space
        point = space.point(self.design(place))
        with self._turn:
            admitted = np.asarray(self._admitted(point))
        return self._at(place, np.asarray(point.cube), admitted)

    def improved(self, place: Place, held: Sequence[str] = ()) -> tuple[Place, Descent]:
        """The place after a short descent of all parameters but those that are held, on the page's events.

        What is lowered is the loss on the real apparatus and `FORCE` for what is beyond constraints; the way down is
        the derivative of the relaxed apparatus, or a compass search where a stage has none.

        Raises:
            RunError: a name that is no free parameter's, or nothing is left to be moved.
        """
        space, unknown = self.problem.space, set(held) - set(self.problem.space.names)
        if unknown:
            raise RunError(f"{', '.join(sorted(unknown))[:80]} is no free parameter. Load the page again.")
        free = np.array([name not in held for name in space.names], bool)
        if not free.any():
            raise RunError("all parameters are held; release one of them to re-optimise it.")
        start = space.point(self.design(place))
        begin, levels = np.asarray(start.cube, float), np.where(space.whole, 1.0 / (space.upper - space.lower), 0.0)
        at = lambda cube: self._at(place, begin, cube)
        project = lambda cube: self._projected(self._with(start, cube), begin, free)

        def height(cube: np.ndarray) -> float:
            found = self.reading(place if np.array_equal(cube, begin) else at(cube))
            return found.loss + FORCE * found.excess

        if self.problem.derivative & Derivative.NONE:
            found = searched(height, levels, begin, free, project=project)
        else:
            slope = lambda cube: self._steepest(self._with(start, cube))
            found = descended(height, slope, begin, free, project=project)
        return (at(found.cube) if found.end < found.begin else place), found

    def _reading(self, place: Place) -> Reading:
        point = self.problem.space.point(self.design(place))
        with self._turn:
            return self._meter.read(point)

    def _with(self, start: Point, cube: np.ndarray) -> Point:
        return Point(jnp.asarray(cube, start.cube.dtype), start.learned)

    def _at(self, place: Place, begin: np.ndarray, cube: np.ndarray) -> Place:
        """The place elsewhere in the cube; what has not moved keeps its number to the last digit."""
        space = self.problem.space
        there = place_of(space, space.design(jnp.asarray(cube, jnp.result_type(float))), place.leaves)
        pairs = zip(place.values, there.values, begin == cube, strict=True)
        return Place(tuple(old if same else new for old, new, same in pairs), place.leaves)

    def _admitted(self, point: Point) -> Array:
        """The cube part of an admitted point."""
        return self._admit(Point(point.cube[None], point.learned)).cube[0]

    def _projected(self, point: Point, begin: np.ndarray, free: np.ndarray) -> np.ndarray:
        """The nearest place that meets the known constraints; where that would move what is held, the last one on the
        way from the beginning.
        """
        with self._turn:
            near = np.where(free, np.asarray(self._admitted(point), float), begin)
        if not any(constraint.known for constraint in self.problem.constraints) or self._met(near):
            return near
        good, bad = 0.0, 1.0
        for _ in range(HALVINGS):
            middle = 0.5 * (good + bad)
            good, bad = (middle, bad) if self._met(begin + middle * (near - begin)) else (good, middle)
        return begin + good * (near - begin)

    def _met(self, cube: np.ndarray) -> bool:
        """Whether a place meets the known constraints."""
        with self._turn:
            return bool(np.all(np.asarray(self._beyond(jnp.asarray(cube, jnp.result_type(float)))) <= 0.0))

    def _steepest(self, point: Point) -> np.ndarray:
        """The derivative of the relaxed loss and of what is beyond measured constraints."""
        with self._making:  # apart from the turn: while this is compiled, pages go on
            if self._slope is None:
                partition = self._meter.partition
                key = everywhere(self.key, partition.mesh)
                run = eqx.filter_jit(self._gradient(key)).lower(everywhere(point, partition.mesh)).compile()
                self._slope = lambda at: run(everywhere(at, partition.mesh))
        with self._turn:
            return np.asarray(self._slope(point), float)

    def _gradient(self, key: Key[Array, ""]) -> Callable[[Point], Array]:
        problem, partition = self.problem, self._meter.partition
        pressure = Pressure(jnp.zeros(problem.goals.constraints), jnp.asarray(FORCE))
        how = {"key": key, "partition": partition, "softness": 1.0, "gradient": True, "pressure": pressure}

        def run(point: Point) -> Array:
            found = problem.measure(point, **how).gradient
            return jnp.zeros_like(point.cube) if found is None else found.value.cube

        return run


def prepared(designs: Designs, *, seed: int, events: int, scenarios: int, fixed: int | None = None) -> Live:
    """The live evaluation of a run's problem, compiled, with so many events that a move takes about `WANTED`.

    Args:
        designs: of the run.
        seed: of the run; the events are those of a stream of their own.
        events: per scenario in the run, and here at most [1].
        scenarios: of an evaluation [1].
        fixed: events per scenario that somebody has chosen [1].

    Raises:
        RunError: the problem has a foreign simulator, or nothing to be moved.
    """
    problem = designs.problem
    _check(problem)
    key = scoring_key(jax.random.key(seed), STREAM)
    point = problem.space.point(designs.named(designs.first()))
    count = min(events, AT_FIRST) if fixed is None else fixed
    meter, seconds = _timed(problem, key, count, scenarios, point)
    if fixed is None:
        wish = _wish(count, seconds, events)
        if wish != count:
            count = wish
            meter, seconds = _timed(problem, key, count, scenarios, point)
    return Live(designs, meter, Sizes(count, scenarios, seconds), key)


def _wish(count: int, seconds: float, most: int) -> int:
    """The events per scenario that take about the wanted time, a power of two, if they are worth compiling for."""
    enough = WANTED / ROOM < seconds <= WANTED
    if enough or (seconds <= WANTED and count >= most):
        return count
    power = 2 ** int(np.floor(np.log2(max(count * WANTED / seconds, FEWEST))))
    return max(min(power, most), min(FEWEST, most))


def _timed(problem: Problem, key: Array, events: int, scenarios: int, point: Point) -> tuple[Meter, float]:
    """A compiled evaluation, and how long it takes [s]."""
    meter = Meter(problem, key, events, scenarios)
    meter.read(point)  # compiles
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        meter.read(point)
        times.append(time.perf_counter() - begin)
    return meter, float(np.median(times))


def _check(problem: Problem) -> None:
    if not problem.traceable:
        raise RunError(
            f"{problem.name} is evaluated by a foreign simulator, which takes too long to follow a slider; expected a "
            "problem with a chain of stages. Measure single designs with `daedalus evaluate`."
        )
    if not problem.space.size:
        raise RunError(f"{problem.name} has no free parameter: nothing can be moved. Run it without freezing all.")
