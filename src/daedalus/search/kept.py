"""What is kept of learned leaves: those of the rows that may be measured again, so that memory stays flat."""

from __future__ import annotations

import dataclasses

import numpy as np

from daedalus.core import History
from daedalus.core.leaves import leaves_of
from daedalus.errors import RunError
from daedalus.search.rounds import Batch


def best_and_last(history: History) -> tuple[int, list[int]]:
    """The best row, and the last sound one of every start, among those whose designs can be had.

    The best is the one of lowest loss that violates no constraint, or of lowest loss where all do.

    Raises:
        RunError: no row is sound.
    """
    sound = np.isin(history["status"], ["ok", "infeasible"]) & np.isfinite(history["loss"]) & history.complete
    if not sound.any():
        raise RunError("no row of the history has a finite loss; there is nothing to measure.")
    newest_first = np.where(sound)[0][::-1]
    last = newest_first[np.unique(history["start"][newest_first], return_index=True)[1]]
    ok = sound & (history["status"] == "ok")
    best = int(np.argmin(np.where(ok if ok.any() else sound, history["loss"], np.inf)))
    return best, sorted(last.tolist())


def with_leaves(history: History, batch: Batch) -> History:
    """The history with the learned leaves that are kept of it, where the design has any and the method moves them.

    Args:
        history: with the rows of the batch, and the leaves kept before them.
        batch: the newest rounds.
    """
    new = leaves_of(batch.proposals.points.learned)
    if not new or batch.evaluations.gradient is None:
        return history
    rounds, starts = np.shape(batch.evaluations.loss)
    first = len(history) - rounds * starts
    known = {row: {} for row in range(first, len(history))} | dict(history.learned)
    try:
        best, last = best_and_last(dataclasses.replace(history, learned=known))
    except RunError:
        return history
    at = lambda row: divmod(row - first, starts)
    fresh = lambda row: {name: np.array(leaf[at(row)]) for name, leaf in new.items()}  # a view would keep the batch
    kept = {row: history.learned[row] if row in history.learned else fresh(row) for row in sorted({best, *last})}
    return dataclasses.replace(history, learned=kept)
