"""What workers of a cluster do: functions that are sent there, and what they remember between two calls."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jax

from daedalus.core import Evaluation, Outcome, Problem, Request, Simulator, attempted
from daedalus.search.orders import Order, evaluated


def timed(function: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    """What a function returns, and how long it took [s]."""
    began = time.perf_counter()
    return function(*arguments), time.perf_counter() - began


def answered(pickled: bytes, request: Request) -> Outcome:
    """The outcome of a simulator's request."""
    return attempted(_simulator(pickled), request)


def ordered(pickled: bytes, order: Order) -> Evaluation:
    """The evaluation that an order asks for."""
    if bool(jax.config.jax_enable_x64) != (order.precision == "float64"):  # pyright: ignore[reportAttributeAccessIssue]
        jax.config.update("jax_enable_x64", order.precision == "float64")
    return evaluated(_problem(pickled), order)


def same(value: bytes) -> bytes:
    """The value: as a task, it is made again where all copies are lost."""
    return value


@lru_cache(maxsize=4)
def _problem(pickled: bytes) -> Problem:
    return pickle.loads(pickled)


@lru_cache(maxsize=4)
def _simulator(pickled: bytes) -> Simulator:
    return pickle.loads(pickled)
