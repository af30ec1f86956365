"""`daedalus check`: what a problem's gradient is worth, parameter by parameter."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key
from matplotlib.figure import Figure
from rich.table import Table

from daedalus.app.configuration import Configuration
from daedalus.app.device import prepare
from daedalus.app.options import settings as parsed
from daedalus.app.screen import messages, output, remark, with_error
from daedalus.app.task import Task, task
from daedalus.core import Problem
from daedalus.drawing.palette import BLUE, GREEN, GREY, VERMILION
from daedalus.errors import DesignError, OptimiserError, ProblemError
from daedalus.execution.files import json_text, replacing, write_text
from daedalus.search.derivatives import Comparison, Verdict, check_derivatives

SPREAD = 0.15  # [share of range]; how far the other designs lie from the start, at most
COLOURS = {"trust": GREEN, "biased": BLUE, "wrong": VERMILION, "zero": VERMILION, "unclear": GREY}
_STYLES = {"trust": "green", "biased": "yellow", "wrong": "bold red", "zero": "bold red", "unclear": "dim"}


def check(
    name: str,
    *,
    designs: int,
    keys: int,
    parameters: Sequence[str],
    softness: Sequence[float],
    out: Path | None,
    strict: bool,
    settings: Sequence[str] = (),
    **values: int | str | None,
) -> None:
    """Prints the verdict on every parameter's derivative at several designs, and draws them.

    Args:
        name: the problem.
        designs: the start and so many less one around it [1].
        keys: independent evaluations of each [1].
        parameters: names to check, "z" for all z[...]; all by default.
        softness: of the relaxations [1]; several show how bias and noise change with it.
        out: a folder for check.json, check.png and check.pdf; none are written by default.
        strict: a derivative that is wrong or zero is an error.
        settings: the problem's options as "name=value" texts.
        values: further fields of `Configuration`; None leaves the recipe's.

    Raises:
        ProblemError: with ``strict``, a derivative that is wrong or zero.
        OptimiserError: no parameter is free.
        DesignError: an unknown parameter.
    """
    given = Configuration(name, options=parsed(settings)).changed(**values)
    prepare(given.precision)
    found = task(given)
    if found.problem.space.size == 0:
        raise OptimiserError(
            f"{name} has no free parameter to check; expected one. The derivative by learned leaves is held against "
            f"finite differences by `daedalus conformance {name}`."
        )
    key = jax.random.key(given.seed)
    with messages().status("measuring derivatives ..."):
        rows = check_derivatives(
            found.problem,
            places(found.problem, designs, key=jax.random.fold_in(key, 1)),
            key=jax.random.fold_in(key, 0),
            events=found.configuration.events or found.problem.events,
            scenarios=found.configuration.scenarios,
            keys=keys,
            softness=softness,
            chosen=_chosen(found.problem, parameters),
        )
    output().print(table(rows))
    remark(summary(rows))
    if out is not None:
        _file(out, found, rows)
    bad = [row for row in rows if row.verdict in (Verdict.WRONG, Verdict.ZERO)]
    if strict and bad:
        names = ", ".join(sorted({row.name for row in bad}))
        raise ProblemError(f"{len(bad)} of {len(rows)} derivatives of {name} are wrong or zero: those by {names}.")


def places(problem: Problem, designs: int, *, key: Key[Array, ""]) -> list[Float[Array, "param"]]:
    """The start in the cube, and other places around it."""
    start = problem.space.cube(problem.start)
    others = jax.random.uniform(key, (max(designs, 1) - 1, len(start)), start.dtype, -SPREAD, SPREAD)
    return [start, *(jnp.clip(jnp.clip(start, SPREAD, 1 - SPREAD) + other, 0, 1) for other in others)]


def table(rows: Sequence[Comparison]) -> Table:
    """The comparisons as a table; derivatives are of the loss, per range of the parameter."""
    several = len({row.softness for row in rows}) > 1
    shown = Table(box=None, pad_edge=False, header_style="dim")
    head = ("design", "parameter", *(["softness"] if several else []), "derivative", "real apparatus", "bias")
    for title in (*head, "signal/noise", "verdict", "why"):
        shown.add_column(title, overflow="fold")
    for row in rows:
        shown.add_row(
            str(row.design),
            row.name,
            *([f"{row.softness:g}"] if several else []),
            with_error(row.derivative, row.error),
            with_error(row.truth, row.truth_error),
            with_error(row.bias, row.bias_error),
            f"{row.signal_to_noise:.2g}",
            f"[{_STYLES[row.verdict]}]{row.verdict}[/]",
            row.reason,
        )
    return shown


def summary(rows: Sequence[Comparison]) -> str:
    """The verdicts counted."""
    counts = {verdict: sum(row.verdict == verdict for row in rows) for verdict in Verdict}
    return f"{len(rows)} derivatives: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)


def check_figure(rows: Sequence[Comparison]) -> Figure:
    """Derivative against that of the real apparatus, one panel per design, and what a single evaluation scatters."""
    designs = sorted({row.design for row in rows})
    names = list(dict.fromkeys(row.name for row in rows))
    height = max(2.4, 0.22 * len(names) + 1.2)
    figure = Figure(figsize=(3.2 * len(designs) + 1.4, height), layout="constrained")
    axes = figure.subplots(1, len(designs), squeeze=False, sharey=True)[0]
    for panel, design in zip(axes, designs, strict=True):
        own = [row for row in rows if row.design == design]
        place = np.array([names.index(row.name) for row in own], float)
        panel.errorbar(
            [row.truth for row in own], place + 0.18, xerr=[row.truth_error for row in own],
            fmt="s", ms=4, color=GREY, label="real apparatus",
        )  # fmt: skip
        for verdict in dict.fromkeys(row.verdict for row in own):
            these = [i for i, row in enumerate(own) if row.verdict == verdict]
            panel.errorbar(
                [own[i].derivative for i in these], place[these] - 0.18, xerr=[own[i].error for i in these],
                fmt="o", ms=4, color=COLOURS[verdict], label=str(verdict),
            )  # fmt: skip
        panel.axvline(0, color=GREY, lw=0.6)
        panel.set_title("start" if design == 0 else f"design {design}", fontsize="medium")
        panel.set_xlabel("derivative of the loss per range")
        panel.set_yticks(range(len(names)), names)
    axes[0].invert_yaxis()
    handles = {label: h for panel in axes for h, label in zip(*panel.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=len(handles), frameon=False)
    return figure


def _chosen(problem: Problem, names: Sequence[str]) -> list[int] | None:
    """The numbers of the free parameters of the given names; None stands for all."""
    if not names:
        return None
    fits = lambda entry, name: entry == name or entry.startswith((name + "[", name + "."))
    known = problem.space.names
    for name in names:
        if not any(fits(entry, name) for entry in known):
            raise DesignError(f"no free parameter is called {name!r}; expected one of {', '.join(known)}.")
    return [i for i, entry in enumerate(known) if any(fits(entry, name) for name in names)]


def _file(folder: Path, found: Task, rows: Sequence[Comparison]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    head = {"problem": found.problem.name, "version": found.problem.version, "seed": found.configuration.seed}
    write_text(folder / "check.json", json_text(head | {"rows": [dataclasses.asdict(row) for row in rows]}))
    figure = check_figure(rows)
    for suffix in ("png", "pdf"):
        with replacing(folder / f"check.{suffix}") as part:
            figure.savefig(part, format=suffix)
    remark(f"written: {folder / 'check.json'}, check.png, check.pdf")
