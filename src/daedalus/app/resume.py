"""`daedalus resume`: a search that goes on from its record."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from daedalus.app.budgets import spent
from daedalus.app.configuration import Configuration, configuration_file
from daedalus.app.device import prepare
from daedalus.app.engine import check_place
from daedalus.app.follow import follow
from daedalus.app.report import check_version
from daedalus.app.screen import remark
from daedalus.app.search import HERE, conclude, searched
from daedalus.app.task import Task, task
from daedalus.app.team import team
from daedalus.app.words import Place
from daedalus.errors import RunError
from daedalus.execution import RunFolder, read_design
from daedalus.execution.manifest import differences, environment
from daedalus.execution.run_folder import CONFIGURATION, START
from daedalus.execution.search_record import read_search
from daedalus.execution.toml_text import toml_text


def resume(path: Path, *, more_rounds: int = 0, break_lock: bool = False, place: Place = HERE, **changes: Any) -> None:
    """Goes on with the search of a run folder, and measures and pictures what it finds.

    Args:
        path: the run folder.
        more_rounds: beyond those the run was to have [1].
        break_lock: also where another process seems to write to the folder.
        place: where it computes.
        changes: fields of the configuration that may be others from now on; None leaves the run's own.

    Raises:
        RunError: the folder is not a run's, is being written, or its problem has changed.
        KeyboardInterrupt: Ctrl-C or a batch system's signal; the folder then holds the rounds so far.
    """
    check_place(place, chosen=False)
    folder = RunFolder(path)
    noted = folder.manifest()
    if not more_rounds and noted.get("status") == "finished":
        remark(f"{path} is finished: {noted.get('rounds')} rounds. Use --more-rounds to go on.")
        return
    with team(place) as leads:
        if not leads:
            return follow()
        with folder.lock(broken=break_lock):
            found = _changed(folder, noted, more_rounds, changes | {"workers": place.workers})
            begin = path / START if (path / START).exists() else found.configuration.start
            start = found.problem.start if begin is None else read_design(begin, found.problem)
            found = dataclasses.replace(found, problem=dataclasses.replace(found.problem, start=start))
            _say_where(folder, noted, found.configuration)
            conclude(folder, found, searched(folder, found, start, place=place), start)


def _changed(folder: RunFolder, noted: Mapping[str, Any], more_rounds: int, changes: Mapping[str, Any]) -> Task:
    """The task of a run with some values of its configuration changed; those that last are written.

    Raises:
        RunError: a change that makes it another search, or a problem that has changed.
    """
    kept = configuration_file(folder.path / CONFIGURATION)
    given = kept.changed(**changes, more_rounds=kept.more_rounds + more_rounds)
    prepare(given.precision)
    found = task(given)
    check_version(noted, found.problem.version)
    if kept.unsound != given.unsound and "shrink" in (kept.unsound, given.unsound):
        raise RunError(
            f"the run in {folder.path} began with --unsound {kept.unsound}; expected the same: whether points are "
            f"drawn back is a part of its method. Begin another run with --unsound {given.unsound}."
        )
    if more_rounds or kept.unsound != given.unsound:
        lasting = kept.changed(more_rounds=given.more_rounds, unsound=given.unsound, start=kept.start and START)
        folder.write_configuration(toml_text(lasting.table()))
    return found


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
