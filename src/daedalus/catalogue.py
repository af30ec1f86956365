"""The catalogue: packaged problems, found by name through the entry-point group "daedalus.studies"."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from daedalus.errors import StudyError

if TYPE_CHECKING:  # a list of what there is needs neither
    from daedalus.core import Optimiser, Problem


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a problem is best run, unless the user says otherwise."""

    optimiser: Optimiser
    rounds: int
    events: int  # particles per scenario
    scenarios: int  # scenarios per evaluation in the search
    scoring_scenarios: int  # scenarios of the final measurement on fresh events


@dataclasses.dataclass(frozen=True)
class Offer:
    """One problem a study offers; the places are "module:function", imported only when used."""

    doc: str  # one line
    problem: str  # function(**options) -> Problem
    recipe: str  # function(problem) -> Recipe
    figures: str = ""  # function(problem, before, after, *, key) -> mapping of file name to matplotlib Figure
    layout: str = ""  # function(problem, design) -> sequence of `daedalus.geometry.Element`
    ground: str = ""  # function(problem) -> `daedalus.geometry.regions.Region` that they stand on: x east, y north
    ideals: str = ""  # function(problem) -> mapping of an effect to the Problem without it, for `landscapes.limits`


@dataclasses.dataclass(frozen=True)
class Study:
    """A packaged family of problems."""

    name: str
    doc: str
    offers: Mapping[str, Offer]


def studies() -> dict[str, Study]:
    """All registered studies by name, from this package and from others.

    Raises:
        StudyError: an entry point that cannot be loaded, with the cause.
    """
    found = {}
    for point in sorted(entry_points(group="daedalus.studies"), key=lambda p: p.name):
        try:
            found[point.name] = point.load()
        except Exception as cause:
            raise StudyError(f"the study {point.name!r} ({point.value}) cannot be loaded: {cause!r}.") from cause
    return found


def offer(name: str) -> Offer:
    """The offer of a full name "study/problem".

    Raises:
        StudyError: unknown name; the text suggests near ones.
    """
    known = {
        f"{study.name}/{problem}": entry for study in studies().values() for problem, entry in study.offers.items()
    }
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.3)
        hint = f"Did you mean {' or '.join(near)}?" if near else f"Known: {', '.join(known)}."
        raise StudyError(f"no problem is called {name!r}. {hint}")
    return known[name]


def load(name: str, **options: Any) -> Problem:
    """The problem of a full name "study/problem", made with the given options.

    Raises:
        StudyError: unknown name or option; the text says what there is.
    """
    factory = resolved(offer(name).problem)
    known = inspect.signature(factory).parameters
    unknown = [option for option in options if option not in known]
    if unknown:
        raise StudyError(f"{name} has no option {', '.join(unknown)}; it has {', '.join(known) or 'none'}.")
    return factory(**options)


def takes(*tables: type) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Makes a factory ``factory(*tables, **own)`` take the fields of dataclasses as options beside its own.

    Args:
        tables: dataclasses whose fields all have defaults and names of their own, checked where they are made.
    """

    def flat(factory: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(factory)
        def made(**options: Any) -> Any:
            names = [{field.name for field in dataclasses.fields(table)} for table in tables]
            given = [{name: options.pop(name) for name in own & options.keys()} for own in names]
            return factory(*(table(**own) for table, own in zip(tables, given, strict=True)), **options)

        signatures = [inspect.signature(each, eval_str=True).parameters.values() for each in (factory, *tables)]
        every = [*list(signatures[0])[len(tables) :], *(p for each in signatures[1:] for p in each)]
        only = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in every]
        made.__signature__ = inspect.Signature(only)  # pyright: ignore[reportAttributeAccessIssue]
        made.__annotations__ = {p.name: p.annotation for p in only}
        return made

    return flat


def resolved(place: str) -> Callable[..., Any]:
    """The function at a place "module:function"."""
    module, _, function = place.partition(":")
    return getattr(import_module(module), function)
