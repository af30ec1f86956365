"""Bayesian optimisation: Gaussian processes of what was measured say where to measure next."""

from __future__ import annotations

import dataclasses
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from daedalus.core import ONE_GOAL, Capabilities, Evaluation, Goals, Optimiser, Point, Proposal, Space
from daedalus.errors import OptimiserError
from daedalus.optimisers.candidates import snapped
from daedalus.optimisers.infill import Infill
from daedalus.optimisers.levels import Levels
from daedalus.optimisers.observations import Figures, Slopes
from daedalus.optimisers.processes import KERNELS
from daedalus.optimisers.record import Record
from daedalus.optimisers.starts import repeated
from daedalus.optimisers.surrogate import Settings, Surrogate, prior
from daedalus.optimisers.vicinity import Vicinity
from daedalus.optimisers.warping import powers

INITIAL = 16  # rows after the start, before the first model: one per parameter, but not more
STEP = 0.25  # from the start to these [sides of the first box]
REFITTED = 20  # processes are fitted again when the rows have grown by one in so many
FEWEST = 4  # rows a model is made of, however many slopes each has


class ProcessState(eqx.Module):
    """What a search by Gaussian processes knows. A pytree of arrays."""

    start: Point
    levels: Levels
    record: Record
    slopes: Slopes
    vicinity: Vicinity
    design: Float[Array, "row param"]  # the first rows, with the start [1]
    objectives: Int[Array, ""]
    coefficients: Float[Array, "output coefficient"]  # of the processes: objectives, constraints, failures
    powers: Float[Array, "objective"]  # of the objectives' warpings
    fitted: Int[Array, ""]  # rows told when the processes were last fitted


