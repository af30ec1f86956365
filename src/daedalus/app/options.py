"""Options of a problem, as people give them: name=value on the command line, a table in a file."""

from __future__ import annotations

import contextlib
import difflib
import inspect
import re
import tomllib
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from daedalus.app.configuration import fits
from daedalus.errors import DesignError, RunError, StudyError
from daedalus.units import unit

_QUANTITY = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s+(\S.*)")


def settings(texts: Iterable[str]) -> dict[str, Any]:
    """The options in "name=value" texts: TOML values where they read as such, plain text otherwise.

    Raises:
        RunError: a text without "=", or a name given twice.
    """
    found: dict[str, Any] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not name:
            raise RunError(f"--set {text!r} is not of the form name=value, for instance --set momentum='5 GeV'.")
        if name in found:
            raise RunError(f"--set gives {name} twice; give it once.")
        found[name] = _parsed(value)
    return found


def option_values(factory: Callable[..., Any], options: Mapping[str, Any], problem: str) -> dict[str, Any]:
    """The options of a problem as its factory takes them: quantities ("5 GeV") in house units, lists as
    tuples.

    Args:
        factory: makes the problem.
        options: by name, as given.
        problem: the problem's name, for messages.

    Raises:
        StudyError: an unknown option (near names are suggested), or a value that does not fit its annotation.
    """
    known = inspect.signature(factory).parameters
    hints = _hints(factory)
    values = {}
    for name, given in options.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=2, cutoff=0.5)
            hint = f"Did you mean {' or '.join(near)}?" if near else f"It has {', '.join(known) or 'none'}."
            raise StudyError(f"{problem} has no option {name!r}. {hint}")
        kind = hints.get(name, Any)
        fitting = [value for value in _readings(given) if fits(value, kind)]
        if not fitting:
            expected = inspect.formatannotation(kind)
            raise StudyError(f"option {name} of {problem} is {given!r}; expected {expected}.")
        values[name] = _as_float(fitting[0], kind)
    return values


def _as_float(value: Any, kind: Any) -> Any:
    """A whole number as a float where the annotation knows floats only."""
    kinds = (kind, *typing.get_args(kind))
    return float(value) if type(value) is int and float in kinds and int not in kinds else value


def _hints(factory: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(factory)
    except NameError:  # names that only type checkers import: then the factory itself must check
        return {}


def _readings(given: Any) -> list[Any]:
    """What a given value may mean, most literal first."""
    if isinstance(given, list):
        return [tuple(given)]
    if not isinstance(given, str):
        return [given]
    readings: list[Any] = [given]
    match = _QUANTITY.fullmatch(given)
    if match:
        with contextlib.suppress(DesignError):  # text that begins with a number
            readings.append(float(match[1]) * unit(match[2]))
    return [*readings, None] if given.lower() == "none" else readings


def _parsed(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
