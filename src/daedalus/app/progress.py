"""The progress bar of a search: rounds, loss, cost, time left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from daedalus.core import History, Problem
from daedalus.search import Progress, Watcher

LINES = 10  # progress lines of a search whose output is no terminal


def cost_name(problem: Problem) -> str | None:
    """The figure that is money: its unit is in EUR or its name says cost; None where there is none."""
    for figure in problem.figures:
        if "EUR" in figure.unit or "cost" in figure.name.lower():
            return figure.name
    return None


def state_text(problem: Problem, history: History) -> str:
    """The latest round in words: loss and cost of its best start."""
    newest = np.where(history["round"] == history["round"].max())[0]
    losses = np.where(np.isfinite(history["loss"][newest]), history["loss"][newest], np.inf)
    row = newest[np.argmin(losses)]
    text, cost = f"loss {history['loss'][row]:.4g}", cost_name(problem)
    if cost is None:
        return text
    shown = next(figure.unit for figure in problem.figures if figure.name == cost)
    return f"{text}   {cost} {history[cost][row]:.5g} {'' if shown == '1' else shown}".rstrip()


@contextmanager
def progress_bar(console: Console, rounds: int) -> Iterator[Watcher]:
    """A watcher that moves a bar in a terminal, or prints about ten lines elsewhere."""
    columns = (
        TextColumn("round"),
        MofNCompleteColumn(),
        BarColumn(bar_width=20),  # all columns fit a terminal of 80
        TextColumn("{task.fields[state]}"),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console, disable=not console.is_terminal) as bar:
        line = bar.add_task("search", total=rounds, state="compiling ...")
        printed = 0

        def watch(progress: Progress) -> None:
            nonlocal printed
            state = state_text(progress.problem, progress.history)
            bar.update(line, completed=progress.done, state=state)
            share = progress.done * LINES // rounds
            if not console.is_terminal and share > printed:
                printed = share
                console.print(f"round {progress.done}/{rounds}   {state}", markup=False)

        yield watch
