"""Tasks: a problem with its recipe and figures, made from a configuration."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax

from daedalus.app.configuration import AUTO, RECIPE, Configuration
from daedalus.app.options import option_values
from daedalus.catalogue import Offer, Recipe, load, offer, resolved
from daedalus.core import Optimiser, Problem, scoring_key
from daedalus.optimisers import OPTIMISERS, optimiser
from daedalus.optimisers.auto import Choice, Facts, choice
from daedalus.search.comparison import batch_size
from daedalus.search.facts import findings


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
    problem = dataclasses.replace(load(given.problem, **options), frozen=tuple(given.freeze))
    problem.space  # names are checked before anything is made  # noqa: B018
    recipe: Recipe = resolved(found.recipe)(problem)
    gaps = {n: getattr(recipe, n) for n in ("events", "scenarios", "scoring_scenarios") if getattr(given, n) is None}
    method = recipe.optimiser if given.optimiser in (RECIPE, AUTO) else _named(given)
    chosen = given.changed(**gaps)
    if chosen.rounds is None:
        rounds = recipe.rounds if chosen.calls is None else max(1, chosen.calls // batch_size(problem, method))
        chosen = dataclasses.replace(chosen, rounds=rounds, calls=None)
    return Task(chosen, problem, method, recipe, found)


def resolved_task(given: Configuration) -> tuple[Task, Choice | None]:
    """The task of a configuration; where its optimiser is "auto", one is chosen, and the reasons come along.

    The choice depends on how long an evaluation takes: it stands in the resolved configuration, so that a repeated run
    does not choose again.

    Raises:
        StudyError: unknown problem or option.
        OptimiserError: unknown optimiser or option of it.
    """
    found = task(given)
    if given.optimiser != AUTO:
        return found, None
    facts = facts_of(found, calls=given.calls)
    chosen = choice(facts)
    budget = {"calls": facts.calls} if given.rounds is None else {}
    if OPTIMISERS[chosen.name].endswith(f":{type(found.recipe.optimiser).__name__}"):
        return task(given.changed(optimiser=RECIPE, **budget)), chosen  # the study knows its steps
    return task(given.changed(optimiser=chosen.name, optimiser_options=dict(chosen.options), **budget)), chosen


def facts_of(found: Task, *, calls: int | None = None) -> Facts:
    """What the choice of an optimiser depends on, measured with a few evaluations.

    Args:
        found: the task, with the recipe's optimiser.
        calls: the budget [1]; by default what the recipe would spend.
    """
    problem, chosen = found.problem, found.configuration
    sizes = {"events": chosen.events, "scenarios": chosen.scenarios}
    told = findings(problem, key=scoring_key(jax.random.key(chosen.seed), 3), **sizes)
    kinds = [entry.kind for entry in problem.space.entries]
    return Facts(
        parameters=problem.space.size,
        whole=kinds.count("whole"),
        choices=kinds.count("choice"),
        gradients=told.gradients,  # pyright: ignore[reportArgumentType]
        noise=told.noise,
        seconds=told.seconds,
        gradient_seconds=told.gradient_seconds,
        objectives=problem.goals.objectives,
        constraints=problem.goals.constraints,
        learned=problem.space.learned_size,
        calls=calls or (chosen.rounds or 1) * batch_size(problem, found.optimiser),
    )


def _named(given: Configuration) -> Optimiser:
    options: dict[str, Any] = dict(given.optimiser_options)
    return optimiser(given.optimiser, **options)
