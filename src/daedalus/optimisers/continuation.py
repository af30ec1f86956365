"""Continuation: objects of a library that follow a growing record, and are made again where they do not."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from jaxtyping import Float

KEPT = 4  # objects; as many searches may take turns without one of them starting again


@dataclasses.dataclass(frozen=True, eq=False)
class _Follower:
    """An object, what it was made with, and the record it has been told."""

    made_with: Hashable
    record: np.ndarray
    thing: Any

    def fits(self, made_with: Hashable, record: np.ndarray) -> bool:
        told = len(self.record)
        return self.made_with == made_with and np.array_equal(self.record, record[:told])


_followers: list[_Follower] = []  # a cache: everything here can be made again from a record
_lock = threading.Lock()


@contextmanager
def following(
    record: Float[np.ndarray, "row column"],
    made_with: Hashable,
    make: Callable[[], Any],
    tell: Callable[[Any, Float[np.ndarray, "row column"]], None],
) -> Iterator[Any]:
    """An object that has been told a record, row by row from the first on, for use within a ``with`` block.

    The state of a search holds the record only. An object that was told the beginning of it before is told the rest;
    without one it is made and told everything, which has to give the same object.

    Args:
        record: rows of numbers, none of them NaN.
        made_with: what decides ``make``.
        make: an object that knows no row.
        tell: gives an object more rows, in order.
    """
    follower = _taken(record, made_with) or _Follower(made_with, record[:0], make())
    told = len(follower.record)
    if told < len(record):
        tell(follower.thing, record[told:])
    yield follower.thing
    with _lock:
        _followers.insert(0, _Follower(made_with, record, follower.thing))
        del _followers[KEPT:]


def _taken(record: np.ndarray, made_with: Hashable) -> _Follower | None:
    """The object that knows most of a record; it leaves the cache, so that nobody else uses it meanwhile."""
    with _lock:
        fitting = [follower for follower in _followers if follower.fits(made_with, record)]
        longest = max(fitting, key=lambda follower: len(follower.record), default=None)
        if longest is not None:
            _followers.remove(longest)
        return longest
