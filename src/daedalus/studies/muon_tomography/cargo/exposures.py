"""Exposures: the maps after shorter and longer scans, from muons that are simulated once."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from daedalus.core import Pipeline, Problem, Summaries
from daedalus.core.pipeline import Summary, Sums
from daedalus.errors import ProblemError
from daedalus.events import Deflections, Events

ROOM = 0.3  # for muons that cross both arms, as a share of all; a sixth does [1]
SURE = 0.8  # share of the room that is filled at most on average [1]
MAPLESS = ("ratio",)  # sums that no map is made of


class ByExposure(eqx.Module):
    """Sums after several exposures, along an axis before those that they have themselves."""

    sums: Any

    def after(self, number: Int[Array, ""] | int, axis: int = 0) -> Any:
        """The sums after one of the exposures."""
        return jax.tree.map(lambda leaf: jnp.take(leaf, number, axis), self.sums)


def with_exposures(problem: Problem, exposures: Sequence[float]) -> Problem:
    """The problem with every sum made over the first muons only, once per exposure; sums are then `ByExposure`.

    Only those of maps are made, and a muon is simulated once for all of them. All muons of a scan must be in memory,
    and `need_room` must hold of what was accepted.

    Args:
        problem: whose chain is taken.
        exposures: scanning times, whole multiples of the shortest, which is rounded to whole muons [scans].
    """
    chain_of, least = problem.build, min(exposures)
    assert chain_of is not None  # a chain with sums is one
    pieces = [round(each / least) for each in exposures]

    def build(design: Any, truth: Any) -> Pipeline:
        chain = chain_of(design, truth)
        after = lambda summary: partial(_after_each, summary, pieces)
        passes = [{n: after(each) for n, each in one.items() if n not in MAPLESS} for one in chain.passes]
        return Pipeline(chain.stages, passes)

    return dataclasses.replace(problem, build=build, events=max(pieces) * max(round(least * problem.events), 1))


def after_exposure(number: int, summaries: Summaries) -> Summaries:
    """The sums of all scans after one of the exposures of `with_exposures`."""
    found = {name: each.after(number, 1) for name, each in summaries.sums.items() if isinstance(each, ByExposure)}
    return Summaries(found, summaries.weight)


def need_room(accepted: Iterable[float]) -> None:
    """Checks that there was room for the muons that crossed both arms.

    Args:
        accepted: their share among all, by layout [1].

    Raises:
        ProblemError: there was not.
    """
    greatest = max(accepted)
    if greatest > SURE * ROOM:
        raise ProblemError(
            f"a layout accepts {greatest:.0%} of the muons; maps of several exposures expect {SURE * ROOM:.0%} at most."
            " Make ROOM in cargo/exposures.py larger."
        )


def _after_each(summary: Summary, pieces: Sequence[int], events: Events, earlier: Sums) -> ByExposure:
    """A sum over the first muons, for as many of equal pieces as each exposure has; earlier sums are over the same."""
    cut = _useful(events, max(pieces))

    def one(exposure: Int[Array, ""], piece: Int[Array, ""]) -> Any:
        before = {name: each.after(exposure) for name, each in earlier.items() if isinstance(each, ByExposure)}
        return summary(jax.tree.map(lambda own, all_: own if own is all_ else own[piece], cut, events), before)

    def add(totals: Any, pair: tuple[Int[Array, ""], Int[Array, ""]]) -> tuple[Any, None]:
        return jax.tree.map(lambda total, own: total.at[pair[0]].add(own), totals, one(*pair)), None

    pairs = jnp.array([(k, piece) for k, count in enumerate(pieces) for piece in range(count)]).T
    shapes = jax.eval_shape(one, *pairs[:, 0])
    zeros = jax.tree.map(lambda leaf: jnp.zeros((len(pieces), *leaf.shape), leaf.dtype), shapes)
    return ByExposure(jax.lax.scan(add, zeros, (pairs[0], pairs[1]))[0])


def _useful(events: Events, pieces: int) -> Events:
    """The events in equal pieces along a first axis, in each those that crossed both arms, as far as there is room.

    What does not belong to an event stays as it is.
    """
    muons = len(events.index)
    width, room = muons // pieces, round(ROOM * muons / pieces)
    useless = ~(events.alive & events[Deflections].found).reshape(pieces, width)
    chosen = jnp.argsort(useless, axis=1)[:, :room] + width * jnp.arange(pieces)[:, None]
    own = lambda leaf: jnp.moveaxis(leaf[..., chosen], -2, 0) if leaf.shape[-1:] == (muons,) else leaf
    return jax.tree.map(own, events)
