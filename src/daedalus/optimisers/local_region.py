"""Local search: a region that follows the best row, what was measured in it, and what that says about slopes.

What the local surrogates share. Every round holds a few steps of the model's making, a half, one and two regions
long: these are its test by fresh evaluations. Around the middle one are explorers, in directions whose slopes are
least known. The centre of the region is the row of lowest estimate; the region widens where long steps helped and
narrows where none did.
"""

from __future__ import annotations

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from daedalus.core import Evaluation, Goals, Point, Proposal, Space
from daedalus.errors import OptimiserError
from daedalus.optimisers.levels import Levels
from daedalus.optimisers.local_step import Model, steps_down
from daedalus.optimisers.neighbourhood import Neighbourhood, neighbourhood
from daedalus.optimisers.record import Record
from daedalus.optimisers.regression import FIRST_WEIGHTS, Regression, Rows, regression
from daedalus.optimisers.starts import repeated
from daedalus.optimisers.subspace import active_subspace

LENGTHS = (1.0, 0.5, 2.0, 0.25, 4.0)  # of the model's steps, the most wanted first [regions]
STEP_SHARE = 3 / 8  # of a round's points that are steps, at most as many as there are lengths [1]
APART = 0.1  # [regions]; steps closer than this are one step
REMEMBERED = 16  # slopes, for the active subspace
DIRECTIONS = 10  # of the active subspace, at most; and half of the parameters
HIDDEN = 0.25  # of a row's noise; while the model errs by less in the region, noise is the trouble and width helps [1]
NARROWEST = 1e-5  # radius at which the region is set back to its first width [share of range]
CHANCE = 0.125  # of an explorer to try another value of one whole number or choice


class LocalRegion(eqx.Module):
    """Where the search is."""

    centre: Float[Array, "param"]  # a row's place [1]
    radius: Float[Array, ""]  # [share of range]
    learnt: Int[Array, ""]  # rows of the record it takes into account


class Polynomials(eqx.Module):
    """A line or a parabola for the loss and each excess, in steps from the region's centre, and the slopes' past.

    The unit of a step along each parameter is the region's size. Where an excess is a line, it is taken to bend
    upwards as much as the rows do on average: along a straight tangent one would leave what is feasible.
    """

    level: Float[Array, "output"]
    margin: Float[Array, "output"]  # standard errors of the levels
    slope: Float[Array, "output param"]
    bend: Float[Array, "output param param"] | None  # Hessians
    reserve: Float[Array, "output"]  # second derivative in all directions, beside the Hessians; not below zero
    root: Float[Array, "param param"]  # of the covariance of the loss's slope
    weights: Float[Array, "output component"]  # of the regressions
    past: Float[Array, "slope param"]  # slopes of the loss at earlier centres [1 / range]; NaN where there is none
    past_error: Float[Array, "slope"]  # standard error of their components

    def __call__(self, step: Float[Array, "param"]) -> Float[Array, "output"]:
        """Loss and excesses after a step; excesses a standard error larger than likely."""
        caution = jnp.concatenate([jnp.zeros_like(self.margin[:1]), self.margin[1:]])
        value = self.level + caution + self.slope @ step + 0.5 * self.reserve * (step @ step)
        return value if self.bend is None else value + 0.5 * jnp.einsum("i,oij,j->o", step, self.bend, step)


class LocalState(eqx.Module):
    """What a local search knows. A pytree of arrays."""

    start: Point
    levels: Levels
    record: Record
    region: LocalRegion
    model: Polynomials

    @property
    def sizes(self) -> Float[np.ndarray, "param"]:
        """The region's extent along each parameter: its radius, but at least one whole step [share of range]."""
        return np.maximum(np.asarray(self.levels.step, float), float(self.region.radius))


