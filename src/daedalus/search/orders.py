"""Orders: evaluations of a traceable problem that are made elsewhere, each of one design."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from daedalus.core import Evaluation, Outcome, Partition, Point, Pressure, Problem, Status


@dataclasses.dataclass(frozen=True)
class Order:
    """One design to be evaluated, with all that decides the result, as NumPy arrays: it may travel anywhere."""

    id: int
    point: Point
    key: np.ndarray  # the round's, as the numbers it is made of
    key_kind: str  # of random numbers
    partition: Partition
    softness: float | None  # of the relaxed stages [1]; None is the real apparatus
    gradient: bool
    pressure: Pressure | None
    precision: str  # of floating-point numbers


@dataclasses.dataclass(frozen=True)
class Delivery:
    """What became of an order: an evaluation in NumPy arrays, or none, and how it went."""

    outcome: Outcome
    evaluation: Evaluation | None


@runtime_checkable
class Elsewhere(Protocol):
    """A place where designs are evaluated: other processes, a cluster."""

    def deliver(self, problem: Problem, orders: Sequence[Order]) -> Sequence[Delivery]:
        """The deliveries of orders, in any order; exactly one each."""
        ...


def evaluated(problem: Problem, order: Order) -> Evaluation:
    """The evaluation an order asks for, in NumPy arrays.

    The same bits wherever it is made, on machines of one kind: all random numbers follow from the order.
    """
    key = jax.random.wrap_key_data(jnp.asarray(order.key), impl=order.key_kind)
    measure = _compiled(problem, order.partition, order.gradient, order.softness is None)
    softness = jnp.asarray(1.0 if order.softness is None else order.softness)
    return _plain(measure(jax.tree.map(jnp.asarray, order.point), key, softness, order.pressure))


@lru_cache(maxsize=16)
def _compiled(problem: Problem, partition: Partition, gradient: bool, real: bool) -> Any:
    def measure(point: Point, key: Array, softness: Array, pressure: Pressure | None) -> Evaluation:
        how = {"softness": None if real else softness, "gradient": gradient, "pressure": pressure}
        return problem.measure(point, key=key, partition=partition, **how)

    return eqx.filter_jit(measure)


def _plain(tree: PyTree) -> PyTree:
    return jax.tree.map(np.asarray, tree)


def unevaluated(problem: Problem, order: Order) -> Evaluation:
    """The evaluation of an order that was lost for good: failed, worth nothing, without a direction."""
    whole = lambda leaf: np.zeros(leaf.shape, leaf.dtype)
    asked = eqx.filter_eval_shape(
        lambda point: problem.measure(
            point,
            key=jax.random.key(0),
            partition=order.partition,
            softness=None if order.softness is None else jnp.asarray(order.softness),
            gradient=order.gradient,
            pressure=order.pressure,
        ),
        order.point,
    )
    empty = jax.tree.map(whole, asked)
    return eqx.tree_at(
        lambda each: (each.loss, each.status), empty, (np.full_like(empty.loss, np.inf), np.int32(Status.FAILED))
    )
