"""The task that a run folder was made for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daedalus.app.configuration import configuration_file
from daedalus.app.device import prepare
from daedalus.app.task import Task, task
from daedalus.errors import RunError
from daedalus.execution import RunFolder
from daedalus.execution.run_folder import CONFIGURATION


def filed_task(folder: RunFolder, *, computing: bool = True) -> Task:
    """The task of a run folder.

    Args:
        folder: the run folder.
        computing: also prepare this process for it, its precision say.

    Raises:
        RunError: the folder is not a run's or is malformed, or the problem has changed its version since.
    """
    noted = folder.manifest()
    given = configuration_file(folder.path / CONFIGURATION)
    if computing:
        prepare(given.precision)
    found = task(given)
    check_version(noted, found.problem.version)
    return found


def check_version(noted: Mapping[str, Any], version: str) -> None:
    """Checks that a run's problem is still the present one.

    Raises:
        RunError: the version differs.
    """
    if noted.get("problem_version") != version:
        raise RunError(
            f"the run was of version {noted.get('problem_version')} of {noted.get('problem')}, which is now "
            f"at version {version}; expected the same. Install Daedalus {noted.get('daedalus')}, or run anew."
        )
