"""Record: every row a search was told, for methods that learn from all of them."""

from __future__ import annotations

import dataclasses

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from daedalus.core import Evaluation, Goals, Proposal

FIRST = 64  # rows reserved at first; buffers double when they are full


class Record(eqx.Module):
    """The rows a search was told, in the order of telling; buffers hold ``count`` of them.

    An outcome is what is measured of a design: its scores, then its excesses. Those of failed rows are NaN.
    """

    cube: Float[Array, "row param"]  # places [1]
    loss: Float[Array, "row"]  # [1]; inf where there is none
    loss_error: Float[Array, "row"]  # [1]; NaN where it is unknown
    outcome: Float[Array, "row outcome"]  # scores and excesses [1]
    outcome_error: Float[Array, "row outcome"]  # [1]
    count: Int[Array, ""]

    @staticmethod
    def empty(size: int, goals: Goals) -> Record:
        """A record without rows, for so many parameters."""
        outcomes, nothing = goals.objectives + goals.constraints, jnp.full((FIRST,), jnp.inf)
        unknown = jnp.full((FIRST, outcomes), jnp.nan)
        return Record(jnp.zeros((FIRST, size)), nothing, nothing, unknown, unknown, jnp.zeros((), jnp.int32))

    def extended(self, proposal: Proposal, evaluation: Evaluation) -> Record:
        """The record with the rows of an evaluation appended."""
        outcome = np.concatenate([evaluation.scores, evaluation.excess], 1)
        outcome_error = np.concatenate([evaluation.score_errors, evaluation.excess_errors], 1)
        loss = np.where(np.isfinite(evaluation.loss), evaluation.loss, np.inf)
        rows = (proposal.points.cube, loss, evaluation.loss_error, outcome, outcome_error)
        first, last = int(self.count), int(self.count) + len(loss)
        length = max(len(self.loss), 1 << (last - 1).bit_length())
        # in numpy, because every new length would be compiled for
        filled = []
        for buffer, row in zip(dataclasses.astuple(self)[:-1], rows, strict=True):
            longer = np.zeros((length, *buffer.shape[1:]), buffer.dtype)
            longer[: len(buffer)] = buffer
            longer[first:last] = row
            filled.append(jnp.asarray(longer))
        return Record(*filled, count=jnp.asarray(last, jnp.int32))

    @property
    def sound(self) -> Bool[np.ndarray, "told"]:
        """Which of the told rows have a loss and all outcomes."""
        count = int(self.count)
        whole = np.isfinite(np.asarray(self.outcome)[:count]).all(1)
        return np.isfinite(np.asarray(self.loss)[:count]) & whole
