"""CMA-ES: a normal distribution that learns where to look and how far."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from daedalus.core import ONE_GOAL, Capabilities, Evaluation, Goals, Optimiser, Point, Proposal, Space
from daedalus.errors import OptimiserError
from daedalus.optimisers.continuation import following
from daedalus.optimisers.evolution_strategy import EvolutionStrategy, evolution_strategy, placed, shifted
from daedalus.optimisers.feasibility import sound_loss, violation
from daedalus.optimisers.levels import Levels
from daedalus.optimisers.restarts import Run, first_run, next_run
from daedalus.optimisers.starts import repeated

RESTARTS = ("none", "ipop", "bipop")
REACH = 0.2  # usual distance of the first draws from the mean [share of range]
FINEST = 1e-6  # spread of a generation below which a run is over [share of range]


class CMAESState(eqx.Module):
    """The present run and all that was told in it, in order."""

    start: Point
    levels: Levels
    key: Key[Array, ""]  # of all draws and restarts
    run: Run
    draws: Float[np.ndarray, "row param"]  # as the distribution yielded them
    loss: Float[np.ndarray, "row"]  # inf where there is none
    violation: Float[np.ndarray, "row"]


class CMAES(Optimiser):
    """Covariance matrix adaptation (Hansen and Ostermeier, Evol. Comput. 9 (2001) 159), with restarts.

    The first run begins at the given design. Continuous parameters are reflected at the bounds; whole numbers and
    choices are native. Measured constraints come before the loss. A run that has shrunk to nothing, or does not
    improve any more, is followed by one from a random place. The distribution is a function of what was told, and is
    made again from that where it was forgotten. Draws follow from the state, because ``tell`` needs them once more;
    the key of ``ask`` is not used.
    """

    handles: ClassVar[Capabilities] = Capabilities(constraints=True, noise=True, partial_batches=True, traceable=False)

    sigma: float | None = None  # standard deviation of first draws [share of range]; None: 0.2 / sqrt(parameters)
    batch: int | None = None  # points per round; None: 4 + 3 ln(parameters)
    population: int | None = None  # points per generation, rounded up to whole batches; None: 4 + 3 ln(parameters)
    restarts: str = "bipop"  # "none", "ipop" (populations double) or "bipop" (large and small ones alternate)
    separable: int = 100  # parameters above which only variances are learned

    def __check_init__(self) -> None:
        small = (self.batch is not None and self.batch < 1) or (self.population is not None and self.population < 4)
        if (self.sigma is not None and not self.sigma > 0) or small or self.restarts not in RESTARTS:
            raise OptimiserError(
                f"CMAES has sigma {self.sigma}, a batch of {self.batch}, a population of {self.population} and "
                f"restarts {self.restarts!r}; expected a positive sigma, at least 1 point and 4 members, and one of "
                f"{', '.join(RESTARTS)}."
            )

    def init(
        self, space: Space, start: Point, *, key: Key[Array, ""], rounds: int, goals: Goals = ONE_GOAL
    ) -> CMAESState:
        """The state before the first round."""
        run = first_run(start.cube, self._sigma(space.size))
        empty = lambda *shape: np.zeros(shape, start.cube.dtype)
        return CMAESState(start, Levels.of(space), key, run, empty(0, space.size), empty(0), empty(0))

    def ask(self, state: CMAESState, *, key: Key[Array, ""]) -> Proposal:
        """The points of the next round."""
        cube = placed(self._draws(state), state.levels)
        if state.run.number == 0 and len(state.loss) < len(cube):
            cube = cube.at[0].set(state.start.cube)
        return Proposal(Point(cube, repeated(state.start, len(cube)).learned), jnp.ones((), cube.dtype))

    def tell(self, state: CMAESState, proposal: Proposal, evaluation: Evaluation) -> CMAESState:
        """The state after the evaluations of a proposal."""
        draws, found = self._draws(state), proposal.points.cube
        if len(found) < len(draws):  # a part of the proposal: each point is the one it is nearest to
            apart = jnp.sum((found[:, None] - placed(draws, state.levels)) ** 2, -1)
            draws = draws[jnp.argmin(apart, 1)]
        join = lambda old, new: np.concatenate([old, np.asarray(new, old.dtype)])
        told = CMAESState(
            state.start,
            state.levels,
            state.key,
            state.run,
            join(state.draws, shifted(draws, found, state.levels)),
            join(state.loss, sound_loss(evaluation)),
            join(state.violation, violation(evaluation)),
        )
        over = self.restarts != "none" and self._over(told, len(told.loss) - len(found))
        return self._restarted(told) if over else told

    def _sigma(self, size: int) -> float:
        """The usual standard deviation of first draws: in all dimensions they are equally far from the mean [1]."""
        return REACH / size**0.5 if self.sigma is None else self.sigma

    def _sizes(self, state: CMAESState) -> tuple[int, int]:
        """Points per round and per generation of the present run."""
        usual = 4 + math.floor(3 * math.log(state.draws.shape[1]))
        batch = usual if self.batch is None else self.batch
        smallest = usual if self.population is None else self.population
        return batch, int(state.run.size) * batch * -(-smallest // batch)

    def _draws(self, state: CMAESState) -> Array:
        """The draws of the round that was begun last."""
        batch, population = self._sizes(state)
        rounds, run = len(state.loss) // batch, int(state.run.number)
        key = jax.random.fold_in(jax.random.fold_in(state.key, run), rounds)
        with self._strategy(state, population) as strategy:
            draws = strategy.drawn(batch, seed=int(jax.random.bits(key, dtype=jnp.uint32)))
        if run == 0 and rounds == 0:
            draws[0] = state.run.mean
        return jnp.asarray(draws, state.start.cube.dtype)

    def _strategy(self, state: CMAESState, population: int) -> AbstractContextManager[EvolutionStrategy]:
        """The distribution that the generations of the run lead to."""
        mean, sigma, size = np.asarray(state.run.mean), float(state.run.sigma), state.draws.shape[1]
        whole = len(state.loss) // population * population
        record = np.column_stack([state.draws, state.loss, state.violation])[:whole].astype(float)
        levels = [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(state.levels)]
        make = lambda: evolution_strategy(
            state.levels, mean, sigma, population=population, separable=size > self.separable
        )

        def learn(strategy: EvolutionStrategy, rows: np.ndarray) -> None:
            for generation in rows.reshape(-1, population, size + 2):
                order = np.lexsort((generation[:, -2], generation[:, -1]))
                strategy.tell(generation[order, :size])

        return following(record, (mean.tobytes(), sigma, population, size > self.separable, *levels), make, learn)

    def _over(self, state: CMAESState, before: int) -> bool:
        """Whether the run has ended with a generation that was not complete so many rows before."""
        population, size = self._sizes(state)[1], state.draws.shape[1]
        generations = len(state.loss) // population
        if generations == before // population:
            return False
        complete = slice(0, generations * population)
        last = state.draws[complete][-population:, ~np.asarray(state.levels.whole)]
        with self._strategy(state, population) as strategy:
            ended = strategy.finished
        shrunk = last.shape[1] > 0 and float(np.ptp(last, axis=0).max()) < FINEST
        window = 120 + 30 * size // population
        merit = _merit(state.loss[complete], state.violation[complete]).reshape(generations, population)[-window:]
        return ended or shrunk or _stagnant(merit, window)

    def _restarted(self, state: CMAESState) -> CMAESState:
        key = jax.random.fold_in(jax.random.fold_in(state.key, int(state.run.number)), len(state.loss))
        alternate = self.restarts == "bipop"
        sigma = self._sigma(state.draws.shape[1])
        run = next_run(state.run, len(state.loss), sigma, alternate=alternate, key=key)
        return eqx.tree_at(
            lambda s: (s.run, s.draws, s.loss, s.violation),
            state,
            (run, state.draws[:0], state.loss[:0], state.violation[:0]),
        )


def _merit(loss: np.ndarray, violation: np.ndarray) -> np.ndarray:
    """One number per row, in the order of feasibility first."""
    worst = np.max(loss[violation == 0], initial=0.0)
    return np.where(violation > 0, worst + violation, loss)


def _stagnant(merit: Float[np.ndarray, "generation start"], window: int) -> bool:
    """Whether best and median of the generations are no lower than a window before (Hansen 2009, section 2)."""
    if len(merit) < window:
        return False
    part = 3 * window // 10
    lower = lambda each: np.median(each[-part:]) < np.median(each[:part])
    return not (lower(np.min(merit, 1)) or lower(np.median(merit, 1)))
