"""`daedalus compare`: methods on one problem at equal budgets, their incumbents measured again."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

from daedalus.app.configuration import Configuration
from daedalus.app.device import prepare
from daedalus.app.engine import workers_of
from daedalus.app.options import settings as parsed
from daedalus.app.screen import messages, output, remark, with_error
from daedalus.app.task import Task, task
from daedalus.app.words import Workplace
from daedalus.drawing.palette import CYCLE
from daedalus.errors import DaedalusError, OptimiserError
from daedalus.execution import Cluster
from daedalus.execution.files import json_text, replacing, write_text
from daedalus.search.comparison import LOSS, Course, band, course
from daedalus.units import unit

Courses = Mapping[str, Sequence[Course]]


ALONE = Workplace()


def compare(
    name: str,
    *,
    methods: Sequence[str],
    calls: int,
    seeds: int,
    figure: str,
    targets: Sequence[float],
    out: Path | None,
    settings: Sequence[str] = (),
    place: Workplace = ALONE,
    **values: Any,
) -> None:
    """Prints what every method reaches with a budget of calls, and how many it needs to reach targets.

    Args:
        name: the problem.
        methods: command-line names; "recipe" is the study's own.
        calls: evaluations each search may make [1].
        seeds: searches per method [1].
        figure: what incumbents are measured by; the loss or a figure's name.
        targets: values of that figure [its unit].
        out: a folder for the courses, the table and the figure.
        settings: the problem's options as "name=value" texts.
        place: whose workers make whole searches; this process by default.
        values: further fields of `Configuration`; None leaves the recipe's.

    Raises:
        OptimiserError: an unknown method or figure, or no method that can search the problem.
    """
    given = Configuration(name, options=parsed(settings)).changed(**values)
    prepare(given.precision)
    tasks = {method: task(given.changed(optimiser=method)) for method in methods}
    _check_figure(tasks, figure)
    courses: dict[str, list[Course]] = {}
    with workers_of(place) as cluster:
        for method, found in tasks.items():
            try:
                courses[method] = _courses(method, found, cluster, calls=calls, seeds=seeds, figure=figure)
            except DaedalusError as cause:
                remark(f"{method}: {cause}")
    if not courses:
        raise OptimiserError(f"none of {', '.join(methods)} can search {name}.")
    shown = _unit(next(iter(tasks.values())), figure)
    output().print(table(courses, targets, figure=figure, shown=shown))
    if out is not None:
        _file(out, name, courses, targets, figure=figure, shown=shown)


def _courses(method: str, found: Task, cluster: Cluster | None, *, calls: int, seeds: int, figure: str) -> list[Course]:
    """The courses of a method's searches, one after another here, or side by side on a cluster."""
    each = partial(_course, method, found, calls, figure)
    numbers = range(found.configuration.seed, found.configuration.seed + seeds)
    if cluster is not None:
        with messages().status(f"{method} on the cluster ..."):
            return cluster.results(each, numbers)
    done = []
    for seed in numbers:
        with messages().status(f"{method}, seed {seed} ..."):
            done.append(each(seed))
    return done


def _course(method: str, found: Task, calls: int, figure: str, seed: int) -> Course:
    chosen = found.configuration
    prepare(chosen.precision)  # of a worker, which knows nothing yet
    sizes = {n: getattr(chosen, n) for n in ("events", "scenarios", "scoring_scenarios")}
    return course(found.problem, method, found.optimiser, seed=seed, calls=calls, figure=figure, **sizes)