class GaussianProcess(Optimiser):
    """Bayesian optimisation in a trust region: few evaluations, each worth seconds of thought.

    Every second row minimises the mean of the loss's process, the others promise the largest noisy expected
    improvement (`acquisition`). Both stay in a box around the best place (`vicinity`); where that has become too
    narrow, the search begins elsewhere, so that one run finds several basins. Losses are warped by the power that
    explains them best (`warping`), because heavy tails mislead a process more than anything else. Errors count as
    they are reported, and a fitted floor is added to them. Constraints and failures have processes of their own.
    Several objectives are sought as a front, by scalars with random weights (ParEGO), a quarter of them for its ends.

    The state's numbers keep the process's precision; the linear algebra is in double precision always, because the
    covariance of a smooth function is beyond single precision from some ten rows on.
    """

    handles: Capabilities = eqx.field(static=True)  # of the instance: gradients are optional
    settings: Settings = eqx.field(static=True)
    batch: int
    side: float
    initial: int
    memory: int
    front: bool
    softness: float

    def __init__(
        self,
        *,
        batch: int = 1,
        gradients: bool = False,
        kernel: Literal["matern", "squared_exponential"] = "matern",
        warping: Literal["auto", "none", "root", "log"] = "auto",
        side: float = 0.2,
        initial: int | None = None,
        memory: int = 256,
        draws: int = 16,
        front: bool = True,
        softness: float = 1.0,
    ) -> None:
        """Settings of the search.

        Args:
            batch: points per round [1]; later ones know of the earlier ones, but not what they will bring.
            gradients: whether derivatives are asked for, and used with their covariance.
            kernel: of the processes: of functions with two derivatives, or with all.
            warping: of the objectives: the power 1, 1/2 or 0, or whichever explains the rows best.
            side: of the first box around the start [share of range].
            initial: rows near the start before the first model [1]; by default one per parameter and 16 at most, and
                with gradients none.
            memory: values and slopes a model is made of at most [1]; rows farther from the box are left out.
            draws: of the functions, over which the expected improvement is averaged [1].
            front: whether of several objectives a front is wanted, or the lowest sum.
            softness: scale of the relaxations' widths, where derivatives are asked for [1].

        Raises:
            OptimiserError: a number that is too small, or an unknown word.
        """
        least = {"batch": (batch, 1), "memory": (memory, 8), "draws": (draws, 1), "initial": (initial or 0, 0)}
        for name, (found, smallest) in least.items():
            if found < smallest:
                raise OptimiserError(f"{name} of GaussianProcess is {found}; expected {smallest} or more.")
        if not (0 < side <= 1 and softness > 0) or kernel not in KERNELS:
            raise OptimiserError(
                f"GaussianProcess with side {side}, softness {softness} and kernel {kernel!r}; expected a side above 0 "
                f"and at most 1, a positive softness, and one of {', '.join(KERNELS)}."
            )
        self.batch, self.side, self.memory, self.front, self.softness = batch, side, memory, front, softness
        self.initial = initial if initial is not None else 0 if gradients else INITIAL
        self.settings = Settings(kernel, powers(warping), draws)
        self.handles = Capabilities(
            gradients=gradients,
            constraints=True,
            several_objectives=front and not gradients,
            noise=True,
            partial_batches=True,
            traceable=False,
        )

    def init(
        self, space: Space, start: Point, *, key: Key[Array, ""], rounds: int, goals: Goals = ONE_GOAL
    ) -> ProcessState:
        """The state before the first round.

        Raises:
            OptimiserError: gradients are of the sum of the objectives, and their front is wanted.
        """
        if self.handles.gradients and self.front and goals.objectives > 1:
            raise OptimiserError(
                f"GaussianProcess has gradients of the sum of {goals.objectives} objectives, and seeks their front; "
                "expected one objective. Use front=False for their sum, or gradients=False."
            )
        size, dtype, levels = space.size, start.cube.dtype, Levels.of(space)
        rows = max(min(self.initial, size), self.batch - 1)
        near = around(np.asarray(start.cube, float), STEP * self.side, rows, generator(key))
        modelled = goals.objectives if self.front else 1
        none = jnp.zeros((), jnp.int32)
        return ProcessState(
            start=start,
            levels=levels,
            record=Record.empty(size, goals),
            slopes=Slopes.empty(size if self.handles.gradients else 0),
            vicinity=Vicinity.around(start.cube, self.side),
            design=jnp.concatenate([start.cube[None], levels.snapped(jnp.asarray(near, dtype)).astype(dtype)]),
            objectives=none + goals.objectives,
            coefficients=jnp.tile(prior(size).centre.astype(dtype), (modelled + goals.constraints + 1, 1)),
            powers=jnp.full(modelled, self.settings.powers[0], dtype),
            fitted=none,
        )

    def ask(self, state: ProcessState, *, key: Key[Array, ""]) -> Proposal:
        """The points of the next round."""
        told, dtype = int(state.record.count), state.start.cube.dtype
        chosen = list(np.asarray(state.design)[told : told + self.batch])
        if len(chosen) < self.batch:
            with jax.enable_x64(True):
                chosen = self._extended(state, chosen, generator(key))
        learned = repeated(state.start, self.batch).learned
        return Proposal(Point(jnp.asarray(np.array(chosen), dtype), learned), jnp.asarray(self.softness, dtype))

    def tell(self, state: ProcessState, proposal: Proposal, evaluation: Evaluation) -> ProcessState:
        """The state after the evaluations of a proposal.

        Raises:
            OptimiserError: gradients are used, and the evaluation has none.
        """
        if self.handles.gradients and evaluation.gradient is None:
            raise OptimiserError("the evaluations hold no gradient; evaluate with gradient=True.")
        record, slopes = state.record.extended(proposal, evaluation), state.slopes.extended(evaluation)
        state = dataclasses.replace(state, record=record, slopes=slopes)
        figures, design = self._figures(state), len(state.design)
        vicinity = state.vicinity.after(figures, first_side=self.side, batch=self.batch, design=design)
        state = dataclasses.replace(state, vicinity=vicinity)
        told = int(record.count)
        if told < design or told - int(state.fitted) < max(self.batch, told // REFITTED):
            return state
        with jax.enable_x64(True):
            fitted = self._surrogate(state, figures)[1].fitted()
        like = lambda new, old: jnp.asarray(new, old.dtype)
        coefficients, warped = like(fitted.coefficients, state.coefficients), like(fitted.powers, state.powers)
        return dataclasses.replace(state, coefficients=coefficients, powers=warped, fitted=record.count)

    def _figures(self, state: ProcessState) -> Figures:
        return Figures.of(state.record, int(state.objectives), front=self.front)

    def _surrogate(self, state: ProcessState, figures: Figures) -> tuple[Int[np.ndarray, "row"], Surrogate]:
        """The rows a model is made of, and the model."""
        double = lambda leaf: np.asarray(leaf, float)
        whole, unordered = np.asarray(state.levels.whole), np.asarray(state.levels.unordered)
        steep = np.flatnonzero(~whole) if self.handles.gradients else np.zeros(0, int)
        rows = chosen_rows(figures, state.vicinity, max(self.memory // (1 + len(steep)), FEWEST))
        some = figures[rows]
        return rows, Surrogate(
            settings=self.settings,
            # with gradients, whole numbers are told as they were before they were rounded
            figures=dataclasses.replace(some, cube=snapped(state.levels, some.cube)),
            slope=double(state.slopes.value)[rows] if len(steep) else np.zeros((len(rows), 0)),
            covariance=double(state.slopes.covariance)[rows] if len(steep) else np.zeros((len(rows), 0, 0)),
            steep=steep,
            choices=tuple(np.flatnonzero(unordered).tolist()),
            coefficients=double(state.coefficients),
            powers=double(state.powers),
            spare=self.batch,
        )

    def _extended(self, state: ProcessState, chosen: list, rng: np.random.Generator) -> list:
        """A round's points, those that are not chosen yet by the model."""
        figures = self._figures(state)
        rows, surrogate = self._surrogate(state, figures)
        own = rows >= int(state.vicinity.begun)
        infill = Infill(surrogate, state.vicinity, state.levels, own, self.side, rng)
        normals = rng.standard_normal((len(state.coefficients), self.settings.draws, surrogate.room))
        told, size = len(figures.sound), figures.cube.shape[1]
        for number in range(told + len(chosen), told + self.batch):
            pending = np.asarray(chosen, float).reshape(-1, size)
            chosen.append(infill.place(number, pending, normals))
        return chosen


def generator(key: Key[Array, ""]) -> np.random.Generator:
    """A generator of random numbers that a key decides."""
    return np.random.default_rng(np.asarray(jax.random.key_data(key)).ravel())


def around(
    centre: Float[np.ndarray, "param"], step: float, count: int, rng: np.random.Generator
) -> Float[np.ndarray, "row param"]:
    """Places at a distance from a given one along orthogonal directions, then along opposite ones, then anywhere near.

    Args:
        centre: the given place [1].
        step: the distance [share of range].
        count: of places [1].
        rng: turns the directions.
    """
    size = len(centre)
    turned = np.linalg.qr(rng.standard_normal((size, size)))[0]
    near = rng.uniform(-2.0, 2.0, (max(count - 2 * size, 0), size))
    return np.clip(centre + step * np.concatenate([turned, -turned, near])[:count], 0.0, 1.0)


def chosen_rows(figures: Figures, vicinity: Vicinity, count: int) -> Int[np.ndarray, "row"]:
    """The numbers of the rows nearest to the present search's best one; where it begins, of good and bad ones alike."""
    told, begun = len(figures.sound), int(vicinity.begun)
    if told <= count:
        return np.arange(told)
    if vicinity.seeding(told):
        return np.sort(figures.order(np.arange(told))[np.linspace(0, told - 1, count).astype(int)])
    best = figures.cube[figures.order(np.arange(begun, told))[0]]
    return np.sort(np.argsort(np.sum((figures.cube - best) ** 2, 1), kind="stable")[:count])
