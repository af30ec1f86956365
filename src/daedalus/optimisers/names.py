"""Optimisers by name, for the command line and for configuration files."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from daedalus.core import Optimiser
from daedalus.errors import OptimiserError
from daedalus.optimisers.adam import Adam
from daedalus.optimisers.random_search import RandomSearch
from daedalus.optimisers.schedules import Constant, Cosine, Geometric, OneCycle, Schedule
from daedalus.optimisers.sgd import SGD

OPTIMISERS: Mapping[str, type[Optimiser]] = MappingProxyType({"adam": Adam, "sgd": SGD, "random": RandomSearch})
SCHEDULES: Mapping[str, type[Schedule]] = MappingProxyType(
    {"constant": Constant, "cosine": Cosine, "geometric": Geometric, "one_cycle": OneCycle}
)


def optimiser(name: str, **options: Any) -> Optimiser:
    """The optimiser of a name, made with the given options; a schedule may be given by its name.

    Raises:
        OptimiserError: an unknown name, option or schedule; the text suggests near ones.
    """
    kind = OPTIMISERS[_known("optimiser", name, list(OPTIMISERS))]
    accepted = [option for option in inspect.signature(kind).parameters if option != "self"]
    for option, value in options.items():
        _known(f"option of {name}", option, accepted)
        if option in ("schedule", "softness") and isinstance(value, str):
            options[option] = SCHEDULES[_known("schedule", value, list(SCHEDULES))]()
    return kind(**options)


def _known(what: str, name: str, names: list[str]) -> str:
    if name not in names:
        near = difflib.get_close_matches(name, names, n=2, cutoff=0.4)
        hint = f"Did you mean {' or '.join(near)}? " if near else ""
        raise OptimiserError(f"no {what} is called {name!r}. {hint}Known: {', '.join(names)}.")
    return name
