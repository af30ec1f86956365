"""Budgets: time and money after which a search ends in order, to be resumed."""

from __future__ import annotations

import time

import numpy as np

from daedalus.app.screen import remark
from daedalus.core import History
from daedalus.search import Progress, Watcher


def time_budget(hours: float | None) -> Watcher:
    """A watcher that ends a search, as Ctrl-C does, once it has taken so long; the clock's hands may be moved."""
    began = time.monotonic()

    def watch(progress: Progress) -> None:
        if hours is not None and progress.done < progress.rounds and time.monotonic() - began > hours * 3600:
            remark(f"the {hours:g} hours of this run are over.")
            raise KeyboardInterrupt

    return watch


def money_budget(euros: float | None, price: float) -> Watcher:
    """A watcher that ends a search, as Ctrl-C does, once its evaluations have cost so much, earlier processes' too.

    Args:
        euros: what may be spent [EUR]; None for any sum.
        price: of an hour of what one evaluation at a time runs on [EUR/h].
    """

    def watch(progress: Progress) -> None:
        if euros is not None and progress.done < progress.rounds and spent(progress.history, price) >= euros:
            remark(f"the {euros:g} EUR of this run are spent.")
            raise KeyboardInterrupt

    return watch


def spent(history: History, price: float) -> float:
    """What the evaluations of a history have cost [EUR], at a price per hour [EUR/h]."""
    return price * float(np.sum(history["wall_seconds"])) / 3600 if len(history) else 0.0
