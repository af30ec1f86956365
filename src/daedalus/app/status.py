"""`daedalus status`: how far a run is, read from its record while it is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from daedalus.app.budgets import spent
from daedalus.app.screen import remark, show_table
from daedalus.execution import RunFolder
from daedalus.execution.lock import holder
from daedalus.execution.run_folder import LOCK
from daedalus.execution.search_record import read_search


def show_status(path: Path) -> None:
    """Prints what a run folder says of its run.

    Raises:
        RunError: the folder is not a run's.
    """
    folder = RunFolder(path)
    noted, writer = folder.manifest(), holder(path / LOCK)
    lines = {"problem": str(noted.get("problem", noted.get("configuration", {}).get("problem", "?")))}
    lines |= {
        "method": str(noted.get("optimiser", "-")).partition("(")[0],
        "status": _status(str(noted.get("status")), writer),
    }
    lines["written by"] = writer or "nobody"
    found = read_search(folder.journal) if folder.journal.exists() else None
    if found is not None and found.checkpoint is not None:
        history, done = found.checkpoint.history, found.checkpoint.done
        rounds, wall = (
            int(noted.get("rounds", done)) + int(noted.get("more_rounds", 0)),
            float(np.sum(history["wall_seconds"])),
        )
        lines["rounds"] = f"{done} of {rounds}"
        sound = history["loss"][history["status"] == "ok"]
        lines["evaluations"] = f"{len(history)}, {len(sound)} of them sound"
        lines["lowest loss"] = f"{np.min(sound):.6g} (not measured again)" if len(sound) else "-"
        lines["time"] = (
            f"{wall:.3g} s in rounds, {wall / max(done, 1) * max(rounds - done, 0):.3g} s to go at that rate"
        )
        price = float(noted.get("configuration", {}).get("price") or 0.0)
        if price:
            lines["cost"] = f"{spent(history, price):.4g} EUR at {price:g} EUR/h"
        if found.faults:
            lines["not finite"] = f"{len(found.faults)} points; `daedalus replay` evaluates them again"
    show_table(lines)
    for damage in () if found is None else found.damage:
        remark(f"the journal is damaged, {damage}")


def _status(noted: str, writer: str | None) -> str:
    if noted in ("running", "starting") and writer is None:
        return f"{noted}, but nobody writes: it was killed; go on with `daedalus resume`"
    return noted