class LocalSearch(eqx.Module):
    """The settings of a local search, and the parts of it that do not depend on the surrogate."""

    batch: int  # points per round
    radius: float  # of the region at first [share of range]
    degree: int  # of the polynomials

    def __check_init__(self) -> None:
        if self.batch < 2 or not 0 < self.radius <= 1:
            raise OptimiserError(
                f"a local surrogate with batch {self.batch} and radius {self.radius}; expected at least 2 points per "
                "round and a radius above 0 and at most 1, as a share of each parameter's range."
            )

    def begin(self, space: Space, start: Point, goals: Goals) -> LocalState:
        """The state before the first round."""
        size, outputs, dtype = space.size, 1 + goals.constraints, start.cube.dtype
        model = Polynomials(
            level=jnp.zeros(outputs, dtype),
            margin=jnp.zeros(outputs, dtype),
            slope=jnp.zeros((outputs, size), dtype),
            bend=jnp.zeros((outputs, size, size), dtype) if self.degree == 2 else None,
            reserve=jnp.zeros(outputs, dtype),
            root=jnp.eye(size, dtype=dtype),
            weights=jnp.broadcast_to(jnp.asarray(FIRST_WEIGHTS, dtype), (outputs, len(FIRST_WEIGHTS))),
            past=jnp.full((REMEMBERED, size), jnp.nan, dtype),
            past_error=jnp.full(REMEMBERED, jnp.nan, dtype),
        )
        region = LocalRegion(start.cube, jnp.asarray(self.radius, dtype), jnp.zeros((), jnp.int32))
        return LocalState(start, Levels.of(space), Record.empty(size, goals), region, model)

    def ask(self, state: LocalState, model: Model, *, key: Key[Array, ""]) -> Proposal:
        """The points of the next round: a model's steps from the centre, and explorers."""
        centre, sizes, levels = np.asarray(state.region.centre, float), state.sizes, state.levels
        free = ~np.asarray(levels.unordered)
        lower, upper = np.where(free, -centre / sizes, 0.0), np.where(free, (1.0 - centre) / sizes, 0.0)
        lengths = np.array(sorted(LENGTHS[: max(1, int(STEP_SHARE * self.batch))]))
        cast = lambda numbers: jnp.asarray(numbers, state.region.centre.dtype)
        steps = np.asarray(steps_down(model, cast(lower), cast(upper), cast(lengths)), float)
        kept = [steps[0]]
        for step in steps[1:]:
            if np.linalg.norm(step - kept[-1]) > APART:
                kept.append(step)
        turn, rest = jax.random.split(key)
        middle = steps[np.argmax(lengths == 1.0)]
        explored = middle + free * _directions(state.model.root, self.batch, key=turn)[len(kept) :]
        # what would leave the cube goes the other way
        explored = np.where((explored < lower) | (explored > upper), 2 * middle - explored, explored)
        cube = np.clip(centre + sizes * np.clip(np.concatenate([kept, explored]), lower, upper), 0.0, 1.0)
        moved = np.asarray(_settled(levels, cast(cube), key=rest))
        cube = cast(np.where(np.arange(self.batch)[:, None] < len(kept), cube, moved))
        return Proposal(Point(cube, repeated(state.start, self.batch).learned), jnp.ones((), cube.dtype))

    def tell(self, state: LocalState, proposal: Proposal, evaluation: Evaluation) -> LocalState:
        """The state after the evaluations of a proposal, of which the polynomials are the judge."""
        state = self.recorded(state, proposal, evaluation)
        if not self.due(state):
            return state
        near = self.around(state)
        if near.size == 0:
            return self.lost(state)
        fits = self.fits(state, near)
        return self.moved(state, near, fits, np.stack([fit.estimates[: near.size] for fit in fits], 1))

    def recorded(self, state: LocalState, proposal: Proposal, evaluation: Evaluation) -> LocalState:
        """The state with more rows, from which nothing is learnt yet."""
        return dataclasses.replace(state, record=state.record.extended(proposal, evaluation))

    def due(self, state: LocalState) -> bool:
        """Whether a round's worth of rows waits to be learnt from."""
        return int(state.record.count) - int(state.region.learnt) >= self.batch

    def around(self, state: LocalState) -> Neighbourhood:
        """The rows that are replayed."""
        size = len(state.region.centre)
        coefficients = 2 + size + (size * (size + 1) // 2 if self.degree == 2 else 0)
        centre, sizes = np.asarray(state.region.centre, float), state.sizes
        choices = np.flatnonzero(np.asarray(state.levels.unordered))
        return neighbourhood(state.record, centre, sizes, alike=choices, coefficients=coefficients)

    def basis(self, state: LocalState) -> Float[np.ndarray, "param active"]:
        """Orthonormal directions of the steps along which the loss was found to change."""
        sizes, past = state.sizes, np.asarray(state.model.past, float)
        known = np.isfinite(past).all(1)
        errors = np.asarray(state.model.past_error, float)[known] * np.sqrt(np.mean(sizes**2))
        return active_subspace(past[known] * sizes, errors, limit=min(DIRECTIONS, len(sizes) // 2))

    def fits(self, state: LocalState, near: Neighbourhood) -> list[Regression]:
        """The regressions of the loss and of each excess on some rows."""
        values, errors = _outputs(state)
        values, errors, rounds = values[near.index], errors[near.index], near.index // self.batch
        weights = np.asarray(state.model.weights, float)
        # a failed row counts as the worst of its neighbours, give or take how much they differ
        steps = np.concatenate([near.steps, near.failed])
        bad = np.ones(len(near.failed))
        loss = Rows(
            steps,
            np.append(values[:, 0], bad * values[:, 0].max()),
            np.append(errors[:, 0], bad * max(np.ptp(values[:, 0]), 1e-12)),
            np.append(rounds, -1 - np.arange(len(bad))),
        )
        rows = [loss, *(Rows(near.steps, v, e, rounds) for v, e in zip(values.T[1:], errors.T[1:], strict=True))]
        bases = [self.basis(state), *[None] * (len(rows) - 1)]
        return [
            regression(row, self.degree, basis=basis, weights=weight)
            for row, basis, weight in zip(rows, bases, weights, strict=True)
        ]

    def moved(
        self,
        state: LocalState,
        near: Neighbourhood,
        fits: list[Regression],
        estimates: Float[np.ndarray, "row output"],
    ) -> LocalState:
        """The state with the region where the rows' estimates say it should be, and the polynomials there.

        Args:
            state: the rows, and the region before.
            near: the rows that are compared.
            fits: their regressions.
            estimates: their losses and excesses without noise, as far as one can tell.
        """
        best, first = _best(estimates), int(state.region.learnt)
        distance = float(np.linalg.norm(near.steps[best]))
        radius = float(state.region.radius)
        if distance > 0 and near.index[best] >= first:
            radius *= min(max(distance, LENGTHS[1]), LENGTHS[-1])
        else:
            radius *= self._remedy(fits)
        other = _other_choice(state, estimates[best])
        if other is not None:
            radius = self.radius
        elif distance == 0 and radius == float(state.region.radius):
            return self._described(_learnt(state, state.region.centre, radius), fits, moved=False)
        place = np.asarray(state.record.cube)[near.index[best] if other is None else other]
        radius = self.radius if radius < NARROWEST else min(radius, 1.0)
        state = _learnt(state, place, radius)
        return self._described(state, self.fits(state, self.around(state)), moved=distance > 0)

    def lost(self, state: LocalState) -> LocalState:
        """The state after rounds without any sound row near the centre: a wider region, or another place."""
        sound = np.flatnonzero(state.record.sound)
        if len(sound) == 0:
            return _learnt(state, state.region.centre, min(2 * float(state.region.radius), 1.0))
        best = sound[_best(_outputs(state)[0][sound])]
        state = _learnt(state, np.asarray(state.record.cube)[best], self.radius)
        return self._described(state, self.fits(state, self.around(state)), moved=True)

    def _remedy(self, fits: list[Regression]) -> float:
        """The factor on the radius after a round that helped nothing: narrower, unless noise hides the model's errors.

        Noise spoils slopes less in a wider region, the model's form less in a narrower one: the width is right where
        both matter.
        """
        ratios = [self._error(fit) / max(fit.noise, 1e-300) for fit in fits]
        return 0.5 if max(ratios) > 1.0 else 2.0 if max(ratios) < HIDDEN else 1.0

    def _error(self, fit: Regression) -> float:
        """How much a polynomial errs at the region's edge."""
        return fit.misfit + (0.5 * abs(float(np.trace(fit.bend))) / len(fit.slope) if self.degree == 1 else 0.0)

    def _described(self, state: LocalState, fits: list[Regression], *, moved: bool) -> LocalState:
        """The state with polynomials made of regressions, and the last slope remembered if the centre has moved."""
        old, sizes, dtype = state.model, state.sizes, state.region.centre.dtype
        stack = lambda name: jnp.asarray(np.stack([getattr(fit, name) for fit in fits]), dtype)
        scale = np.sqrt(np.mean(sizes**2))
        bowls = np.array([np.trace(fit.bend) for fit in fits]) / len(sizes)
        straight = (self.degree == 1) & (np.arange(len(fits)) > 0)
        push = lambda past, new: (
            jnp.asarray(np.concatenate([past[1:], np.asarray(new)[None]]), dtype) if moved else past
        )
        model = Polynomials(
            level=stack("level"),
            margin=stack("level_error"),
            slope=stack("slope"),
            bend=stack("bend") if self.degree == 2 else None,
            reserve=jnp.asarray(np.where(straight, np.maximum(bowls, 0.0), 0.0), dtype),
            root=jnp.asarray(_root(fits[0].spread), dtype),
            weights=stack("weights"),
            past=push(old.past, fits[0].slope / sizes),
            past_error=push(old.past_error, fits[0].slope_noise / scale),
        )
        return dataclasses.replace(state, model=model)


def _learnt(state: LocalState, centre: Array | np.ndarray, radius: float) -> LocalState:
    region = LocalRegion(jnp.asarray(centre), jnp.asarray(radius, state.region.radius.dtype), state.record.count)
    return dataclasses.replace(state, region=region)


def _outputs(state: LocalState) -> tuple[Float[np.ndarray, "told output"], Float[np.ndarray, "told output"]]:
    """Loss and excesses of all rows, and their errors."""
    record, rows = state.record, len(state.model.level) - 1
    first = record.outcome.shape[1] - rows
    join = lambda loss, outcome: np.column_stack([np.asarray(loss, float), np.asarray(outcome, float)[:, first:]])
    values, errors = join(record.loss, record.outcome), join(record.loss_error, record.outcome_error)
    return values[: int(record.count)], errors[: int(record.count)]


def _best(outputs: Float[np.ndarray, "row output"]) -> int:
    """The row of least loss among those without excess, or else the row of least excess."""
    violation = np.sum(np.maximum(outputs[:, 1:], 0.0), axis=1)
    return int(np.lexsort((outputs[:, 0], violation))[0])


def _other_choice(state: LocalState, best: Float[np.ndarray, "output"]) -> int | None:
    """The best row with other choices than the centre's, if it is better by its own errors."""
    choice = np.asarray(state.levels.unordered)
    cube = np.asarray(state.record.cube, float)[: int(state.record.count), choice]
    differs = np.abs(cube - np.asarray(state.region.centre, float)[choice]).max(1, initial=0.0) > 1e-5
    rows = np.flatnonzero(state.record.sound & differs)
    if len(rows) == 0:
        return None
    values, errors = _outputs(state)
    candidates = np.concatenate([best[None], (values + np.nan_to_num(errors))[rows]])
    found = _best(candidates)
    return int(rows[found - 1]) if found else None


def _root(covariance: Float[np.ndarray, "param param"]) -> Float[np.ndarray, "param param"]:
    """A root of a covariance, which may be singular, up to a factor."""
    size = len(covariance)
    largest = max(float(np.max(np.diag(covariance))), 1e-300)
    try:
        return np.linalg.cholesky(covariance / largest + 1e-9 * np.eye(size))
    except np.linalg.LinAlgError:
        return np.eye(size)


def _directions(
    root: Float[Array, "param param"], count: int, *, key: Key[Array, ""]
) -> Float[np.ndarray, "row param"]:
    """Unit vectors drawn with a covariance, given by its root; orthogonal in sets as large as the space."""
    size = len(root)
    drawn = jax.random.normal(key, (-(-count // size), size, min(count, size)), root.dtype)
    frames = np.linalg.qr(np.asarray(root, float) @ np.asarray(drawn, float))[0]
    return np.concatenate(list(np.swapaxes(frames, 1, 2)))[:count]


def _settled(levels: Levels, cube: Float[Array, "row param"], *, key: Key[Array, ""]) -> Float[Array, "row param"]:
    """Places whose whole numbers are rounded up or down at random, so that their mean stays; now and then one moves."""
    if not np.any(np.asarray(levels.whole)):
        return cube
    turn, pick, move, luck = jax.random.split(key, 4)
    cube = levels.snapped(cube + levels.step * (jax.random.uniform(turn, cube.shape) - 0.5))
    one = jnp.argmax(jnp.where(levels.whole, jax.random.uniform(pick, cube.shape), -1.0), 1)
    lucky = jax.random.bernoulli(luck, CHANCE, (len(cube), 1)) & (jnp.arange(cube.shape[1]) == one[:, None])
    return jnp.where(lucky, levels.moved(cube, cube, key=move), cube)
