"""Newton: curvature from differences of gradients on common random numbers, in a trust region."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from daedalus.core import ONE_GOAL, Capabilities, Evaluation, Goals, Optimiser, Point, Proposal, Space
from daedalus.errors import OptimiserError
from daedalus.optimisers.augmented_lagrangian import AugmentedLagrangian
from daedalus.optimisers.descent import SOFTNESS_BY_ROUND
from daedalus.optimisers.region import Place
from daedalus.optimisers.schedules import Schedule
from daedalus.optimisers.trust_region import RegionState, TrustRegion

FLAT = 1e-6  # least curvature [share of the largest]
ALIKE = 0.1  # singular value below which directions of a stencil say the same [1]
KEPT = 0.7  # share of the earlier diagonal that a round keeps [1]

Matrix = Float[Array, "*start param param"]
Vectors = Float[Array, "point param"]


class Dense(eqx.Module):
    """A Hessian as a matrix."""

    matrix: Matrix

    def __call__(self, step: Float[Array, "param"]) -> Float[Array, "param"]:
        """The product with a step."""
        return self.matrix @ step


class NewtonState(eqx.Module):
    """Where the search is, and the Hessian at its bases as it was measured."""

    region: RegionState
    hessians: Matrix  # [per step squared]
    seen: Float[Array, "start"]  # rounds that measured a curvature
    reach: Float[Array, "param"]  # of the stencil [share of the range]


class Newton(Optimiser):
    """Newton's method in a trust region, with the Hessian from a stencil of gradients.

    Each round asks for every start's point and for a stencil around it. All gradients of a round are measured on the
    same random numbers, so that their differences have little noise; symmetrised they give the Hessian. Its negative
    eigenvalues are turned around (saddle-free: Dauphin et al., NeurIPS 2014, section 5) or cut off. Rows: first one per
    start, then the starts again for every point of the stencil.

    A whole number's stencil spans one value, so that its curvature is that between neighbours; its gradient passes
    straight through (biased), and steps are judged by slopes alone: take the best row, not the last.
    """

    handles: ClassVar[Capabilities] = Capabilities(gradients=True, constraints=True, noise=True)

    region: TrustRegion
    hessian: Literal["full", "block", "diagonal"]
    directions: int
    stencil: float
    negative: Literal["turn", "cut"]

    def __init__(
        self,
        *,
        steps: Mapping[str, float] | None = None,
        step_share: float = 0.1,
        hessian: Literal["full", "block", "diagonal"] = "full",
        directions: int = 4,
        stencil: float = 1e-3,
        negative: Literal["turn", "cut"] = "turn",
        learned_rate: float = 1e-3,
        softness: Schedule = SOFTNESS_BY_ROUND,
        lagrangian: AugmentedLagrangian | None = None,
        starts: int = 1,
        spread: float | None = None,
    ) -> None:
        """Settings of the search.

        Args:
            steps: length of the first move by parameter name, "z" for all z[...] [house units of the parameter].
            step_share: length of the first move of the parameters not named [share of their range].
            hessian: "full" measures all of it with a point per parameter; "block" some directions a round, the
                predicted slope, the last step and random ones, and remembers the rest; "diagonal" the diagonal only,
                with random signs, for parameters that hardly interact.
            directions: points of the stencil, unless it is full [1].
            stencil: how far its points are away [steps].
            negative: what becomes of negative eigenvalues: "turn" takes their absolute value, "cut" a small positive
                one, so that the step follows them up to the radius.
            learned_rate: learning rate of the learned leaves, which Adam moves [1].
            softness: scale of the relaxations' widths [1], constant for a stage of rounds.
            lagrangian: how measured constraints press.
            starts: searches side by side [1]; the first begins at the given design.
            spread: standard deviation of the other starts around it [share of range]; None: anywhere.

        Raises:
            OptimiserError: an unknown kind of Hessian or treatment, or a stencil of no size.
        """
        kinds, treatments = ("full", "block", "diagonal"), ("turn", "cut")
        if hessian not in kinds or negative not in treatments or directions < 1 or not stencil > 0:
            raise OptimiserError(
                f"Newton with hessian {hessian!r}, negative {negative!r}, {directions} directions and a stencil of "
                f"{stencil}; expected one of {', '.join(kinds)}, one of {', '.join(treatments)}, and positive numbers."
            )
        press = lagrangian or AugmentedLagrangian()
        self.region = TrustRegion(dict(steps or {}), step_share, learned_rate, softness, press, starts, spread)
        self.hessian, self.directions, self.stencil, self.negative = hessian, directions, stencil, negative

    def init(
        self, space: Space, start: Point, *, key: Key[Array, ""], rounds: int, goals: Goals = ONE_GOAL
    ) -> NewtonState:
        """The state before the first round.

        Raises:
            OptimiserError: no parameter is free.
        """
        if space.size == 0:
            raise OptimiserError("Newton has no free parameter to curve the loss; move learned leaves by adam.")
        state = self.region.begin(space, start, key=key, rounds=rounds, goals=goals)
        hessians = jnp.zeros_like(state.regions.base.covariance)
        value = jnp.asarray(1 / (space.upper - space.lower), state.steps.dtype)  # of a whole number [share of range]
        reach = jnp.where(space.whole, value, jnp.minimum(self.stencil * state.steps, 0.5))
        return NewtonState(state, hessians, hessians[:, 0, 0], reach)

    def ask(self, state: NewtonState, *, key: Key[Array, ""]) -> Proposal:
        """The points of the next round: one per start, and their stencils."""
        proposal, keys = self.region.ask(state.region), jax.random.split(key, state.hessians.shape[0])
        cube = proposal.points.cube
        own = lambda *given: self._arms(*given, state)  # pyright: ignore[reportCallIssue]
        arms = jax.vmap(own)(cube, state.region.regions.base, state.hessians, keys)
        around = jnp.swapaxes(jnp.clip(cube[:, None] + arms, 0.0, 1.0), 0, 1)
        again = lambda leaf: jnp.tile(leaf, (1 + len(around), *[1] * (leaf.ndim - 1)))
        points, pressure = jax.tree.map(again, (proposal.points, proposal.pressure))
        every = jnp.concatenate([cube[None], around]).reshape(points.cube.shape)
        return Proposal(Point(every, points.learned), proposal.softness, pressure)

    def tell(self, state: NewtonState, proposal: Proposal, evaluation: Evaluation) -> NewtonState:
        """The state after the evaluations of a proposal."""
        starts = state.hessians.shape[0]
        first = lambda tree: jax.tree.map(lambda leaf: leaf[:starts], tree)
        believed = jax.vmap(self._positive)(state.hessians)
        region, move = self.region.judged(state.region, first(proposal.points), first(evaluation), believed)
        # seen from the first row of each start; rows without a loss say nothing
        assert evaluation.gradient is not None
        rows = lambda leaf: jnp.swapaxes(leaf.reshape(-1, starts, *leaf.shape[1:]), 0, 1)
        cubes, slopes = rows(proposal.points.cube), rows(evaluation.gradient.value.cube)
        sound = rows(evaluation.sound) & rows(evaluation.sound)[:, :1]
        moves = (cubes[:, 1:] - cubes[:, :1]) / state.region.steps
        changes = (slopes[:, 1:] - slopes[:, :1]) * state.region.steps
        moves, changes = (jnp.where(sound[:, 1:, None], both, 0.0) for both in (moves, changes))
        learn = diagonal_learnt if self.hessian == "diagonal" else learnt
        learned = jax.vmap(learn)(state.hessians, moves, changes, state.seen)
        hessians = jnp.where(move.taken[:, None, None], learned, state.hessians)
        seen = state.seen + (move.taken & jnp.any(moves != 0, (1, 2)))
        region = self.region.stepped(region, jax.vmap(self._positive)(hessians))
        return NewtonState(region, hessians, seen, state.reach)

    def _positive(self, hessian: Matrix) -> Dense:
        """The Hessian without negative eigenvalues."""
        straight = self.hessian == "diagonal"
        values, vectors = (jnp.diagonal(hessian), None) if straight else jnp.linalg.eigh(hessian)
        least = FLAT * jnp.max(jnp.abs(values))
        values = jnp.maximum(jnp.abs(values) if self.negative == "turn" else values, least)
        return Dense(jnp.diag(values) if vectors is None else (vectors * values) @ vectors.T)

    def _arms(
        self, cube: Float[Array, "param"], base: Place, hessian: Matrix, key: Key[Array, ""], state: NewtonState
    ) -> Vectors:
        """From one start's point to its stencil [share of range]."""
        size, inside = len(cube), (cube > state.reach) & (cube < 1 - state.reach)
        inwards = jnp.where(cube + state.reach > 1, -state.reach, state.reach)
        if self.hessian == "full":
            return jnp.diag(inwards)
        if self.hessian == "diagonal":
            signs = jax.random.rademacher(key, (self.directions, size), cube.dtype)
            return jnp.where(inside, signs, jnp.abs(signs)) * inwards
        step = (cube - base.point.cube) / state.region.steps
        wanted = jax.random.normal(key, (self.directions, size), cube.dtype)
        told = jnp.stack([base.slope.cube + hessian @ step, step])[: self.directions]
        # a little chance keeps directions apart that are the same or nothing
        told = told / jnp.maximum(jnp.linalg.norm(told, axis=1, keepdims=True), 1e-30) + 1e-3 * wanted[: len(told)]
        wanted = jnp.where(inside, jnp.concatenate([told, wanted[len(told) :]]), 0.0)
        return jnp.linalg.qr(wanted.T)[0].T * state.reach


