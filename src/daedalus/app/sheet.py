"""`daedalus show`: the data sheet of a problem."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import jax
import numpy as np
from rich.console import Console
from rich.table import Table

from daedalus.app.configuration import Configuration
from daedalus.app.device import prepare
from daedalus.app.options import settings
from daedalus.app.screen import output
from daedalus.app.task import Task, task
from daedalus.core import Constraint, Derivative, Design, Entry, Objective, Problem
from daedalus.core.leaves import leaves_of
from daedalus.units import unit


def show_sheet(name: str, texts: Sequence[str]) -> None:
    """Prints the data sheet of a problem, made with the options in "name=value" texts."""
    prepare()
    found = task(Configuration(name, options=settings(texts)))
    console = output()
    console.print(f"[bold]{name}[/], version {found.problem.version}")
    console.print(found.problem.doc or found.offer.doc, markup=False)
    parts = (_parameters, *([_learned] if found.problem.space.learned_size else []), _chain, _figures, _rest)
    for print_part in parts:
        console.print()
        print_part(console, found)


def derivative_text(flags: Derivative) -> str:
    """A stage's derivative flags in words."""
    return " and ".join(flag.name.lower() for flag in Derivative if flag in flags and flag.name) or "exact"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _learned(console: Console, found: Task) -> None:
    space, start = found.problem.space, found.problem.start
    leaves = leaves_of(space.point(start).learned)
    table = _table(f"learned ({space.learned_size} numbers)", "name", "arrays", "numbers", "meaning")
    for name, meaning in _learned_fields(start):
        sizes = [np.size(leaf) for path, leaf in leaves.items() if path.startswith(name)]
        table.add_row(name, str(len(sizes)), str(sum(sizes)), meaning)
    console.print(table)


def _learned_fields(design: Design, prefix: str = "") -> Iterator[tuple[str, str]]:
    """The names and meanings of the fields that are learned, nested designs included."""
    for item in dataclasses.fields(design):
        value = getattr(design, item.name)
        if "learned" in item.metadata:
            yield prefix + item.name, item.metadata["learned"]
        elif isinstance(value, Design):
            yield from _learned_fields(value, f"{prefix}{item.name}.")


def _parameters(console: Console, found: Task) -> None:
    space = found.problem.space
    table = _table(f"parameters ({space.size})", "name", "start", "lower", "upper", "unit", "kind", "meaning")
    fields: dict[str, list[int]] = {}
    for number, entry in enumerate(space.entries):
        fields.setdefault(entry.name.partition("[")[0], []).append(number)
    starts = np.asarray(space.values(found.problem.start))
    for field, numbers in fields.items():
        entries = [space.entries[number] for number in numbers]
        first = entries[0]
        shown = f"{field}[0..{len(entries) - 1}]" if len(entries) > 1 else first.name
        numbers_text = ", ".join(f"{starts[n] / unit(first.unit):.5g}" for n in numbers)
        low, high = (_bounds([getattr(e, side) for e in entries], first) for side in ("lower", "upper"))
        table.add_row(shown, numbers_text, low, high, first.unit, first.kind, first.doc)
    console.print(table)


def _bounds(values: list[float], entry: Entry) -> str:
    shown = [f"{value / unit(entry.unit):.5g}" for value in values]
    return shown[0] if len(set(shown)) == 1 else ", ".join(shown)


def _chain(console: Console, found: Task) -> None:
    chain = found.problem.pipeline(found.problem.start, key=jax.random.key(0), softness=1.0)
    table = _table("the chain", "stage", "class", "derivative", "what it does")
    for stage in chain.stages:
        text = " ".join((type(stage).__doc__ or "").split())
        first = text.partition(". ")[0].rstrip(".")
        table.add_row(stage.name, type(stage).__name__, derivative_text(stage.derivative), first)
    console.print(table)
    sums = ", then ".join(", ".join(each) for each in chain.passes)
    console.print(
        f"sums over events: {sums}; derivative of the whole: {derivative_text(chain.derivative)}",
        markup=False,
    )


def _figures(console: Console, found: Task) -> None:
    table = _table("figures", "name", "kind", "unit", "sense or bounds", "scale", "meaning")
    for figure in found.problem.figures:
        size = unit(figure.unit)
        sense = scale = ""
        if isinstance(figure, Objective):
            sense, scale = figure.sense, f"{figure.scale / size:.4g}"
        elif isinstance(figure, Constraint):
            sense = f"{figure.lower / size:.4g} to {figure.upper / size:.4g}"
        table.add_row(figure.name, type(figure).__name__.lower(), figure.unit, sense, scale, figure.doc)
    console.print(table)


def _rest(console: Console, found: Task) -> None:
    problem: Problem = found.problem
    chosen, recipe = found.configuration, found.recipe
    lines = {
        "physics on": ", ".join(problem.physics) or "nothing declared",
        "recipe": f"{recipe.rounds} rounds of {type(recipe.optimiser).__name__}, "
        f"{chosen.scenarios} scenarios of {chosen.events} particles, measured "
        f"on {chosen.scoring_scenarios} fresh ones",
        "references": ", ".join(problem.references) or "none",
        "scenarios": "drawn at random" if problem.scenarios.random else "fixed",
    }
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, text in lines.items():
        table.add_row(f"[dim]{name}[/]", text)
    console.print(table)
