"""`daedalus resume`: a search that goes on from its record."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from daedalus.app.configuration import configuration_file
from daedalus.app.device import prepare
from daedalus.app.report import check_version
from daedalus.app.screen import remark
from daedalus.app.search import conclude, searched
from daedalus.app.task import task
from daedalus.execution import RunFolder, read_design
from daedalus.execution.manifest import differences, environment
from daedalus.execution.run_folder import CONFIGURATION, START
from daedalus.execution.search_record import read_search
from daedalus.execution.toml_text import toml_text


def resume(path: Path, *, more_rounds: int = 0, hours: float | None = None, break_lock: bool = False) -> None:
    """Goes on with the search of a run folder, and measures and pictures what it finds.

    Args:
        path: the run folder.
        more_rounds: beyond those the run was to have [1].
        hours: after which it ends in order [h]; those of the run by default.
        break_lock: also where another process seems to write to the folder.

    Raises:
        RunError: the folder is not a run's, is being written, or its problem has changed.
        KeyboardInterrupt: Ctrl-C or a batch system's signal; the folder then holds the rounds so far.
    """
    folder = RunFolder(path)
    noted = folder.manifest()
    with folder.lock(broken=break_lock):
        given = configuration_file(path / CONFIGURATION).changed(hours=hours)
        prepare(given.precision)
        found = task(given)
        check_version(noted, found.problem.version)
        if more_rounds:
            more = given.more_rounds + more_rounds
            folder.write_configuration(toml_text(given.changed(more_rounds=more).table()))
            found = dataclasses.replace(found, configuration=found.configuration.changed(more_rounds=more))
        elif noted.get("status") == "finished":
            remark(f"{path} is finished: {found.configuration.all_rounds} rounds. Use --more-rounds to go on.")
            return
        begin = path / START if (path / START).exists() else given.start
        start = found.problem.start if begin is None else read_design(begin, found.problem)
        found = dataclasses.replace(found, problem=dataclasses.replace(found.problem, start=start))
        _say_where(folder, noted)
        conclude(folder, found, searched(folder, found, start), start)


def _say_where(folder: RunFolder, noted: Mapping[str, Any]) -> None:
    elsewhere = differences(noted, {**noted, **environment()})
    if elsewhere:
        remark(f"what follows may not be the same bits as without a stop: {'; '.join(elsewhere)}.")
    if not folder.journal.exists():
        remark("nothing is recorded yet; the search begins.")
        return
    found = read_search(folder.journal)
    for damage in found.damage:
        remark(f"the journal is damaged, {damage}; what is before is whole, the rest is moved aside.")
    done = 0 if found.checkpoint is None else found.checkpoint.done
    remark(f"{done} rounds are recorded; the search goes on from there.")
