"""Tasks: a problem with its recipe and figures, made from a configuration."""

from __future__ import annotations

import dataclasses
from typing import Any

from daedalus.app.configuration import RECIPE, Configuration
from daedalus.app.options import option_values
from daedalus.catalogue import Offer, Recipe, load, offer, resolved
from daedalus.core import Optimiser, Problem
from daedalus.optimisers import optimiser


@dataclasses.dataclass(frozen=True)
class Task:
    """What a configuration stands for, once its study is imported."""

    configuration: Configuration  # complete: nothing is None that the recipe knows
    problem: Problem
    optimiser: Optimiser
    recipe: Recipe
    offer: Offer


def task(given: Configuration) -> Task:
    """The task of a configuration, whose gaps are filled from the study's recipe.

    Raises:
        StudyError: unknown problem or option.
        OptimiserError: unknown optimiser or option of it.
    """
    found = offer(given.problem)
    options = option_values(resolved(found.problem), given.options, given.problem)
    problem = load(given.problem, **options)
    recipe: Recipe = resolved(found.recipe)(problem)
    gaps = {
        name: getattr(recipe, name)
        for name in ("rounds", "events", "scenarios", "scoring_scenarios")
        if getattr(given, name) is None
    }
    method = recipe.optimiser if given.optimiser == RECIPE else _named(given)
    return Task(given.changed(**gaps), problem, method, recipe, found)


def _named(given: Configuration) -> Optimiser:
    options: dict[str, Any] = dict(given.optimiser_options)
    return optimiser(given.optimiser, **options)
