"""`daedalus compare-runs`: the designs of several runs of one problem, measured on the same fresh events."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import jax

from daedalus.app.landscape_tables import figure_rows, printed
from daedalus.app.report import filed_task
from daedalus.app.screen import output
from daedalus.core import Problem, scoring_key
from daedalus.errors import RunError
from daedalus.execution import RunFolder, read_design
from daedalus.execution.run_folder import DESIGN
from daedalus.landscapes import compare

FOLD = 96  # of the scoring keys: other events than those of results and of landscapes


def compare_runs(
    folders: Sequence[Path], *, keys: int, events: int | None, scenarios: int | None, references: bool
) -> None:
    """Prints every run's figures and by how much they differ from the first one's, paired.

    Args:
        folders: of the runs.
        keys: sets of fresh events [1].
        events: per scenario [1]; those of the first run by default.
        scenarios: of an evaluation [1]; those of the first run by default.
        references: whether the problem's references come along.

    Raises:
        RunError: fewer than two designs, runs of different problems, or a run without a design.
    """
    tasks = {str(path): filed_task(RunFolder(path)) for path in folders}
    names = sorted({found.problem.name for found in tasks.values()})
    if len(names) > 1:
        raise RunError(f"the runs are of {', '.join(names)}; expected one problem: their figures are not the same.")
    first = next(iter(tasks.values()))
    problem, given = first.problem, first.configuration
    designs = {path: _design(Path(path), problem) for path in tasks}
    designs |= dict(problem.references) if references else {}
    if len(designs) < 2:
        raise RunError(f"{len(designs)} design; expected two or more runs, or --references.")
    key = scoring_key(jax.random.key(given.seed), FOLD)
    sizes = {"events": events or given.events, "scenarios": scenarios or given.scenarios}
    found = compare(problem, designs, key=key, keys=keys, **sizes)
    output().print(printed("The same events for all", figure_rows("design", problem, found)))


def _design(path: Path, problem: Problem):
    if not (path / DESIGN).exists():
        raise RunError(f"{path} has no {DESIGN}; expected a finished run. Finish it with `daedalus resume {path}`.")
    return read_design(path / DESIGN, problem)
