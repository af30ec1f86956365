"""Configurations: everything a run needs to know, checked before it begins, and repeatable from a file."""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from daedalus.errors import RunError

if TYPE_CHECKING:
    from daedalus.search import Guards

RECIPE = "recipe"  # stands for the optimiser the study recommends
AUTO = "auto"  # stands for the optimiser that is chosen from what the problem turns out to be like

Precision = Literal["float32", "float64"]
Unsound = Literal["stop", "skip", "shrink"]  # as `daedalus.search.Guards` has it, which brings JAX


@dataclasses.dataclass(frozen=True)
class Configuration:
    """The configuration of a run. What is None is taken from the study's recipe."""

    problem: str
    rounds: int | None = None
    more_rounds: int = 0  # beyond those the method is told of: by how much a run was resumed
    calls: int | None = None  # evaluations of the search, instead of rounds
    events: int | None = None  # particles per scenario
    most_events: int | None = None  # up to which these may grow, where the noise of the gradient asks for it
    scenarios: int | None = None  # scenarios per evaluation in the search
    scoring_scenarios: int | None = None  # scenarios of the final measurement
    seed: int = 0
    optimiser: str = RECIPE
    precision: Precision = "float32"
    chunk: int = 5  # rounds per compiled call
    block: int | None = None  # events in memory at once; as many as suit the device by default
    freeze: Sequence[str] = ()  # parameters that keep the start's values
    workers: int | None = None  # evaluations of a foreign simulator at a time
    hours: float | None = None  # after which a run ends in order, to be resumed
    euros: float | None = None  # after which likewise, at the price
    price: float = 0.0  # of an hour of what one evaluation at a time runs on [EUR/h]
    unsound: Unsound = "stop"  # what to do about a loss or gradient that is not finite
    divergence: float = 100.0  # how far losses may stay above the first
    start: str | None = None  # a design file; relative to the configuration file, where there is one
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)  # of the problem
    optimiser_options: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Checks ranges.

        Raises:
            RunError: a value out of range; the text names it.
        """
        object.__setattr__(self, "freeze", tuple(self.freeze))  # files hold lists
        for name in (
            "rounds",
            "calls",
            "events",
            "scenarios",
            "scoring_scenarios",
            "chunk",
            "block",
            "workers",
            "most_events",
        ):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise RunError(f"{name} is {value}; expected a whole number of at least 1.")
        for name in ("hours", "euros"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise RunError(f"{name} is {value}; expected a positive number.")
        if self.euros is not None and not self.price > 0:
            raise RunError(f"euros is {self.euros} and price {self.price}; expected a positive price [EUR/h] too.")
        if not self.divergence > 0:
            raise RunError(f"divergence is {self.divergence}; expected a positive number, inf for no limit.")
        if self.more_rounds < 0:
            raise RunError(f"more_rounds is {self.more_rounds}; expected 0 or more.")
        if not 0 <= self.seed < 2**32:
            raise RunError(f"seed is {self.seed}; expected a whole number from 0 to {2**32 - 1}.")
        if self.rounds is not None and self.calls is not None:
            raise RunError(f"rounds is {self.rounds} and calls {self.calls}; give one of them: a round has many calls.")
        if self.optimiser in (RECIPE, AUTO) and self.optimiser_options:
            raise RunError(
                "optimiser_options are given, but the optimiser is the study's own or chosen; "
                "name one, for instance optimiser = 'adam'."
            )

    @property
    def search_sizes(self) -> dict[str, Any]:
        """How much a search computes, as `daedalus.execution.recorded_search` takes it."""
        names = ("seed", "rounds", "more_rounds", "events", "most_events", "scenarios", "chunk", "block")
        return {name: getattr(self, name) for name in names}

    @property
    def guards(self) -> Guards:
        """How the search meets trouble."""
        from daedalus.search import Guards  # brings JAX, which `list` and `--help` need not

        return Guards(unsound=self.unsound, divergence=self.divergence)

    @property
    def all_rounds(self) -> int:
        """The rounds of the whole search, once those it begins with are known."""
        return (self.rounds or 0) + self.more_rounds

    def changed(self, **values: Any) -> Configuration:
        """The configuration with the given values; those that are None change nothing, options are merged."""
        given = {name: value for name, value in values.items() if value is not None}
        if "options" in given:
            given["options"] = {**self.options, **given["options"]}
        if given.get("optimiser", self.optimiser) != self.optimiser and "optimiser_options" not in given:
            given["optimiser_options"] = {}  # those of another optimiser
        return dataclasses.replace(self, **given)

    def table(self) -> dict[str, Any]:
        """The configuration as a mapping for files."""
        return dataclasses.asdict(self)


def configuration(table: Mapping[str, Any], *, place: str = "the configuration") -> Configuration:
    """The configuration in a table, as a file holds it.

    Args:
        table: keys and values.
        place: what to call the table in messages.

    Raises:
        RunError: an unknown key (near names are suggested), a missing problem, or a wrong value.
    """
    hints = typing.get_type_hints(Configuration)
    known = list(hints)
    for name, value in table.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=2, cutoff=0.5)
            hint = f"Did you mean {' or '.join(near)}?" if near else f"Known: {', '.join(known)}."
            raise RunError(f"{place} has the unknown key {name!r}. {hint}")
        if not fits(value, hints[name]):
            raise RunError(f"{place}: {name} is {value!r}; expected {_readable(hints[name])}.")
    if "problem" not in table:
        raise RunError(f"{place} names no problem; expected a line like problem = 'study/problem'.")
    try:
        return Configuration(**table)
    except RunError as cause:
        raise RunError(f"{place}: {cause}") from cause


def configuration_file(path: Path) -> Configuration:
    """The configuration in a TOML file; a relative ``start`` is taken from the file's folder.

    Raises:
        RunError: a missing or malformed file, or what `configuration` raises; the text names file and line.
    """
    from daedalus.execution.toml_text import read_toml  # brings JAX, which `list` and `--help` need not

    found = configuration(read_toml(path), place=str(path))
    return found if found.start is None else found.changed(start=str(path.parent / found.start))


def fits(value: Any, kind: Any) -> bool:
    """Whether a value from a file or the command line fits an annotation; what it does not know fits."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, each) for each in inner)
    if origin is Literal:
        return any(value == each and type(value) is type(each) for each in inner)
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind in (bool, str):
        return isinstance(value, kind)
    if kind in (None, type(None)):
        return value is None
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return isinstance(value, Mapping)
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return isinstance(value, (list, tuple)) and all(fits(v, k) for v in value for k in inner[:1])
    return True


def _readable(kind: Any) -> str:
    """An annotation in words."""
    names = {
        int: "a whole number",
        float: "a number",
        str: "text",
        bool: "true or false",
        type(None): "nothing",
    }
    inner = typing.get_args(kind)
    if typing.get_origin(kind) is Literal:
        return " or ".join(repr(each) for each in inner)
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return " or ".join(_readable(each) for each in inner if each is not type(None))
    return names.get(kind, "a table" if "Mapping" in str(kind) else str(kind))
