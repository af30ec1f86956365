"""The events record: what is handed from stage to stage, one row per event, with the nouns added on the way."""

from __future__ import annotations

from typing import TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Bool, Float, UInt32

from daedalus.errors import StageError

Noun = TypeVar("Noun", bound=eqx.Module)


class Events(eqx.Module):
    """A batch of events: index, weight, alive, and the nouns (particles, hits, tracks ...) the stages have added.

    A noun is looked up by its class, and by a label where a class occurs more than once:
    ``events[Particles]``, ``events[Hits, "upper"]``.
    """

    index: UInt32[Array, "event"]  # number of the event within its scenario [1]; random numbers belong to it
    weight: Float[Array, "event"]  # statistical weight [1]
    alive: Bool[Array, "event"]  # False: the event takes no further part
    nouns: dict[str, eqx.Module]

    def __getitem__(self, noun: type[Noun] | tuple[type[Noun], str]) -> Noun:
        """The noun of a class, or of a (class, label) pair.

        Raises:
            StageError: no stage before has added it.
        """
        name = _name(*noun) if isinstance(noun, tuple) else _name(noun)
        if name not in self.nouns:
            have = ", ".join(sorted(self.nouns)) or "nothing yet"
            raise StageError(
                f"the events record holds no {name}; it holds {have}. "
                "Place the stage that adds it before the one that reads it."
            )
        return self.nouns[name]  # pyright: ignore[reportReturnType]

    def add(self, noun: eqx.Module, label: str = "") -> Events:
        """The same events with one more noun, or with the noun of that class and label replaced."""
        named = jax.tree.map(lambda leaf: checkpoint_name(leaf, type(noun).__name__), noun)
        nouns = {**self.nouns, _name(type(noun), label): named}
        return Events(self.index, self.weight, self.alive, nouns)

    def accept(self, passed: Bool[Array, "event"]) -> Events:
        """The same events, of which only those that pass stay alive."""
        return Events(self.index, self.weight, checkpoint_name(self.alive & passed, "alive"), self.nouns)

    def reweight(self, factor: Float[Array, "event"]) -> Events:
        """The same events with their weights multiplied by a factor [1]."""
        return Events(self.index, self.weight * factor, self.alive, self.nouns)

    @property
    def effective_weight(self) -> Float[Array, "event"]:
        """The weight of living events and zero for the others [1]."""
        return jnp.where(self.alive, self.weight, 0.0)


def blank_events(index: UInt32[Array, "event"]) -> Events:
    """Events that hold nothing but their indices: weight one, all alive."""
    return Events(index, jnp.ones(index.shape), jnp.ones(index.shape, bool), {})


def _name(noun: type[eqx.Module], label: str = "") -> str:
    return f"{noun.__name__}:{label}" if label else noun.__name__
