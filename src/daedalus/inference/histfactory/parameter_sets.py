"""Parameter sets: what the modifiers of a measurement let vary, with starts, bounds and auxiliary measurements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from daedalus.errors import LikelihoodError
from daedalus.inference.histfactory.templates import (
    Channel,
    HistoSys,
    Lumi,
    Modifier,
    NormFactor,
    NormSys,
    Sample,
    ShapeFactor,
    ShapeSys,
    StatError,
)

Constraint = Literal["none", "gaussian", "poisson"]

LEAST_FACTOR = 1e-10  # of a bin, so that its Poisson law exists [1]
MOST_FACTOR = 10.0  # of a bin or a normalisation [1]
FARTHEST = 5.0  # of a nuisance parameter from its nominal value [standard deviations]


class ParameterSet(eqx.Module):
    """One named set of parameters: a scalar, or one per bin.

    The auxiliary measurement is Gaussian, a ~ N(theta, width), or Poisson, a ~ P(theta width), with a the nominal
    ``auxiliary``. The bounds and starts are those of HistFactory's customs, as in pyhf.
    """

    name: str = eqx.field(static=True)
    scalar: bool = eqx.field(static=True)
    constraint: Constraint = eqx.field(static=True)
    start: Float[Array, "bin"]
    lower: Float[Array, "bin"]
    upper: Float[Array, "bin"]
    fixed: Bool[Array, "bin"]
    auxiliary: Float[Array, "bin"]  # nominal outcome of the auxiliary measurement; zero where there is none
    width: Float[Array, "bin"]  # standard deviation, or scale of the Poisson law; one where there is none

    @property
    def size(self) -> int:
        """The number of parameters [1]."""
        return self.start.shape[0]

    @property
    def names(self) -> tuple[str, ...]:
        """The name of every parameter: "mu", or "gamma[0]", "gamma[1]", ..."""
        return (self.name,) if self.scalar else tuple(f"{self.name}[{i}]" for i in range(self.size))

    def joined(self, other: ParameterSet) -> ParameterSet:
        """Two sets of one name in a row: the bins of statistical errors in several channels."""
        ends = [jnp.concatenate([getattr(self, f), getattr(other, f)]) for f in _ARRAYS]
        return ParameterSet(self.name, self.scalar, self.constraint, *ends)

    def configured(self, settings: Mapping[str, Any]) -> ParameterSet:
        """The set with a measurement's settings: start, lower, upper, fixed, auxiliary, width or prior by name.

        Raises:
            LikelihoodError: a setting of another size, or one that the kind of parameter does not have.
        """
        changed = self
        for field, value in settings.items():
            if field == "prior":
                changed = changed._with_prior(*value)
                continue
            if field not in _ARRAYS:
                raise LikelihoodError(
                    f"parameter {self.name!r} is given a {field!r}; expected some of prior, {', '.join(_ARRAYS)}."
                )
            if field in ("auxiliary", "width") and self.constraint == "none":
                raise LikelihoodError(f"parameter {self.name!r} is free and has no {field}; leave it out.")
            old = getattr(self, field)
            new = jnp.broadcast_to(jnp.asarray(value, old.dtype), np.shape(value) or old.shape)
            if new.shape != old.shape:
                raise LikelihoodError(
                    f"parameter {self.name!r} is given {new.size} numbers as {field}; expected {old.size}."
                )
            changed = eqx.tree_at(lambda s, f=field: getattr(s, f), changed, new)
        return changed

    def _with_prior(self, mean: Any, width: Any) -> ParameterSet:
        if self.constraint != "none":
            raise LikelihoodError(
                f"parameter {self.name!r} has an auxiliary measurement; give that another auxiliary or width, no prior."
            )
        full = lambda value: jnp.broadcast_to(jnp.asarray(value, self.start.dtype), self.start.shape)
        bounds = self.start, self.lower, self.upper, self.fixed
        return ParameterSet(self.name, self.scalar, "gaussian", *bounds, full(mean), full(width))


_ARRAYS = ("start", "lower", "upper", "fixed", "auxiliary", "width")


def parameter_sets(channels: Sequence[Channel]) -> dict[str, ParameterSet]:
    """The parameter sets of channels by name, in the order of their first appearance.

    Raises:
        LikelihoodError: one name used for parameters that cannot be the same.
    """
    found: dict[str, ParameterSet] = {}
    for channel in channels:
        for name, new in _of_channel(channel).items():
            found[name] = _united(found.get(name), new, channel)
    return found


def _of_channel(channel: Channel) -> dict[str, ParameterSet]:
    found: dict[str, ParameterSet] = {}
    for sample in channel.samples:
        for modifier in sample.modifiers:
            new, old = _of_modifier(channel, sample, modifier), found.get(modifier.name)
            if isinstance(modifier, ShapeSys) and old is not None:
                raise LikelihoodError(
                    f"shapesys {modifier.name!r} occurs twice in channel {channel.name!r}; expected a name of its own "
                    "for every sample: its counts were measured once."
                )
            found[modifier.name] = new if old is None else _same(old, new, channel)
    return found


def _united(old: ParameterSet | None, new: ParameterSet, channel: Channel) -> ParameterSet:
    if old is None:
        return new
    if not new.scalar and new.constraint == old.constraint == "gaussian":
        return old.joined(new)  # statistical errors: every channel has bins of its own
    if new.constraint == "poisson":
        raise LikelihoodError(
            f"shapesys {new.name!r} of channel {channel.name!r} occurs in another channel too; expected a name of its "
            "own for every sample: its counts were measured once."
        )
    return _same(old, new, channel)


def _same(old: ParameterSet, new: ParameterSet, channel: Channel) -> ParameterSet:
    kinds = [(s.scalar, s.constraint, s.size) for s in (old, new)]
    if kinds[0] != kinds[1]:
        told = [f"{c}ly constrained" if c != "none" else "free" for _, c, _ in kinds]
        raise LikelihoodError(
            f"parameter {new.name!r} is {told[0]} with {old.size} numbers in one place and {told[1]} with {new.size} "
            f"in channel {channel.name!r}; expected one kind. Rename one of the modifiers."
        )
    return old


def _of_modifier(channel: Channel, sample: Sample, modifier: Modifier) -> ParameterSet:
    bins = sample.counts.shape[0]
    match modifier:
        case NormFactor(name):
            return _parameters(name, 1, True, "none", start=1.0, bounds=(0.0, MOST_FACTOR))
        case NormSys(name) | HistoSys(name):
            return _parameters(name, 1, True, "gaussian", start=0.0, bounds=(-FARTHEST, FARTHEST))
        case Lumi(name):
            return _parameters(name, 1, True, "gaussian", start=1.0, bounds=(0.0, MOST_FACTOR), auxiliary=1.0)
        case ShapeFactor(name):
            return _parameters(name, bins, False, "none", start=1.0, bounds=(0.0, MOST_FACTOR))
        case ShapeSys(name, uncertainty):
            known = (sample.counts > 0) & (uncertainty > 0)
            scale = jnp.where(known, (sample.counts / jnp.where(known, uncertainty, 1.0)) ** 2, 1.0)
            found = _parameters(name, bins, False, "poisson", start=1.0, bounds=(LEAST_FACTOR, MOST_FACTOR))
            return _constrained(found, auxiliary=scale, width=scale, fixed=~known)
        case StatError(name):
            return _of_stat_error(channel, name)
    raise LikelihoodError(f"found a modifier of type {type(modifier).__name__}; expected one of HistFactory's.")


def _of_stat_error(channel: Channel, name: str) -> ParameterSet:
    """One factor per bin for all samples of a channel that name it."""
    errors = [(s, m) for s in channel.samples for m in s.modifiers if isinstance(m, StatError) and m.name == name]
    total = jnp.sum(jnp.stack([sample.counts for sample, _ in errors]), 0)
    square = jnp.sum(jnp.stack([error.uncertainty**2 for _, error in errors]), 0)
    known = (total > 0) & (square > 0)
    width = jnp.where(known, jnp.sqrt(jnp.where(known, square, 1.0)) / jnp.where(known, total, 1.0), 1.0)
    found = _parameters(name, channel.bins, False, "gaussian", start=1.0, bounds=(LEAST_FACTOR, MOST_FACTOR))
    return _constrained(found, auxiliary=jnp.ones_like(width), width=width, fixed=~known)


def _parameters(
    name: str, size: int, scalar: bool, constraint: Constraint, *, start: float, bounds: tuple[float, float],
    auxiliary: float = 0.0,
) -> ParameterSet:  # fmt: skip
    full = lambda value: jnp.full(size, value, jnp.result_type(float))
    arrays = full(start), full(bounds[0]), full(bounds[1]), jnp.zeros(size, bool), full(auxiliary), full(1.0)
    return ParameterSet(name, scalar, constraint, *arrays)


def _constrained(found: ParameterSet, *, auxiliary: Array, width: Array, fixed: Array) -> ParameterSet:
    where = lambda s: (s.auxiliary, s.width, s.fixed)
    return eqx.tree_at(where, found, (auxiliary, width, fixed))
