"""Generative surrogate: descent through a model that samples outcomes, for problems without derivatives."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from daedalus.core import ONE_GOAL, Capabilities, Evaluation, Goals, Optimiser, Point, Proposal, Space
from daedalus.optimisers.local_region import LocalSearch, LocalState
from daedalus.optimisers.neighbourhood import Neighbourhood
from daedalus.optimisers.outcome_network import MEMBERS, Examples, Frame, OutcomeNetwork

ALL = 12  # parameters up to which the network reads all of them
ACTIVE = 8  # coordinates it reads of more parameters: the present slope, and the active subspace of earlier ones
FADING = 2.0  # [regions]; distance at which a row counts half
FEWEST_ROWS = 64  # of the buffers that are compiled for; powers of two from there on


class GenerativeState(eqx.Module):
    """What a generative surrogate knows. A pytree of arrays."""

    local: LocalState
    network: OutcomeNetwork
    key: Key[Array, ""]  # of the members' shares of rows


class GenerativeSurrogate(Optimiser):
    """Descent through a generative model of outcomes, trained again in each region and differentiated.

    The model (`OutcomeNetwork`) says for any design near the centre how scores and excesses would be distributed: an
    ensemble of small networks whose samples are normal with a mean and a spread that depend on the design, trained by
    likelihood with the reported standard errors on the rows in the region, from where the last training ended. The
    loss that is descended is the mean over samples; an excess counts as its mean and one standard deviation more.
    Where parameters are many the networks read the present slope and the active subspace of earlier ones, which
    regression finds as for `LinearSurrogate`; what the other parameters do is part of the spread. Of several objectives
    the sum is minimised, each with a distribution of its own.
    """

    handles: ClassVar[Capabilities] = Capabilities(constraints=True, noise=True, partial_batches=True, traceable=False)

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
    ) -> GenerativeState:
        """The state before the first round."""
        own, shares = jax.random.split(key)
        local = self.search.begin(space, start, goals)
        outcomes = goals.objectives + goals.constraints
        frame = self._frame(local, jnp.zeros(outcomes), jnp.ones(outcomes))
        return GenerativeState(local, OutcomeNetwork.untrained(frame, goals.objectives, key=own), shares)

    def ask(self, state: GenerativeState, *, key: Key[Array, ""]) -> Proposal:
        """The points of the next round."""
        model = state.network if int(state.local.region.learnt) else state.local.model  # nothing to say at first
        return self.search.ask(state.local, model, key=key)

    def tell(self, state: GenerativeState, proposal: Proposal, evaluation: Evaluation) -> GenerativeState:
        """The state after the evaluations of a proposal."""
        local = self.search.recorded(state.local, proposal, evaluation)
        if not self.search.due(local):
            return dataclasses.replace(state, local=local)
        near = self.search.around(local)
        if near.size == 0:
            local, network = self.search.lost(local), state.network
        else:
            fits = self.search.fits(local, near)
            network = self._trained(state, local, near, fits[0].slope)
            values = np.asarray(network.estimates(_examples(network.frame, local, near, state.key)), float)[: near.size]
            objectives = network.objectives
            estimates = np.column_stack([values[:, :objectives].sum(1), values[:, objectives:]])
            local = self.search.moved(local, near, fits, estimates)
        frame = self._frame(local, network.frame.middle, network.frame.scale)
        return GenerativeState(local, network.seen_from(frame), state.key)

    def _trained(
        self, state: GenerativeState, local: LocalState, near: Neighbourhood, slope: Float[np.ndarray, "param"]
    ) -> OutcomeNetwork:
        """The network trained on some rows, in a frame that suits them."""
        outcomes = np.asarray(local.record.outcome, float)[near.index]
        half = outcomes[: (near.size + 1) // 2]
        middle = np.median(half, 0)
        scale = np.maximum(1.5 * np.median(np.abs(half - middle), 0), 1e-6 * (1e-6 + np.abs(middle)))
        frame = self._frame(local, jnp.asarray(middle), jnp.asarray(scale), slope)
        return state.network.seen_from(frame).trained(_examples(frame, local, near, state.key))

    def _frame(
        self,
        local: LocalState,
        middle: Float[Array, "outcome"],
        scale: Float[Array, "outcome"],
        slope: Float[np.ndarray, "param"] | None = None,
    ) -> Frame:
        """The frame of the present region, with coordinates along a slope, by default that of the polynomials."""
        dtype, size = local.region.centre.dtype, len(local.region.centre)
        basis = np.eye(size)
        if size > ALL:
            slope = np.asarray(local.model.slope[0], float) if slope is None else slope
            found = np.column_stack([slope, self.search.basis(local)])[:, :ACTIVE]
            axes, triangle = np.linalg.qr(found)
            axes = np.where(np.abs(np.diag(triangle)) > 1e-9, axes, 0.0)
            basis = np.pad(axes, ((0, 0), (0, ACTIVE - axes.shape[1])))
        cast = lambda value: jnp.asarray(value, dtype)
        return Frame(*map(cast, (local.region.centre, local.sizes, basis, middle, scale)))


def _examples(frame: Frame, local: LocalState, near: Neighbourhood, key: Key[Array, ""]) -> Examples:
    """Rows in the coordinates of a frame, in a buffer; failed ones are as bad as the worst, give or take the range."""
    record, dtype = local.record, frame.centre.dtype
    outcomes = np.asarray(record.outcome, float)[near.index]
    errors = np.nan_to_num(np.asarray(record.outcome_error, float)[near.index])
    bad = np.ones((len(near.failed), 1))
    outcomes, errors = (
        np.concatenate([outcomes, bad * outcomes.max(0)]),
        np.concatenate([errors, bad * np.ptp(outcomes, 0)]),
    )
    steps = np.concatenate([near.steps, near.failed])
    index = np.concatenate([near.index, near.failed_index])
    length = max(FEWEST_ROWS, 1 << (len(steps) - 1).bit_length())
    pad = lambda rows: jnp.asarray(np.pad(rows, [(0, length - len(rows)), *[(0, 0)] * (rows.ndim - 1)]), dtype)
    weights = 1.0 / (1.0 + (np.linalg.norm(steps, axis=1) / FADING) ** 4)
    share = lambda row: jax.random.exponential(jax.random.fold_in(key, row), (MEMBERS,), dtype)
    turns = jax.vmap(share, out_axes=1)(jnp.asarray(np.pad(index, (0, length - len(index)))))
    return Examples(
        coordinates=pad(steps @ np.asarray(frame.basis, float)),
        outcomes=pad((outcomes - np.asarray(frame.middle, float)) / np.asarray(frame.scale, float)),
        errors=pad(errors / np.asarray(frame.scale, float)),
        weights=pad(weights),
        turns=turns,
    )
