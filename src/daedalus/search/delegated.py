"""Delegated rounds: ask and tell here, the evaluations of a round elsewhere, each design by itself."""

from __future__ import annotations

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key, PyTree

from daedalus.core import Optimiser, Partition, Problem, Proposal, training_key
from daedalus.search.orders import Elsewhere, Order, unevaluated
from daedalus.search.rounds import Batch, admission
from daedalus.search.threads import one_thread


class DelegatedRounds:
    """Single rounds whose designs are evaluated elsewhere; they share events and scenarios as they would here."""

    chunk = 1

    def __init__(self, problem: Problem, optimiser: Optimiser, partition: Partition, elsewhere: Elsewhere) -> None:
        """Rounds of a traceable problem."""
        self.problem, self.optimiser, self.elsewhere = problem, optimiser, elsewhere
        self.partition = dataclasses.replace(partition, devices=1)
        ask, tell = optimiser.ask, optimiser.tell
        if optimiser.handles.traceable:
            ask, tell = eqx.filter_jit(ask), eqx.filter_jit(tell)
        self._ask, self._tell, self._admit = ask, tell, eqx.filter_jit(admission(problem, optimiser))

    def __call__(self, state: PyTree, first: int, rounds: int, key: Key[Array, ""]) -> Batch:
        """The round ``first``."""
        round_key = training_key(key, first)
        with one_thread():
            asked = self._ask(state, key=jax.random.fold_in(round_key, 0))
        proposal = self._admit(asked)
        orders = self._orders(proposal, jax.random.fold_in(round_key, 1))
        found = {each.outcome.id: each for each in self.elsewhere.deliver(self.problem, orders)}
        deliveries = [found[order.id] for order in orders]
        evaluations = [
            unevaluated(self.problem, order) if each.evaluation is None else each.evaluation
            for order, each in zip(orders, deliveries, strict=True)
        ]
        evaluation = jax.tree.map(lambda *leaves: jnp.stack(leaves), *evaluations)
        with one_thread():
            state = self._tell(state, proposal, evaluation)
        proposals, evaluations = jax.tree.map(lambda leaf: leaf[None], (proposal, evaluation))
        told = [each.outcome for each in deliveries]
        went = {"seconds": [each.wall_seconds for each in told], "causes": [each.cause for each in told]}
        return Batch(state, proposals, evaluations, **went)

    def _orders(self, proposal: Proposal, key: Key[Array, ""]) -> list[Order]:
        gradient = self.optimiser.handles.gradients
        here = jax.tree.map(np.asarray, (proposal.points, proposal.pressure))
        one = lambda tree, number: jax.tree.map(lambda leaf: leaf[number], tree)
        return [
            Order(
                number,
                one(here[0], number),
                np.asarray(jax.random.key_data(key)),
                str(jax.random.key_impl(key)),
                self.partition,
                float(proposal.softness) if gradient else None,
                gradient,
                one(here[1], number),
                jnp.result_type(float).name,
            )
            for number in range(here[0].cube.shape[0])
        ]
