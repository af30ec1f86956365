"""Confirmations: the best rows of a search measured again, for the best of many noisy numbers is a lucky one."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from daedalus.core import Design, History, Problem, scoring_key
from daedalus.landscapes.comparison import KEYS, LOSS, Comparison, Differences, compare
from daedalus.landscapes.errors import LandscapeError
from daedalus.units import unit as unit_value

CLOSE = 1e-3  # largest difference in any parameter of designs that count as the same [share of its range]


@dataclasses.dataclass(frozen=True, eq=False)
class Confirmation:
    """The best rows of a history, or given designs, measured again with fresh events, on common random numbers."""

    rows: Int[np.ndarray, "design"]  # of the history, the best claim first; -1 of given designs
    claimed: Float[np.ndarray, "design"]  # loss the search saw [1]; NaN of given designs
    claimed_error: Float[np.ndarray, "design"]  # [1]
    comparison: Comparison  # on fresh events, on the real apparatus
    again: Float[np.ndarray, "design"]  # the loss on fresh events, as relaxed as where it was claimed [1]
    again_error: Float[np.ndarray, "design"]  # [1]
    probability: Float[np.ndarray, "design"]  # that it has the least loss of all [1]

    @property
    def best(self) -> int:
        """Which of the designs has the least loss on the fresh events."""
        return int(np.nanargmin(self.comparison.mean()))

    @property
    def behind(self) -> Differences:
        """By how much each design's loss exceeds that of the best, paired."""
        return self.comparison.differences(to=self.comparison.labels[self.best])

    @property
    def curse(self) -> tuple[Float[np.ndarray, "design"], Float[np.ndarray, "design"]]:
        """By how much the fresh loss exceeds the claimed one, and its standard error [1].

        The winner's curse is the first number: the error of a claim says how far it would scatter, had it not been
        picked for being low.
        """
        return self.again - self.claimed, np.hypot(self.again_error, np.nan_to_num(self.claimed_error))


def confirm(
    problem: Problem,
    found: History | Sequence[Design],
    *,
    key: Key[Array, ""],
    k: int = 5,
    keys: int = KEYS,
    events: int | None = None,
    scenarios: int | None = None,
    close: float = CLOSE,
) -> Confirmation:
    """The k best rows of a search, or given designs, measured again with fresh events.

    Only sound rows that violate no constraint count. Where a method saw the relaxed apparatus, the rows are measured
    on both: the relaxed one for what the claims are worth, the real one for who is best.

    Args:
        problem: the task.
        found: the history, or designs.
        key: decides the fresh events; that of the search may be given, for it never saw them.
        k: rows that are measured [1]; of given designs all.
        keys: sets of events [1]; a row costs as many evaluations, or twice as many.
        events: per scenario [1]; the problem's own number by default.
        scenarios: of an evaluation [1].
        close: rows nearer than that to a better one count as the same design, exchangeable parts in canonical order
            [share of each parameter's range].

    Raises:
        LandscapeError: no row or design to measure, or fewer than two keys.
    """
    if isinstance(found, History):
        rows = best_rows(problem, found, k=k, close=close)
        designs = {f"row {row}": found.design(problem, int(row)) for row in rows}
        claimed, error = found["loss"][rows], found["loss_error"][rows]
    else:
        rows = np.full(len(found), -1)
        designs = {f"design {number}": design for number, design in enumerate(found)}
        claimed, error = np.full(len(found), np.nan), np.full(len(found), np.nan)
    comparison = compare(problem, designs, key=key, keys=keys, events=events, scenarios=scenarios)
    again = comparison.samples[LOSS]
    if isinstance(found, History) and "signal" in found.columns:  # gradients are of the relaxed apparatus
        fresh = [scoring_key(key, number) for number in range(keys)]
        pairs = zip(designs.values(), found["softness"][rows], strict=True)
        each = lambda design, soft: [
            problem.evaluate(design, key=one, softness=float(soft), events=events, scenarios=scenarios).loss
            for one in fresh
        ]
        again = np.array([each(design, soft) for design, soft in pairs], float).T
    fresh_error = np.std(again, 0, ddof=1) / np.sqrt(keys)
    chance = comparison.probability_best(key=scoring_key(key, keys))
    return Confirmation(rows, claimed, error, comparison, np.mean(again, 0), fresh_error, chance)


def best_rows(problem: Problem, history: History, *, k: int, close: float = CLOSE) -> Int[np.ndarray, "row"]:
    """The rows of the k least losses, sound and feasible, each design once.

    Args:
        problem: the task.
        history: of a search.
        k: at most so many [1].
        close: see `confirm` [share of each parameter's range].

    Raises:
        LandscapeError: there is none.
    """
    loss = np.where((history["status"] == "ok") & history.complete, history["loss"], np.inf)
    order = np.argsort(loss, kind="stable")[: np.sum(np.isfinite(loss))]
    if len(order) == 0 or k < 1:
        raise LandscapeError(
            f"{len(order)} sound rows, of which {k} are asked for; expected at least one of each. A longer search, or "
            "looser constraints, may find some."
        )
    places, kept = canonical_places(problem, history), list[int]()
    for row in order:
        if all(np.max(np.abs(places[row] - places[other]), initial=0.0) > close for other in kept):
            kept.append(int(row))
        if len(kept) == k:
            break
    return np.array(kept)


def canonical_places(problem: Problem, history: History) -> Float[np.ndarray, "row param"]:
    """The places of all rows in the unit cube, exchangeable parts in canonical order [1]."""
    space = problem.space
    columns = [np.asarray(history[entry.column], float) * unit_value(entry.unit) for entry in space.entries]
    if not columns:
        return np.zeros((len(history), 0))
    cubes = (np.stack(columns, -1) - space.lower) / (space.upper - space.lower)
    ordered = lambda cube: space.cube(space.canonical(space.design(cube)))
    return np.asarray(jax.jit(jax.vmap(ordered))(jnp.asarray(np.clip(cubes, 0.0, 1.0))))
