"""Threads: the linear algebra of methods that think in Python stays on one of them."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager

import scipy.linalg  # noqa: F401  (its library must be loaded before it is looked for)
from threadpoolctl import ThreadpoolController


@contextmanager
def one_thread() -> Iterator[None]:
    """Linear algebra inside this context uses one thread, in the whole process.

    The matrices of surrogates have some hundred rows, too few for several threads to help; and where others use the
    machine, threads that wait for each other by spinning make them ten times slower.
    """
    with _libraries().limit(limits=1, user_api="blas"):
        yield


@functools.cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()
