"""`daedalus events`: the events of a design as a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

from daedalus.app.screen import remark
from daedalus.app.subject import subject
from daedalus.core import scoring_key
from daedalus.execution.event_files import check_format, write_events


def write(what: str, to: Path, design: str | None, *, settings: Sequence[str], **values: Any) -> None:
    """Writes the events that `daedalus evaluate` sees with the same words.

    Args:
        what: a run folder or a problem.
        to: the file.
        design: a design file, a run folder, a reference design's name, or "start".
        settings: the problem's options as "name=value" texts.
        values: further fields of `Configuration`.

    Raises:
        RunError: an unknown ending, or a file that cannot be written.
        ProblemError: the problem has a simulator instead of a pipeline.
    """
    check_format(to)
    found, chosen, about = subject(what, design, settings=settings, **values)
    given = found.configuration
    sizes = {"events": given.events, "scenarios": given.scoring_scenarios}
    about |= {"seed": given.seed, "precision": given.precision, **sizes}
    key = scoring_key(jax.random.key(given.seed), 1)  # that of `daedalus evaluate`
    events, scenarios = sizes["events"], sizes["scenarios"]
    rows = write_events(to, found.problem, chosen, key=key, events=events, scenarios=scenarios, about=about)
    remark(f"written: {to}, {rows} events")
