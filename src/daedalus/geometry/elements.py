"""Elements: the parts of an apparatus as data, named boxes of a material with what they can do."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from jaxtyping import Array, Float

from daedalus.errors import DesignError
from daedalus.units import m, unit

TOUCHING = 1e-9 * m  # depth up to which boxes touch and do not overlap: rounding
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
Triple = tuple[float, float, float]


@dataclasses.dataclass(frozen=True)
class Element:
    """A named rectangular box, its sides along x, y and z.

    Attributes:
        name: a letter, then letters, digits and ``_ . -``; no two elements of an apparatus share one.
        centre: x, y, z [m].
        size: full widths along x, y and z [m].
        material: name in `daedalus.physics.materials`.
        sensitive: whether it records hits.
        properties: what else is known of it, as (number in house units, unit to show it in) by name, for instance
            {"resolution": (1e-4, "mm"), "efficiency": (0.9, "1"), "price": (0.75, "EUR")}.
    """

    name: str
    centre: Triple
    size: Triple
    material: str
    sensitive: bool = True
    properties: Mapping[str, tuple[float, str]] = dataclasses.field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        """Checks names and numbers.

        Raises:
            DesignError: a name that files cannot hold, no thickness, or a number that is not finite.
        """
        for name in (self.name, *self.properties):
            if not _NAME.fullmatch(name):
                raise DesignError(
                    f"element {self.name!r}: the name {name!r}; expected a letter, then letters, digits, _.-"
                )
        for field in ("centre", "size"):
            numbers = getattr(self, field)
            if len(numbers) != 3 or not all(map(math.isfinite, numbers)):
                raise DesignError(f"element {self.name!r}: {field} is {numbers} m; expected three finite numbers.")
        if min(self.size) <= TOUCHING:
            raise DesignError(f"element {self.name!r}: size is {self.size} m; expected three positive widths.")
        for name, (number, text) in self.properties.items():
            unit(text)
            if not math.isfinite(number):
                raise DesignError(f"element {self.name!r}: {name} is {number}; expected a finite number.")

    @property
    def lower(self) -> Triple:
        """The corner with the least coordinates [m]."""
        x, y, z = (c - 0.5 * s for c, s in zip(self.centre, self.size, strict=True))
        return x, y, z

    @property
    def upper(self) -> Triple:
        """The corner with the greatest coordinates [m]."""
        x, y, z = (c + 0.5 * s for c, s in zip(self.centre, self.size, strict=True))
        return x, y, z


def plain(numbers: Float[Array, "..."] | Float[np.ndarray, "..."] | float) -> list[float]:
    """Numbers as Python ones, the shortest decimals of their own precision: 1.45 and not 1.45000005."""
    return [float(str(number)) for number in np.ravel(np.asarray(numbers))]


def overlaps(elements: Sequence[Element]) -> list[tuple[Element, Element, float]]:
    """The pairs of elements that share space, and how deep [m]: by how much one must move to be free of the other."""
    found = []
    for number, first in enumerate(elements):
        for second in elements[number + 1 :]:
            sides = zip(first.lower, first.upper, second.lower, second.upper, strict=True)
            depth = min(min(b, d) - max(a, c) for a, b, c, d in sides)
            if depth > TOUCHING:
                found.append((first, second, depth))
    return found


def check_names(elements: Sequence[Element]) -> None:
    """Checks that there are elements and that each has a name of its own.

    Raises:
        DesignError: it is not so.
    """
    names = [element.name for element in elements]
    if not names:
        raise DesignError("the layout has no element; expected one or more.")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DesignError(f"two elements are called {twice!r}; expected a name of its own for each: rename one.")
