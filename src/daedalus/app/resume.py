"""`daedalus resume`: a search that goes on from its record."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from daedalus.app.budgets import spent
from daedalus.app.configuration import Configuration, configuration_file
from daedalus.app.device import prepare
from daedalus.app.report import check_version
from daedalus.app.screen import remark
from daedalus.app.search import conclude, searched
from daedalus.app.task import task
from daedalus.errors import RunError
from daedalus.execution import RunFolder, read_design
from daedalus.execution.manifest import differences, environment
from daedalus.execution.run_folder import CONFIGURATION, START
from daedalus.execution.search_record import read_search
from daedalus.execution.toml_text import toml_text


def resume(path: Path, *, more_rounds: int = 0, break_lock: bool = False, **changes: Any) -> None:
    """Goes on with the search of a run folder, and measures and pictures what it finds.

    Args:
        path: the run folder.
        more_rounds: beyond those the run was to have [1].
        break_lock: also where another process seems to write to the folder.
        changes: fields of the configuration that may be others from now on; None leaves the run's own.

    Raises:
        RunError: the folder is not a run's, is being written, or its problem has changed.
        KeyboardInterrupt: Ctrl-C or a batch system's signal; the folder then holds the rounds so far.
    """
    folder = RunFolder(path)
    noted = folder.manifest()
    with folder.lock(broken=break_lock):
        given = configuration_file(path / CONFIGURATION).changed(**changes)
        prepare(given.precision)
        found = task(given)
        check_version(noted, found.problem.version)
        before = configuration_file(path / CONFIGURATION).unsound
        if before != given.unsound and "shrink" in (before, given.unsound):
            raise RunError(
                f"the run in {path} began with --unsound {before}; expected the same: whether points are drawn back "
                f"is a part of its method. Begin another run with --unsound {given.unsound}."
            )
        if more_rounds or changes.get("unsound"):
            more = given.more_rounds + more_rounds
            kept = configuration_file(path / CONFIGURATION).changed(more_rounds=more, unsound=given.unsound)
            folder.write_configuration(toml_text(kept.changed(start=kept.start and START).table()))
            found = dataclasses.replace(found, configuration=found.configuration.changed(more_rounds=more))
        if not more_rounds and noted.get("status") == "finished":
            remark(f"{path} is finished: {found.configuration.all_rounds} rounds. Use --more-rounds to go on.")
            return
        begin = path / START if (path / START).exists() else given.start
        start = found.problem.start if begin is None else read_design(begin, found.problem)
        found = dataclasses.replace(found, problem=dataclasses.replace(found.problem, start=start))
        _say_where(folder, noted, given)
        conclude(folder, found, searched(folder, found, start), start)


def _say_where(folder: RunFolder, noted: Mapping[str, Any], given: Configuration) -> None:
    """Says from where a run goes on.

    Raises:
        KeyboardInterrupt: it does not, for its money is spent.
    """
    elsewhere = differences(noted, {**noted, **environment()})
    if elsewhere:
        remark(f"what follows may not be the same bits as without a stop: {'; '.join(elsewhere)}.")
    if not folder.journal.exists():
        remark("nothing is recorded yet; the search begins.")
        return
    found = read_search(folder.journal)
    for damage in found.damage:
        remark(f"the journal is damaged, {damage}; what is before is whole, the rest is moved aside.")
    if found.checkpoint is None:
        remark("no round is recorded yet; the search begins.")
        return
    cost = spent(found.checkpoint.history, given.price)
    if given.euros is not None and cost >= given.euros:
        remark(f"the {given.euros:g} EUR of this run are spent ({cost:.4g}). Go on with a larger --euros.")
        raise KeyboardInterrupt
    remark(f"{found.checkpoint.done} rounds are recorded; the search goes on from there.")
