"""Stages: the steps of the chain, each a pure map of events to events."""

import abc
import enum
import zlib
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import equinox as eqx
import jax
from jaxtyping import Array, Float, Key

from daedalus.events import Events


class Derivative(enum.Flag):
    """What a stage says about its derivative; the flags of a pipeline are united."""

    EXACT = 0
    BIASED = enum.auto()  # a relaxation stands for something discontinuous; its width is a field of the stage
    NOISY = enum.auto()  # a score function: the event weight carries exp(logp - stop_gradient(logp))
    IMPLICIT = enum.auto()  # the derivative of a solved equation
    NONE = enum.auto()  # no derivative at all


class Stage(eqx.Module):
    """A step of the chain: ``stage(events, key=key) -> events``, pure, built from a design.

    The leading batch axis is the event; a stage adds nouns, or changes weight and alive. Its random numbers come
    from `daedalus.events.normals` and `uniforms` with the events' own indices, never from the batch's shape.
    """

    if TYPE_CHECKING:  # a type checker would take abstract variables for fields

        @property
        def name(self) -> str:
            """The stage's name, unique in its pipeline; part of its random stream."""
            ...

        @property
        def derivative(self) -> Derivative:
            """What the stage says about its derivative."""
            ...

    else:
        name: eqx.AbstractVar[str]
        derivative: eqx.AbstractVar[Derivative]

    @abc.abstractmethod
    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events after this stage."""


@runtime_checkable
class Relaxed(Protocol):
    """A stage with a smooth stand-in for something sharp, whose width can be annealed."""

    def softened(self, softness: Float[Array, ""] | float | None) -> Stage:
        """The stage with its width multiplied by ``softness`` [1], or the real, sharp one for None."""
        ...


def stage_key(key: Key[Array, ""], name: str) -> Key[Array, ""]:
    """The key of a stage's random stream: the given key folded with the stage's name."""
    return jax.random.fold_in(key, zlib.crc32(name.encode()))
