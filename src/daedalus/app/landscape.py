"""`daedalus landscape`: what lies around the optimum of a run, and whether it is one."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import jax
import numpy as np

from daedalus.app.landscape_figure import free_play_figure
from daedalus.app.landscape_tables import figure_rows, printed, tables
from daedalus.app.report import filed_task, write_report
from daedalus.app.screen import output, remark
from daedalus.app.style import styled
from daedalus.app.task import Task
from daedalus.app.words import Look
from daedalus.catalogue import resolved
from daedalus.core import Design, History, Problem, scoring_key
from daedalus.errors import DaedalusError, RunError
from daedalus.execution import RunFolder, read_design, read_history
from daedalus.execution.files import json_text, write_text
from daedalus.execution.run_folder import DESIGN, LANDSCAPE, REPORT
from daedalus.landscapes import Allowance, compare, confirm, free_play, quadratic, surface
from daedalus.landscapes.limits import limits
from daedalus.landscapes.surface import Surface

FOLD = 64  # of the scoring keys, from which on the landscape draws its events: those of results come before


def look_around(path: Path, look: Look) -> None:
    """Writes landscape.json and its picture into a run folder, remakes the report, and prints what was found.

    Raises:
        RunError: the folder is not a run's, or its search has left no design yet.
        LandscapeError: nothing to look at: a foreign simulator, or no sound row.
    """
    folder = RunFolder(path)
    found = filed_task(folder)
    if not (path / DESIGN).exists():
        raise RunError(f"{path} has no {DESIGN}; expected a finished run. Finish it with `daedalus resume {path}`.")
    given = found.configuration
    events, scenarios = look.events or given.events, look.scenarios or given.scenarios
    look = dataclasses.replace(look, events=events, scenarios=scenarios)
    design, history = read_design(path / DESIGN, found.problem), read_history(path)
    landscape = _seen(found, design, history, look)
    write_text(path / LANDSCAPE, json_text(landscape))
    with styled():
        folder.write_figures({"free_play": free_play_figure(landscape)})
    write_report(folder)
    for title, rows in tables(landscape).items():
        output().print(printed(title, rows))
    remark(f"written: {path / LANDSCAPE}, {path / REPORT}")


def _seen(found: Task, design: Design, history: History, look: Look) -> dict[str, Any]:
    problem, given = dataclasses.replace(found.problem, start=design), found.configuration
    key, sizes = jax.random.key(given.seed), {"events": look.events, "scenarios": look.scenarios}
    soft = float(history["softness"][-1]) if "signal" in history.columns else None
    draws = [
        surface(problem, key=scoring_key(key, FOLD + number), softness=soft, **sizes) for number in range(look.keys)
    ]
    cube = np.asarray(problem.space.cube(design), float)
    remark("looking how far each parameter may move ...")
    allowance = Allowance(look.allowance, "best")
    play = free_play(
        draws[0],
        cube,
        allowance=allowance,
        halvings=look.halvings,
        steps=10,
        profiles=soft is not None and not look.alone,
    )
    remark("measuring the best rows again ...")
    measured = {"key": scoring_key(key, FOLD), "keys": look.keys, **sizes}
    return {
        "problem": problem.name,
        "problem_version": problem.version,
        "allowance": look.allowance,
        "softness": soft,
        **sizes,
        "keys": look.keys,
        "free_play": _free_play(problem, play),
        "directions": _directions(draws, cube, play.level - play.loss, look, soft),
        "confirmed": _confirmed(confirm(problem, history, k=look.best, **measured)),
        "references": _references(problem, design, measured),
        "limits": _limits(found, problem, design, measured) if look.limits else [],
    }


def _free_play(problem: Problem, play: Any) -> dict[str, Any]:
    values = play.surface.values(play.place)
    return {
        name: {
            "value": float(values[i]),
            "unit": problem.space.entries[i].unit,
            "bounds": [float(play.surface.lower[i]), float(play.surface.upper[i])],
            "slice": [float(end) for end in play.slices[i]],
            "slice_open": [bool(end) for end in play.slices_open[i]],
            "profile": [float(end) for end in play.profiles[i]],
            "profile_open": [bool(end) for end in play.profiles_open[i]],
        }
        for i, name in enumerate(play.surface.names)
    }


def _directions(draws: list[Surface], cube: np.ndarray, allowance: float, look: Look, soft: float | None) -> list[str]:
    """The principal directions in words; none where there is no derivative, or where there are too many parameters."""
    if soft is None or len(cube) > look.directions:
        return []
    try:
        return list(quadratic(draws, cube).described(allowance))
    except DaedalusError as cause:
        remark(f"no directions: {cause}")
        return []


def _confirmed(found: Any) -> list[dict[str, Any]]:
    behind, again = found.behind, zip(found.again, found.again_error, strict=True)
    real = zip(found.comparison.mean(), found.comparison.error(), strict=True)
    columns = zip(found.rows, found.claimed, found.claimed_error, again, real, behind.value, behind.error, strict=True)
    return [
        {
            "row": int(row),
            "claimed": [float(claimed), float(error)],
            "again": [float(each) for each in fresh],
            "real": [float(each) for each in hard],
            "behind": [float(value), float(spread)],
            "chance": float(chance),
        }
        for (row, claimed, error, fresh, hard, value, spread), chance in zip(columns, found.probability, strict=True)
    ]


def _references(problem: Problem, design: Design, measured: dict[str, Any]) -> list[list[str]]:
    if not problem.references:
        return []
    found = compare(problem, {"optimised": design, **problem.references}, **measured)
    return figure_rows("design", problem, found, "optimised")


def _limits(found: Task, problem: Problem, design: Design, measured: dict[str, Any]) -> list[list[str]]:
    """What each effect costs, where the study says how to switch it off; none where that cannot be measured."""
    if not found.offer.ideals:
        return []
    remark("switching effects off one by one ...")
    try:
        return figure_rows(
            "without", problem, limits(problem, resolved(found.offer.ideals)(problem), design, **measured).comparison
        )
    except DaedalusError as cause:
        remark(f"no limits: {cause}")
        return []
