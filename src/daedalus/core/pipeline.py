"""Pipelines: stages in a row, and the passes of additive summaries they end in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, PyTree

from daedalus.core.stage import Derivative, Relaxed, Stage, stage_key
from daedalus.errors import StageError
from daedalus.events import Events, blank_events

Sums = dict[str, PyTree]
Summary = Callable[[Events, Sums], PyTree]


class Pipeline(eqx.Module):
    """A chain of stages and the sums over events it ends in.

    A pass is a mapping of names to functions ``(events, earlier) -> sums``, where ``earlier`` holds the finished sums
    of the passes before, over *all* events. Every number a pass returns must be a sum over events weighted with
    ``events.effective_weight``: sums are what blocks accumulate, devices reduce and errors are estimated from.
    """

    stages: tuple[Stage, ...]
    passes: tuple[dict[str, Summary], ...]

    def __init__(self, stages: Sequence[Stage], passes: Mapping[str, Summary] | Sequence[Mapping[str, Summary]]):
        """A pipeline of the given stages, ending in one pass (a mapping) or several (a sequence of mappings).

        Raises:
            StageError: two stages of one name, or two summaries of one name.
        """
        self.stages = tuple(stages)
        self.passes = (dict(passes),) if isinstance(passes, Mapping) else tuple(dict(p) for p in passes)
        _unique("stage", [stage.name for stage in self.stages])
        _unique("summary", [name for each in self.passes for name in each])

    @property
    def derivative(self) -> Derivative:
        """The united flags of all stages."""
        return reduce(lambda union, stage: union | stage.derivative, self.stages, Derivative.EXACT)

    def after(self, source: Stage | None) -> Pipeline:
        """The pipeline with a source put in front."""
        return self if source is None else Pipeline((source, *self.stages), self.passes)

    def softened(self, softness: Float[Array, ""] | float | None) -> Pipeline:
        """The pipeline with every relaxed stage's width scaled by ``softness`` [1]; None gives the real apparatus."""
        stages = [stage.softened(softness) if isinstance(stage, Relaxed) else stage for stage in self.stages]
        return Pipeline(stages, self.passes)

    def events(self, index: Int[Array, "event"], events: int, *, key: Key[Array, ""]) -> Events:
        """The record of the given events after the last stage.

        Args:
            index: numbers of the events within their scenario [1]; those not below ``events`` are padding.
            events: number of events of the scenario [1].
            key: the scenario's key.
        """
        record = blank_events(index.astype(jnp.uint32)).accept(index < events)
        for stage in self.stages:
            record = stage(record, key=stage_key(key, stage.name))
        return record

    def sums(self, record: Events, number: int, earlier: Sums) -> Sums:
        """The sums of pass ``number`` over the events of a record; pass 0 adds what was accepted."""
        found = {name: summary(record, earlier) for name, summary in self.passes[number].items()}
        weight = record.effective_weight
        return {**found, ACCEPTED: jnp.stack([jnp.sum(weight), jnp.sum(weight**2)])} if number == 0 else found


ACCEPTED = "accepted"  # the summary every pipeline has: sums of the weights and of their squares


def _unique(what: str, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1 or name == "accepted"})
    if twice:
        raise StageError(
            f"{what} name {', '.join(twice)} is used twice or reserved; give each {what} a name of its own."
        )
