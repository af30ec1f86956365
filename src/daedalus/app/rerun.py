"""`daedalus rerun`: a run repeated from its folder, and compared."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from daedalus.app.configuration import configuration_file
from daedalus.app.device import prepare
from daedalus.app.report import check_version
from daedalus.app.screen import remark
from daedalus.app.search import perform
from daedalus.app.task import task
from daedalus.core import History
from daedalus.core.history import CLOCK_COLUMNS
from daedalus.errors import RunError
from daedalus.execution import read_history, read_manifest
from daedalus.execution.manifest import differences
from daedalus.execution.run_folder import CONFIGURATION, START


def repeat(path: Path, *, out: Path | None, force: bool) -> None:
    """Repeats the run of a folder in a new folder, and compares the rows both have.

    Raises:
        RunError: the folder is not a run's, its problem has changed, or the histories differ; then the text
            says where first, by how much, and what else is different.
    """
    noted = read_manifest(path)
    given = configuration_file(path / CONFIGURATION).changed(start=str(path / START))
    prepare(given.precision)
    check_version(noted, task(given).problem.version)
    old = read_history(path)
    folder = perform(given, out=out, force=force)
    found = difference(old, read_history(folder.path))
    if found is None:
        remark(f"equal: all {len(old)} rows agree in every column but {', '.join(CLOCK_COLUMNS)}.")
        return
    causes = differences(noted, read_manifest(folder.path)) or ["nothing that the manifests know"]
    raise RunError(f"the repeated run differs: {found}. Different between the two: {'; '.join(causes)}.")


def difference(old: History, new: History) -> str | None:
    """The first difference of two histories in the rows both have, clock columns aside, if there is one."""
    if list(old.columns) != list(new.columns):
        return f"columns {sorted(set(old.columns) ^ set(new.columns))} are in one of them only"
    count = min(len(old), len(new))
    bad: Mapping[str, np.ndarray] = {
        name: np.where(~_same(old[name][:count], new[name][:count]))[0]
        for name in old.columns
        if name not in CLOCK_COLUMNS
    }
    places = [(int(rows[0]), name) for name, rows in bad.items() if len(rows)]
    if not places:
        return None
    row, name = min(places, key=lambda place: place[0])
    return f"first in row {row}, column {name!r}: {old[name][row]} then, {new[name][row]} now"


def _same(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    equal = old == new
    return equal | (np.isnan(old) & np.isnan(new)) if old.dtype.kind == "f" and new.dtype.kind == "f" else equal
