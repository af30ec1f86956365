"""Shrinking: any method, with its points drawn back to where the last ones were sound."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PyTree

from daedalus.core import ONE_GOAL, Capabilities, Evaluation, Goals, Optimiser, Point, Proposal, Space

SMALLEST = 2.0**-20  # share of the way


class ShrinkingState(eqx.Module):
    """A method's own state, and how far its points are drawn back."""

    inner: PyTree
    anchor: Point  # the last sound point of every start; axis start first
    share: Float[Array, "start"]  # of the way from there to where the method would go [1]


class Shrinking(Optimiser):
    """A method whose points go half as far after each evaluation that is not sound, and twice as far after a sound one.

    The way is that from the last sound point of the same start (the search's start, where there has been none) to
    where the method would go. While all is sound, the points are the method's own, to the bit.
    """

    inner: Optimiser

    def __init__(self, inner: Optimiser) -> None:
        """The method whose points are drawn back."""
        self.inner = inner

    @property
    def handles(self) -> Capabilities:  # pyright: ignore[reportIncompatibleVariableOverride]
        """What the method handles."""
        return self.inner.handles

    def init(
        self, space: Space, start: Point, *, key: Key[Array, ""], rounds: int, goals: Goals = ONE_GOAL
    ) -> ShrinkingState:
        """The state before the first round."""
        inner = self.inner.init(space, start, key=key, rounds=rounds, goals=goals)
        count = self.inner.ask(inner, key=key).points.cube.shape[0]
        anchor = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (count, *leaf.shape)), start)
        return ShrinkingState(inner, anchor, jnp.ones(count, start.cube.dtype))

    def ask(self, state: ShrinkingState, *, key: Key[Array, ""]) -> Proposal:
        """The method's points, drawn back."""
        proposal = self.inner.ask(state.inner, key=key)

        def drawn(anchor: Array, wished: Array) -> Array:
            share = state.share.reshape(-1, *[1] * (wished.ndim - 1)).astype(wished.dtype)
            return jnp.where(share < 1, anchor + share * (wished - anchor), wished)

        points = jax.tree.map(drawn, state.anchor, proposal.points)
        return eqx.tree_at(lambda each: each.points, proposal, points)

    def tell(self, state: ShrinkingState, proposal: Proposal, evaluation: Evaluation) -> ShrinkingState:
        """The state after the evaluations of a proposal."""
        sound = evaluation.sound
        kept = lambda old, new: jnp.where(sound.reshape(-1, *[1] * (new.ndim - 1)), new, old)
        anchor = jax.tree.map(kept, state.anchor, proposal.points)
        share = jnp.where(sound, jnp.minimum(1.0, 2 * state.share), jnp.maximum(SMALLEST, state.share / 2))
        return ShrinkingState(self.inner.tell(state.inner, proposal, evaluation), anchor, share)
