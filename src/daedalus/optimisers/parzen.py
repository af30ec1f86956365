"""Parzen estimators: the densities of good and of bad points, and points where their ratio is largest."""

from __future__ import annotations

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optuna
from jaxtyping import Array, Float, Key
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import TPESampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from daedalus.core import ONE_GOAL, Capabilities, Evaluation, Goals, Optimiser, Point, Proposal, Space
from daedalus.errors import OptimiserError
from daedalus.optimisers.continuation import following
from daedalus.optimisers.feasibility import violation
from daedalus.optimisers.levels import Levels
from daedalus.optimisers.starts import repeated

_FAILED = 1e300  # violation of what has no score: beyond all others, but finite


class ParzenState(eqx.Module):
    """All that was told, in order."""

    start: Point
    levels: Levels
    cubes: Float[np.ndarray, "row param"]
    scores: Float[np.ndarray, "row objective"]  # 0 where there is none
    violation: Float[np.ndarray, "row"]  # inf where there is no score


class ParzenEstimator(Optimiser):
    """The tree-structured Parzen estimator, multivariate, with measured constraints and several objectives.

    Bergstra, Bardenet, Bengio, Kegl, NeurIPS 2011, section 4; several objectives: Ozaki et al., J. Artif. Intell. Res.
    73 (2022) 1209. Optuna's sampler does the work. The first points are the given design and random ones; points of
    one round keep away from each other. Whole numbers and choices have their own kernels. An ask takes longer with
    every row: milliseconds at first, a tenth of a second after some thousands.
    """

    handles: ClassVar[Capabilities] = Capabilities(
        constraints=True, several_objectives=True, noise=True, partial_batches=True, traceable=False
    )

    batch: int = 1  # points per round
    startup: int = 10  # rows before the densities are used
    candidates: int = 24  # points drawn from the density of the good ones, of which the best is taken

    def __check_init__(self) -> None:
        if min(self.batch, self.startup, self.candidates) < 1:
            raise OptimiserError(
                f"ParzenEstimator has a batch of {self.batch}, {self.startup} rows at the beginning and "
                f"{self.candidates} candidates; expected at least 1 of each."
            )

    def init(
        self, space: Space, start: Point, *, key: Key[Array, ""], rounds: int, goals: Goals = ONE_GOAL
    ) -> ParzenState:
        """The state before the first round."""
        empty = lambda *shape: np.zeros(shape, start.cube.dtype)
        return ParzenState(start, Levels.of(space), empty(0, space.size), empty(0, goals.objectives), empty(0))

    def ask(self, state: ParzenState, *, key: Key[Array, ""]) -> Proposal:
        """The points of the next round."""
        axes = _Axes(state.levels)
        record = np.concatenate([state.cubes, state.scores, state.violation[:, None]], 1).astype(float)
        objectives = state.scores.shape[1]
        tell = lambda study, rows: study.add_trials([axes.trial(row, objectives) for row in rows])
        with following(record, (axes.label, objectives), lambda: _study(objectives), tell) as study:
            study.sampler = _Sampler(
                axes.distributions,
                seed=int(jax.random.bits(key, dtype=jnp.uint32)),
                multivariate=True,
                n_startup_trials=self.startup,
                n_ei_candidates=self.candidates,
            )
            trials = [study.ask(axes.distributions) for _ in range(self.batch)]
            found = np.array([axes.cube(trial.params) for trial in trials])
            for trial in trials:  # Optuna cannot forget them, but the sampler ignores failed ones
                study.tell(trial, state=TrialState.FAIL)
        cube = jnp.asarray(found, state.start.cube.dtype)
        if len(record) == 0:
            cube = cube.at[0].set(state.start.cube)
        return Proposal(Point(cube, repeated(state.start, self.batch).learned), jnp.ones((), cube.dtype))

    def tell(self, state: ParzenState, proposal: Proposal, evaluation: Evaluation) -> ParzenState:
        """The state after the evaluations of a proposal."""
        join = lambda old, new: np.concatenate([old, np.asarray(new, old.dtype)])
        scores = np.where(np.asarray(evaluation.sound)[:, None], np.asarray(evaluation.scores), 0.0)
        return ParzenState(
            state.start,
            state.levels,
            join(state.cubes, proposal.points.cube),
            join(state.scores, scores),
            join(state.violation, violation(evaluation)),
        )


class _Axes:
    """The axes of the cube as Optuna knows them: continuous ones as they are, the others by the number of a level."""

    def __init__(self, levels: Levels) -> None:
        self.first, self.step, self.count, self.unordered = (
            np.asarray(leaf).tolist() for leaf in (levels.first, levels.step, levels.count, levels.unordered)
        )
        self.label = tuple(zip(self.count, self.unordered, strict=True))
        self.distributions = {str(axis): self._distribution(axis) for axis in range(len(self.count))}

    def _distribution(self, axis: int) -> BaseDistribution:
        count = self.count[axis]
        if count == 0:
            return FloatDistribution(0.0, 1.0)
        return CategoricalDistribution(list(range(count))) if self.unordered[axis] else IntDistribution(0, count - 1)

    def cube(self, parameters: dict[str, Any]) -> list[float]:
        """The place of a trial's parameters."""
        place = lambda axis, value: self.first[axis] + value * self.step[axis] if self.count[axis] else value
        return [place(axis, parameters[str(axis)]) for axis in range(len(self.count))]

    def trial(self, row: np.ndarray, objectives: int) -> FrozenTrial:
        """A row of the record as a finished trial."""
        places, scores, beyond = row[: len(self.count)], row[len(self.count) : -1], row[-1]
        value = lambda axis: (
            round((places[axis] - self.first[axis]) / self.step[axis]) if self.count[axis] else float(places[axis])
        )
        return create_trial(
            params={str(axis): value(axis) for axis in range(len(self.count))},
            distributions=self.distributions,
            values=scores.tolist(),
            constraints={"violation": min(float(beyond), _FAILED)},
        )


class _Sampler(TPESampler):
    """The sampler, which is told what it may vary instead of finding it out from all trials at every ask."""

    def __init__(self, distributions: dict[str, BaseDistribution], **settings: Any) -> None:
        super().__init__(**settings)
        self._free = {name: each for name, each in distributions.items() if not each.single()}

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """All that can vary."""
        return self._free


def _study(objectives: int) -> Study:
    """A study in memory, made without a message; Optuna's verbosity is the user's before and after."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return optuna.create_study(directions=[StudyDirection.MINIMIZE] * objectives)
    finally:
        optuna.logging.set_verbosity(verbosity)
