"""What a follower does: the leader's search once more, with its own share of the events, and no record of its own."""

from __future__ import annotations

import dataclasses
import os
import sys
import threading
import time
from contextlib import suppress

import jax

from daedalus.app.configuration import configuration_file
from daedalus.app.device import prepare
from daedalus.app.task import task
from daedalus.app.team import agreed, announced, deferred_signals
from daedalus.errors import DaedalusError
from daedalus.execution import read_design, recorded_search, result, rounds_done
from daedalus.execution.run_folder import CONFIGURATION, START


def follow() -> None:
    """Takes part in the search of the process that leads, and in the measurement of what it finds."""
    with deferred_signals(), announced() as folder, suppress(DaedalusError):  # the leader reports it
        if folder is None:
            return
        given = configuration_file(folder.path / CONFIGURATION)
        prepare(given.precision)
        found = task(given)
        chosen = found.configuration
        start = read_design(folder.path / START, found.problem)
        problem = dataclasses.replace(found.problem, start=start)
        how = {"start": start, "watch": (agreed((), lambda: False),), "guards": chosen.guards}
        history = recorded_search(folder, problem, found.optimiser, **how, **chosen.search_sizes)
        if rounds_done(history) >= chosen.all_rounds:
            sizes = {"events": chosen.events, "scenarios": chosen.scoring_scenarios}
            result(problem, history, start, key=jax.random.key(chosen.seed), **sizes)


def _end_with(leader: int) -> None:
    """Ends this process when that which has started it is gone."""
    while os.getppid() == leader:
        time.sleep(1.0)
    os._exit(1)


if __name__ == "__main__":
    address, count, number = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    prepare()
    jax.distributed.initialize(address, count, number)
    follow()