def learnt(hessian: Matrix, moves: Vectors, changes: Vectors, seen: Float[Array, ""]) -> Matrix:
    """The symmetric matrix nearest to a Hessian that explains the changes of slope along some moves.

    Powell's symmetric update for several moves at once (Schnabel, Quasi-Newton methods using multiple secant
    equations, 1983); with as many moves as parameters the measured Hessian itself, symmetrised. At first what no move
    has seen has the mean curvature of what was seen.
    """
    lengths = jnp.linalg.norm(moves, axis=1, keepdims=True)
    per = 1 / jnp.where(lengths > 0, lengths, 1.0)
    left, weights, right = jnp.linalg.svd((moves * per).T, full_matrices=False)
    kept = weights > ALIKE
    basis = jnp.where(kept, left, 0.0)
    bent = (changes * per).T @ right.T * jnp.where(kept, 1 / jnp.where(kept, weights, 1.0), 0.0)
    mean = jnp.sum(jnp.abs(jnp.sum(basis * bent, 0))) / jnp.maximum(jnp.sum(kept), 1)
    known = jnp.where(seen > 0, hessian, mean * jnp.eye(len(hessian), dtype=hessian.dtype))
    rest = bent - known @ basis
    inner = basis.T @ rest
    return known + rest @ basis.T + basis @ rest.T - basis @ (inner + inner.T) @ basis.T / 2


def diagonal_learnt(hessian: Matrix, moves: Vectors, changes: Vectors, seen: Float[Array, ""]) -> Matrix:
    """The diagonal of a Hessian from moves of random signs, averaged over rounds.

    Bekas, Kokiopoulou and Saad, Applied Numerical Mathematics 57 (2007) 1214, equation 1.
    """
    squares = jnp.sum(moves**2, 0)
    found = jnp.sum(moves * changes, 0) / jnp.where(squares > 0, squares, 1.0)
    before = jnp.diagonal(hessian)
    mixed = jnp.where(seen > 0, KEPT * before + (1 - KEPT) * found, found)
    return jnp.diag(jnp.where(squares > 0, mixed, before))