def table(courses: Courses, targets: Sequence[float], *, figure: str, shown: str) -> Table:
    """What every method reached, the calls it needed to reach the targets, and what it cost."""
    frame = Table(box=None, pad_edge=False, header_style="dim")
    reached = f"{figure}{'' if shown == '1' else f' [{shown}]'}"
    heads = [f"calls to {target:g}" for target in targets]
    columns = ("method", reached, "range over seeds", *heads, "calls", "particles", "wall [s]", "CPU [s]")
    for title in columns:
        frame.add_column(title, overflow="fold")
    scale = unit(shown)
    for method, runs in courses.items():
        last = np.array([run.value[-1] if len(run.value) else np.nan for run in runs]) / scale
        middle = int(np.argsort(last)[(len(last) - 1) // 2])
        error = runs[middle].error[-1] / scale if len(runs[middle].error) else np.nan
        frame.add_row(
            method,
            with_error(float(last[middle]), float(error)),
            f"{np.min(last):.4g} to {np.max(last):.4g}",
            *(_reached([run.calls_to(target * scale) for run in runs]) for target in targets),
            str(max(run.made for run in runs)),
            f"{np.mean([run.particles for run in runs]):.3g}",
            f"{np.mean([run.wall_seconds for run in runs]):.3g}",
            f"{np.mean([run.cpu_seconds for run in runs]):.3g}",
        )
    return frame


def course_figure(courses: Courses, *, figure: str, shown: str) -> Figure:
    """Median incumbent against calls for every method, with bands from the best to the worst seed."""
    drawn = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = drawn.subplots()
    scale = unit(shown)
    most = max(run.made for runs in courses.values() for run in runs)
    for number, (method, runs) in enumerate(courses.items()):
        points = np.unique(np.concatenate([*(run.calls for run in runs), [min(most, max(r.made for r in runs))]]))
        middle, low, high = band(runs, points) / scale
        colour = CYCLE[number % len(CYCLE)]
        axes.step(points, middle, where="post", color=colour, label=method)
        axes.fill_between(points, low, high, step="post", color=colour, alpha=0.15, lw=0)
    axes.set_xscale("log")
    axes.set_xlabel("evaluations")
    axes.set_ylabel(f"{figure} of the incumbent, measured again{'' if shown == '1' else f' [{shown}]'}")
    values = np.concatenate([run.value for runs in courses.values() for run in runs]) / scale
    if np.all(values > 0) and np.max(values) > 20 * np.min(values):
        axes.set_yscale("log")
    axes.legend(frameon=False)
    return drawn


def record(run: Course) -> dict[str, Any]:
    """A course for a file, without its history."""
    names = [field.name for field in dataclasses.fields(run) if field.name != "history"]
    values = {name: getattr(run, name) for name in names}
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in values.items()}


def _reached(calls: Sequence[float]) -> str:
    """The median over seeds, and how many seeds reached the target."""
    arrived = [each for each in calls if np.isfinite(each)]
    middle = float(np.sort(calls)[(len(calls) - 1) // 2])
    return f"{middle:.0f} ({len(arrived)}/{len(calls)})" if np.isfinite(middle) else f"- ({len(arrived)}/{len(calls)})"


def _check_figure(tasks: Mapping[str, Task], figure: str) -> None:
    problem = next(iter(tasks.values())).problem
    known = [each.name for each in problem.figures]
    if figure != LOSS and figure not in known:
        raise OptimiserError(f"no figure is called {figure!r}; expected loss or one of {', '.join(known)}.")
    if any(each.name == figure and each.direction < 0 for each in problem.objectives):
        raise OptimiserError(f"{figure} is maximised; compare by the loss, or by a figure of which less is better.")


def _unit(found: Task, figure: str) -> str:
    return {each.name: each.unit for each in found.problem.figures}.get(figure, "1")


def _file(folder: Path, name: str, courses: Courses, targets: Sequence[float], *, figure: str, shown: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    runs = {method: [record(run) for run in each] for method, each in courses.items()}
    head = {"problem": name, "figure": figure, "unit": shown, "targets": list(targets)}
    write_text(folder / "comparison.json", json_text(head | {"methods": runs}))
    drawn = course_figure(courses, figure=figure, shown=shown)
    for suffix in ("png", "pdf"):
        with replacing(folder / f"comparison.{suffix}") as part:
            drawn.savefig(part, format=suffix)
    remark(f"written: {folder / 'comparison.json'}, comparison.png, comparison.pdf")
