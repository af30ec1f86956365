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


class IntervalBins(Stage):
    """The bins of a histogram in one observable, between edges; adds `Memberships`.

    Soft bins are those of the observable blurred with a Gaussian or another kernel, see `interval_shares`; their
    slopes come from those of the observable, exactly, or from the scores (``by_score``). Sharp bins have no
    derivative by the observable: their slopes are shares times scores, without bias.
    """

    edges: Float[Array, "edge"]  # in increasing order [unit of the observable]
    width: Float[Array, ""] | float  # of the kernel at softness one [same unit]
    row: int = eqx.field(static=True, default=0)  # which observable
    source: str = eqx.field(static=True, default="")  # label of the observables
    kernel: str = eqx.field(static=True, default="gaussian")
    open_ends: bool = eqx.field(static=True, default=True)  # whether the outermost bins take what lies beyond
    by_score: bool = eqx.field(static=True, default=False)  # slopes of soft bins from scores too
    softness: Softness = None  # scale of the width [1]; None: sharp
    label: str = eqx.field(static=True, default="")  # of the memberships

    @property
    def name(self) -> str:
        """The stage's name, "bins" or "bins:label"."""
        return _name(self.label)

    @property
    def derivative(self) -> Derivative:
        """None where bins are sharp, biased where they are soft."""
        return Derivative.NONE if self.softness is None else Derivative.BIASED

    def softened(self, softness: Softness) -> IntervalBins:
        """The bins with their width multiplied by a factor [1], or the sharp ones for None."""
        return dataclasses.replace(self, softness=softness)

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with their `Memberships`."""
        seen = _observables(events, self.source)
        width = None if self.softness is None else self.width * self.softness
        shares = lambda values: interval_shares(
            values, self.edges.astype(values.dtype), width=width, kernel=self.kernel, open_ends=self.open_ends
        )
        row = seen.values[self.row], seen.slopes[:, self.row]
        return events.add(_memberships(events, shares, *row, scored=width is None or self.by_score), self.label)


class SoftmaxBins(Stage):
    """Bins that compete for an event with one observable each; adds `Memberships`.

    Soft: softmax(observables / temperature), whose slopes come from those of the observables, exactly, or from the
    scores (``by_score``). Sharp: the event goes to the largest, and slopes are shares times scores, without bias.
    """

    temperature: Float[Array, ""] | float = 0.1  # at softness one [1]; 0.1 in the INFERNO paper
    source: str = eqx.field(static=True, default="")  # label of the observables
    by_score: bool = eqx.field(static=True, default=False)  # slopes of soft bins from scores too
    softness: Softness = None  # scale of the temperature [1]; None: sharp
    label: str = eqx.field(static=True, default="")  # of the memberships

    @property
    def name(self) -> str:
        """The stage's name, "bins" or "bins:label"."""
        return _name(self.label)

    @property
    def derivative(self) -> Derivative:
        """None where bins are sharp, biased where they are soft."""
        return Derivative.NONE if self.softness is None else Derivative.BIASED

    def softened(self, softness: Softness) -> SoftmaxBins:
        """The bins with their temperature multiplied by a factor [1], or the sharp ones for None."""
        return dataclasses.replace(self, softness=softness)

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with their `Memberships`."""
        seen = _observables(events, self.source)
        temperature = None if self.softness is None else self.temperature * self.softness
        shares = lambda logits: softmax_shares(logits, temperature=temperature)
        row = seen.values, seen.slopes
        return events.add(_memberships(events, shares, *row, scored=temperature is None or self.by_score), self.label)


def _name(label: str) -> str:
    return f"bins:{label}" if label else "bins"


def _observables(events: Events, label: str) -> Observables:
    return events[Observables, label] if label else events[Observables]


def _memberships(
    events: Events, shares: Callable[[Array], Array], values: Array, slopes: Array, *, scored: bool
) -> Memberships:
    """The shares at the given values, with slopes by scores or through the values' own (axis nuisance first)."""
    if not scored:
        share, along = jax.linearize(shares, values)
        return Memberships(share, jax.vmap(along)(slopes))
    share = shares(values)
    if len(slopes) == 0:
        return Memberships(share, jnp.zeros((0, *share.shape), share.dtype))
    if Scores.__name__ not in events.nouns:
        raise StageError(
            f"the observables depend on {len(slopes)} nuisance parameters and slopes are to come from scores, as those "
            "of sharp bins must, but the record holds no Scores; expected them of the source. Let it add those of its "
            "density, or measure sharp bins at shifted nuisance parameters."
        )
    return Memberships(share, events[Scores].values[:, None] * share)
