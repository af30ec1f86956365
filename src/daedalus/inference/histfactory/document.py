"""Places in a JSON document: every value is taken with its path, so that an error can say where it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from daedalus.errors import LikelihoodError


@dataclasses.dataclass(frozen=True)
class Place:
    """A value in a document and the path that leads to it."""

    value: Any
    path: str

    def has(self, name: str) -> bool:
        """Whether an object has an entry of a name that is not null."""
        return self.entries().get(name) is not None

    def __getitem__(self, name: str) -> Place:
        """An entry of an object.

        Raises:
            LikelihoodError: it is missing, or this is no object.
        """
        found = self.entries()
        if name not in found:
            raise self.error(f"no entry {name!r}", f"one; it has {', '.join(found) or 'none'}")
        return Place(found[name], f"{self.path}.{name}")

    def __iter__(self) -> Iterator[Place]:
        """The elements of a list.

        Raises:
            LikelihoodError: this is no list.
        """
        if not isinstance(self.value, list):
            raise self.error(self._told(), "a list")
        return iter([Place(value, f"{self.path}[{i}]") for i, value in enumerate(self.value)])

    def entries(self) -> dict[str, Any]:
        """The entries of an object.

        Raises:
            LikelihoodError: this is no object.
        """
        if not isinstance(self.value, dict):
            raise self.error(self._told(), "an object")
        return self.value

    def text(self) -> str:
        """A string.

        Raises:
            LikelihoodError: this is none.
        """
        if not isinstance(self.value, str):
            raise self.error(self._told(), "a text")
        return self.value

    def number(self, *, positive: bool = False) -> float:
        """A finite number.

        Args:
            positive: zero and less are refused.

        Raises:
            LikelihoodError: this is none.
        """
        sound = isinstance(self.value, int | float) and not isinstance(self.value, bool)
        try:
            found = float(self.value) if sound else np.nan
        except OverflowError:  # a whole number beyond all floats
            found = np.inf
        if not np.isfinite(found) or (positive and not found > 0):
            raise self.error(self._told(), "a positive number" if positive else "a finite number")
        return found

    def numbers(
        self, size: int | None = None, *, least: float = -np.inf, positive: bool = False
    ) -> Float[np.ndarray, "bin"]:
        """A list of finite numbers.

        Args:
            size: how many [1]; any number but none by default.
            least: smallest that is allowed.
            positive: zero and less are refused.

        Raises:
            LikelihoodError: this is none.
        """
        found = [place.number(positive=positive) for place in self]
        if not found or (size is not None and len(found) != size):
            raise self.error(f"{len(found)} numbers", "at least one" if size is None else f"{size}, one per bin")
        low = [i for i, value in enumerate(found) if value < least]
        if low:
            raise self.error(f"{found[low[0]]:g} as number {low[0]}", f"{least:g} or more")
        return np.array(found)

    def truth(self) -> bool:
        """True or false.

        Raises:
            LikelihoodError: this is neither.
        """
        if not isinstance(self.value, bool):
            raise self.error(self._told(), "true or false")
        return self.value

    def named(self) -> list[Place]:
        """The elements of a list of objects whose names differ.

        Raises:
            LikelihoodError: this is none.
        """
        found = list(self)
        names = [place["name"].text() for place in found]
        for place, name in zip(found, names):
            if names.count(name) > 1:
                raise place.error(f"the name {name!r} twice", "a name of its own")
        return found

    def among(self, choices: Sequence[str]) -> str:
        """One of several texts.

        Raises:
            LikelihoodError: another one.
        """
        if self.text() not in choices:
            raise self.error(self._told(), f"one of {', '.join(choices)}")
        return self.text()

    def error(self, found: str, expected: str) -> LikelihoodError:
        """The error that something else was expected here."""
        return LikelihoodError(f"{self.path}: found {found}; expected {expected}. Mend the workspace there.")

    def _told(self) -> str:
        return "nothing" if self.value is None else f"{str(self.value)[:40]!r}"
