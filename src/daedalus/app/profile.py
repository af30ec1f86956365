"""`daedalus profile`: where the time of an evaluation goes, stage by stage."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import jax
from matplotlib.figure import Figure
from rich.markup import escape
from rich.table import Table

from daedalus.app.configuration import Configuration
from daedalus.app.device import prepare
from daedalus.app.options import settings as parsed
from daedalus.app.screen import messages, output, remark
from daedalus.app.style import styled
from daedalus.app.task import Task, task
from daedalus.core import Derivative, scoring_key
from daedalus.drawing.palette import BLUE
from daedalus.execution.files import json_text, replacing, write_text
from daedalus.search.stage_times import StageTime, stage_times

STREAM = 4  # of the scoring keys, whose events no search sees
MILLI = 1e-3  # [s]; people read milliseconds


def profile(
    name: str,
    *,
    repeats: int,
    out: Path | None,
    settings: Sequence[str] = (),
    **values: int | str | None,
) -> None:
    """Prints what every stage, pass of sums and the gradient of the start's evaluation takes, and draws it.

    It is the evaluation a search makes: through relaxed stages where there is a gradient, else of the real apparatus.
    Every part is a program of its own, all of which are compiled before the first is timed.

    Args:
        name: the problem.
        repeats: how often each piece of the evaluation is timed [1].
        out: a folder for profile.json, profile.png and profile.pdf; none are written by default.
        settings: the problem's options as "name=value" texts.
        values: further fields of `Configuration`; None leaves the recipe's.

    Raises:
        ProblemError: the problem is evaluated by a foreign simulator.
    """
    given = Configuration(name, options=parsed(settings)).changed(**values)
    prepare(given.precision)
    found = task(given)
    chosen, problem = found.configuration, found.problem
    with messages().status("timing stages ..."):
        rows = stage_times(
            problem,
            key=scoring_key(jax.random.key(chosen.seed), STREAM),
            events=chosen.events or problem.events,
            scenarios=chosen.scenarios,
            softness=None if Derivative.NONE in problem.derivative else 1.0,
            repeats=repeats,
            block=chosen.block,
        )
    output().print(table(rows))
    remark("Stages are compiled apart to be timed; fused as in a search they may take less. Shares are leads.")
    if out is not None:
        _file(out, found, rows, repeats)


def table(rows: Sequence[StageTime]) -> Table:
    """What every part takes; the last line's cumulative time is that of a whole evaluation."""
    shown = Table(box=None, pad_edge=False, header_style="dim")
    shown.add_column("part", overflow="fold")
    for title in ("own [ms]", "cumulative [ms]", "share [percent]"):
        shown.add_column(escape(title), justify="right")
    for row in rows:
        times = (f"{seconds / MILLI:.3f}" for seconds in (row.seconds, row.cumulative))
        shown.add_row(escape(row.name), *times, f"{100 * row.share:.1f}")
    return shown


def profile_figure(rows: Sequence[StageTime]) -> Figure:
    """A bar per part, placed where its time lies within the evaluation, the first one on top."""
    figure = Figure(figsize=(6.4, 0.32 * len(rows) + 1.0), layout="constrained")
    axes = figure.subplots()
    own = [row.seconds / MILLI for row in rows]
    begin = [(row.cumulative - row.seconds) / MILLI for row in rows]
    bars = axes.barh(range(len(rows)), own, left=begin, height=0.7, color=BLUE)
    axes.bar_label(bars, [f"{100 * row.share:.0f} %" for row in rows], padding=3, fontsize="small")
    axes.set_yticks(range(len(rows)), [row.name for row in rows])
    axes.invert_yaxis()
    axes.margins(x=0.1)
    axes.set_xlim(left=0)
    axes.set_xlabel("time within an evaluation [ms]")
    axes.grid(visible=False, axis="y")
    return figure


def _file(folder: Path, found: Task, rows: Sequence[StageTime], repeats: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    chosen, problem = found.configuration, found.problem
    head = {"problem": problem.name, "version": problem.version, "seed": chosen.seed, "repeats": repeats}
    head |= {"events": chosen.events or problem.events, "scenarios": chosen.scenarios or problem.scenarios.count}
    head |= {"precision": chosen.precision, "device": jax.devices()[0].device_kind, "devices": jax.device_count()}
    parts = [dataclasses.asdict(row) for row in rows]
    write_text(folder / "profile.json", json_text(head | {"parts": parts}))
    with styled():
        figure = profile_figure(rows)
        for suffix in ("png", "pdf"):
            with replacing(folder / f"profile.{suffix}") as part:
                figure.savefig(part, format=suffix)
    remark(f"written: {folder / 'profile.json'}, profile.png, profile.pdf")
