"""Designs: what may vary, declared field by field as a data sheet."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Literal

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Num

from daedalus.errors import DesignError
from daedalus.units import unit as unit_value

Kind = Literal["continuous", "whole", "choice"]


@dataclasses.dataclass(frozen=True)
class Parameter:
    """The line of the data sheet that belongs to one field of a design."""

    lower: float | tuple[float, ...]  # smallest allowed value, house units; scalar or one per element
    upper: float | tuple[float, ...]  # largest allowed value, house units
    unit: str  # unit it is shown in
    doc: str  # what it means
    kind: Kind = "continuous"
    choices: tuple[str, ...] = ()

    def bounds(self, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper bounds broadcast to a field's shape [house units]."""
        return tuple(np.broadcast_to(np.asarray(b, float), shape) for b in (self.lower, self.upper))  # pyright: ignore


@dataclasses.dataclass(frozen=True)
class Entry:
    """One scalar of the data sheet."""

    name: str  # "z[3]", "upper.x[0]"
    unit: str
    lower: float  # house units
    upper: float  # house units
    kind: Kind
    doc: str

    @property
    def column(self) -> str:
        """The name of the history's column that holds it: "name [unit]"."""
        return f"{self.name} [{self.unit}]"


@dataclasses.dataclass(frozen=True)
class Exchange:
    """A declared symmetry: rows of the named fields may be permuted together without changing the apparatus.

    The canonical order sorts by the field ``by``, largest first.
    """

    fields: tuple[str, ...]
    by: str


class Design(eqx.Module):
    """The free parameters of an apparatus: a pytree of arrays whose fields carry bounds, unit and meaning.

    Subclass it and declare each field with `parameter` or `learned`; fields may be designs themselves.
    """

    symmetries: ClassVar[tuple[Exchange, ...]] = ()

    def _repr_html_(self) -> str:
        values = [value for path, _ in fields_of(self) for value in np.ravel(at(self, path))]
        rows = "".join(
            f"<tr><td>{e.name}</td><td>{value / unit_value(e.unit):.6g}</td><td>{e.unit}</td>"
            f"<td>{e.lower / unit_value(e.unit):g} to {e.upper / unit_value(e.unit):g}</td><td>{e.doc}</td></tr>"
            for e, value in zip(entries_of(self), values, strict=True)
        )
        head = "<tr><th>parameter</th><th>value</th><th>unit</th><th>bounds</th><th>meaning</th></tr>"
        return f"<table><caption>{type(self).__name__}</caption>{head}{rows}</table>"


def parameter(
    lower: float | Sequence[float],
    upper: float | Sequence[float],
    unit: str,
    *,
    doc: str,
    kind: Kind = "continuous",
    choices: Sequence[str] = (),
) -> Any:
    """A field of a design: bounds in house units, the unit it is shown in, and what it means.

    Args:
        lower: smallest allowed value [house units], a number or one per element.
        upper: largest allowed value [house units]; greater than ``lower``.
        unit: unit for display and for files, e.g. "cm" [text].
        doc: one sentence: what it is, and why these bounds.
        kind: "continuous", "whole" (whole numbers) or "choice" (the index of one of ``choices``).
        choices: names of the alternatives, for kind "choice"; then bounds are 0 and len(choices) - 1.

    Raises:
        DesignError: bounds that are not finite and in order, an unknown unit, or choices that do not fit.
    """
    low, high = _frozen(lower), _frozen(upper)
    if not np.all(np.isfinite(low)) or not np.all(np.isfinite(high)) or not np.all(np.less(low, high)):
        raise DesignError(
            f"parameter bounds are {lower} to {upper}; expected finite numbers with lower < upper. "
            "Use learned(...) for what has no bounds."
        )
    if kind == "choice" and (low != 0 or high != len(choices) - 1):
        raise DesignError(
            f"a choice among {len(choices)} has bounds {lower} to {upper}; expected 0 to {len(choices) - 1}."
        )
    unit_value(unit)
    line = Parameter(low, high, unit, doc, kind, tuple(choices))
    return eqx.field(converter=_array, metadata={"parameter": line})


def learned(*, doc: str) -> Any:
    """A field that is software, not hardware: a pytree of unbounded arrays, absent from the data sheet."""
    return eqx.field(metadata={"learned": doc})


def fields_of(design: Design, prefix: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Parameter]]:
    """The (path, data sheet line) pairs of a design's parameters, nested designs included, in order.

    Raises:
        DesignError: a field was declared neither with parameter(...) nor with learned(...) and is no design.
    """
    for item in dataclasses.fields(design):
        path, value = (*prefix, item.name), getattr(design, item.name)
        if "parameter" in item.metadata:
            yield path, item.metadata["parameter"]
        elif isinstance(value, Design):
            yield from fields_of(value, path)
        elif "learned" not in item.metadata and not item.metadata.get("static", False):
            raise DesignError(
                f"field {'.'.join(path)} of {type(design).__name__} has no data sheet; expected "
                "parameter(lower, upper, unit, doc=...), learned(doc=...), a static field or a nested Design."
            )


def entries_of(design: Design) -> tuple[Entry, ...]:
    """The data sheet of a design scalar by scalar, in the order of its flattened parameters.

    Raises:
        DesignError: a field without a data sheet, or bounds that do not fit a field's shape.
    """
    entries = []
    for path, line in fields_of(design):
        name, shape = ".".join(path), np.shape(at(design, path))
        try:
            lower, upper = line.bounds(shape)
        except ValueError as cause:
            raise DesignError(f"bounds of {name} do not fit its shape {shape}: {cause}") from cause
        for place in np.ndindex(*shape):
            where = f"[{','.join(map(str, place))}]" if place else ""
            bounds = float(lower[place]), float(upper[place])
            entries.append(Entry(name + where, line.unit, *bounds, line.kind, line.doc))
    return tuple(entries)


def at(design: Design, path: Sequence[str]) -> Any:
    """What stands in a design at a path of field names."""
    for name in path:
        design = getattr(design, name)
    return design


def _frozen(bound: float | Sequence[float]) -> float | tuple[float, ...]:
    return tuple(float(b) for b in bound) if isinstance(bound, (Sequence, np.ndarray)) else float(bound)


def _array(value: Num[Array, "*shape"] | float | Sequence[float]) -> Num[Array, "*shape"]:
    return jnp.asarray(value) if eqx.is_array(value) else jnp.asarray(value, dtype=jnp.result_type(float))
