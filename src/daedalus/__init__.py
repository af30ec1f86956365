"""Daedalus: the differentiable co-design of scientific experiments.

The public names below are resolved on first use, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_PLACES = {
    "Constraint": "daedalus.core",
    "Derivative": "daedalus.core",
    "Design": "daedalus.core",
    "Exchange": "daedalus.core",
    "History": "daedalus.core",
    "Metric": "daedalus.core",
    "Objective": "daedalus.core",
    "Pipeline": "daedalus.core",
    "Problem": "daedalus.core",
    "Scenarios": "daedalus.core",
    "Space": "daedalus.core",
    "Stage": "daedalus.core",
    "learned": "daedalus.core",
    "load": "daedalus.catalogue",
    "optimise": "daedalus.search",
    "parameter": "daedalus.core",
    "scoring_key": "daedalus.core",
    "studies": "daedalus.catalogue",
}
_MODULES = (
    "core",
    "errors",
    "events",
    "gradients",
    "landscapes",
    "optimisers",
    "physics",
    "search",
    "testing",
    "units",
)

__all__ = [*_PLACES, *_MODULES]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(import_module(_PLACES[name]), name)
    if name in _MODULES:
        return import_module(f"daedalus.{name}")
    raise AttributeError(f"module 'daedalus' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
