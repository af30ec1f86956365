"""Optimisers: how the space of designs is searched. They see the unit cube and evaluations only.

The classes are imported when they are asked for: some bring a library with them.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from daedalus.optimisers.clipping import Clipping, ErrorNorm, GlobalNorm
from daedalus.optimisers.names import OPTIMISERS, optimiser
from daedalus.optimisers.schedules import Constant, Cosine, Geometric, Latter, OneCycle, Schedule, WarmUp

_CLASSES = {place.rpartition(":")[2]: place.partition(":")[0] for place in OPTIMISERS.values()}

__all__ = [  # pyright: ignore[reportUnsupportedDunderAll]
    "OPTIMISERS",
    "Clipping",
    "Constant",
    "Cosine",
    "ErrorNorm",
    "Geometric",
    "GlobalNorm",
    "Latter",
    "OneCycle",
    "Schedule",
    "WarmUp",
    "optimiser",
    *_CLASSES,
]


def __getattr__(name: str) -> Any:
    if name in _CLASSES:
        return getattr(import_module(_CLASSES[name]), name)
    raise AttributeError(f"module 'daedalus.optimisers' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
