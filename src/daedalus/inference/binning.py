"""Binning: from an event's observables to the bins of a histogram, sharp for people and soft for the machine."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from daedalus.core import Derivative, Stage
from daedalus.errors import StageError
from daedalus.events import Events, Memberships, Observables, Scores
from daedalus.inference.histograms import interval_shares, softmax_shares

Softness = Float[Array, ""] | float | None


class Intervals(eqx.Module):
    """The rule of a histogram in one observable, between edges.

    Soft: the histogram of the observable blurred with a Gaussian or another kernel, see `interval_shares`.
    """

    edges: Float[Array, "edge"]  # in increasing order [unit of the observable]
    width: Float[Array, ""] | float  # of the kernel at softness one [same unit]
    row: int = eqx.field(static=True, default=0)  # which observable
    kernel: str = eqx.field(static=True, default="gaussian")
    open_ends: bool = eqx.field(static=True, default=True)  # whether the outermost bins take what lies beyond

    def __call__(self, values: Float[Array, "observable event"], softness: Softness) -> Float[Array, "bin event"]:
        """The share of every bin in every event, between 0 and 1; sharp for None [1]."""
        width = None if softness is None else self.width * softness
        edges = self.edges.astype(values.dtype)
        return interval_shares(values[self.row], edges, width=width, kernel=self.kernel, open_ends=self.open_ends)


class Softmax(eqx.Module):
    """The rule of bins that compete for an event with one observable each.

    Soft: softmax(observables / temperature). Sharp: the event goes to the largest.
    """

    temperature: Float[Array, ""] | float = 0.1  # at softness one [1]; 0.1 in the INFERNO paper

    def __call__(self, values: Float[Array, "observable event"], softness: Softness) -> Float[Array, "bin event"]:
        """The share of every bin in every event, between 0 and 1; sharp for None [1]."""
        return softmax_shares(values, temperature=None if softness is None else self.temperature * softness)


class Bins(Stage):
    """Bins of a histogram that events fall in, by one of the rules above; adds `Memberships`.

    Sharp bins have no derivative by the observables: their slopes are shares times scores, without bias. Slopes of
    soft ones come from those of the observables, exactly, or from the scores too (``by_score``).
    """

    rule: Intervals | Softmax
    source: str = eqx.field(static=True, default="")  # label of the observables
    by_score: bool = eqx.field(static=True, default=False)  # slopes of soft bins from scores too
    softness: Softness = None  # scale of the rule's width [1]; None: sharp
    label: str = eqx.field(static=True, default="")  # of the memberships

    @property
    def name(self) -> str:
        """The stage's name, "bins" or "bins:label"."""
        return f"bins:{self.label}" if self.label else "bins"

    @property
    def derivative(self) -> Derivative:
        """None where bins are sharp, biased where they are soft."""
        return Derivative.NONE if self.softness is None else Derivative.BIASED

    def softened(self, softness: Softness) -> Bins:
        """The bins with the rule's width multiplied by a factor [1], or the sharp ones for None."""
        return dataclasses.replace(self, softness=softness)

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with their `Memberships`."""
        seen = events[Observables, self.source] if self.source else events[Observables]
        shares = lambda values: self.rule(values, self.softness)
        return events.add(_memberships(events, shares, seen, self.softness is None or self.by_score), self.label)


def _memberships(events: Events, shares: Callable[[Array], Array], seen: Observables, scored: bool) -> Memberships:
    """The shares of what was seen, with slopes by scores or through the observables' own (axis nuisance first)."""
    if not scored:
        share, along = jax.linearize(shares, seen.values)
        return Memberships(share, jax.vmap(along)(seen.slopes))
    share = shares(seen.values)
    if len(seen.slopes) == 0:
        return Memberships(share, jnp.zeros((0, *share.shape), share.dtype))
    if Scores.__name__ not in events.nouns:
        raise StageError(
            f"the observables depend on {len(seen.slopes)} nuisance parameters and slopes are to come from scores, as "
            "those of sharp bins must, but the record holds no Scores; expected them of the source. Let it add those "
            "of its density, or measure sharp bins at shifted nuisance parameters."
        )
    return Memberships(share, events[Scores].values[:, None] * share)
