"""Optimisers by name, for the command line and for configuration files."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any

from daedalus.core import Optimiser
from daedalus.errors import OptimiserError
from daedalus.optimisers.schedules import Constant, Cosine, Geometric, OneCycle, Schedule

# where each method's class is; imported when it is asked for, because some bring a library with them
OPTIMISERS: Mapping[str, str] = MappingProxyType(
    {
        "grid": "daedalus.optimisers.grid:Grid",
        "random": "daedalus.optimisers.random_search:RandomSearch",
        "sobol": "daedalus.optimisers.sobol:Sobol",
        "tpe": "daedalus.optimisers.parzen:ParzenEstimator",
        "nsga2": "daedalus.optimisers.nsga:NSGA",
        "cmaes": "daedalus.optimisers.cmaes:CMAES",
        "annealing": "daedalus.optimisers.annealing:Annealing",
        "de": "daedalus.optimisers.differential_evolution:DifferentialEvolution",
        "gp": "daedalus.optimisers.gaussian_process:GaussianProcess",
        "adam": "daedalus.optimisers.adam:Adam",
        "sgd": "daedalus.optimisers.sgd:SGD",
        "lbfgs": "daedalus.optimisers.lbfgs:LBFGS",
        "newton": "daedalus.optimisers.newton:Newton",
        "linear": "daedalus.optimisers.linear_surrogate:LinearSurrogate",
        "quadratic": "daedalus.optimisers.quadratic_surrogate:QuadraticSurrogate",
        "generative": "daedalus.optimisers.generative_surrogate:GenerativeSurrogate",
    }
)
SCHEDULES: Mapping[str, type[Schedule]] = MappingProxyType(
    {"constant": Constant, "cosine": Cosine, "geometric": Geometric, "one_cycle": OneCycle}
)


def optimiser(name: str, **options: Any) -> Optimiser:
    """The optimiser of a name, made with the given options; a schedule may be given by its name.

    Raises:
        OptimiserError: an unknown name, option or schedule; the text suggests near ones.
    """
    module, _, kind_name = OPTIMISERS[_known("optimiser", name, list(OPTIMISERS))].partition(":")
    kind = getattr(import_module(module), kind_name)
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
