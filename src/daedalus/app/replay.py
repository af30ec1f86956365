"""`daedalus replay`: a point whose loss or gradient was not finite, evaluated again as it was then."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import jax
import numpy as np

from daedalus.app.report import filed_task
from daedalus.app.screen import show_table
from daedalus.core import Evaluation, Problem, Status
from daedalus.errors import RunError
from daedalus.execution import RunFolder, read_history
from daedalus.execution.search_record import fault_of, read_search
from daedalus.search import Fault
from daedalus.search.guards import replayed
from daedalus.units import unit


def replay(path: Path, *, row: int | None = None) -> None:
    """Prints a fault of a run, evaluated again with the events it had.

    Args:
        path: the run folder.
        row: of the history; the first fault by default.

    Raises:
        RunError: the folder is not a run's, or holds no such fault.
    """
    folder = RunFolder(path)
    found = filed_task(folder)
    records = {record.facts["row"]: record for record in read_search(folder.journal).faults}
    if not records or row not in (None, *records):
        known = ", ".join(map(str, records)) or "none"
        asked = "a fault" if row is None else f"row {row}"
        raise RunError(f"{path} holds no {asked} to replay; rows whose loss or gradient was not finite: {known}.")
    problem = found.problem
    fault = fault_of(records[min(records) if row is None else row], problem.space.point(problem.start))
    chosen, gradients = found.configuration, found.optimiser.handles.gradients
    partition = problem.partition(chosen.events or problem.events, chosen.scenarios, block=chosen.block)
    events = int(read_history(path)["events"][fault.row]) // partition.scenarios  # they may have grown
    partition = dataclasses.replace(partition, events=events)
    evaluation = replayed(problem, fault, jax.random.key(chosen.seed), partition, gradient=gradients)
    show_table(_lines(problem, fault, evaluation))


def _lines(problem: Problem, fault: Fault, evaluation: Evaluation) -> dict[str, Any]:
    space = problem.space
    values = np.asarray(space.values(space.design(fault.point)), float)
    lines = {"row": str(fault.row), "round, start": f"{fault.round}, {fault.start}", "first not finite": fault.place}
    lines["softness"] = "real apparatus" if fault.softness is None else f"{fault.softness:.6g}"
    lines |= {e.column: f"{value / unit(e.unit):.9g}" for e, value in zip(space.entries, values, strict=True)}
    lines |= {"status": Status(int(evaluation.status)).name.lower(), "loss": f"{float(evaluation.loss):.9g}"}
    for figure in problem.figures:
        lines[figure.name] = f"{float(evaluation.values[figure.name]) / unit(figure.unit):.9g} {figure.unit}"
    if evaluation.gradient is not None:
        slopes = np.asarray(evaluation.gradient.value.cube, float)
        bad = [name for name, slope in zip(space.names, slopes, strict=True) if not np.isfinite(slope)]
        lines["derivatives not finite"] = ", ".join(bad) or "none"
    return lines
