"""What a command is about: the best design of a run folder, or a design of a problem."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from daedalus.app.configuration import Configuration
from daedalus.app.device import prepare
from daedalus.app.options import settings as parsed
from daedalus.app.report import filed_task
from daedalus.app.task import Task, task
from daedalus.core import Design
from daedalus.errors import DesignError, RunError
from daedalus.execution import RunFolder, read_design


def subject(
    what: str, design: str | None, *, settings: Sequence[str] = (), **values: Any
) -> tuple[Task, Design, dict[str, Any]]:
    """The task and the design that the words on the command line name, and what to note of them; JAX is prepared.

    Args:
        what: a run folder or a problem.
        design: a design file, a run folder, the name of a reference design, or "start"; by default the best design of a
            run folder and the start of a problem.
        settings: the problem's options as "name=value" texts.
        values: further fields of `Configuration`; None leaves them as they are.

    Raises:
        RunError: a run folder with options or a precision of another kind, or one without a design.
        StudyError: unknown problem or option.
        DesignError: an unknown design.
    """
    if Path(what).is_dir():
        if settings or values.pop("precision", None):
            raise RunError(f"{what} is a run folder, which has its options and its precision; leave them out.")
        found = filed_task(RunFolder(Path(what)))
        found = task(found.configuration.changed(**values))
    else:
        given = Configuration(what, options=parsed(settings)).changed(**values)
        prepare(given.precision)
        found = task(given)
    place = design or (what if Path(what).is_dir() else "start")
    chosen = named_design(found, place)
    about = {"problem": found.problem.name, "version": found.problem.version, "design": Path(place).name}
    return found, chosen, about


def named_design(found: Task, design: str) -> Design:
    """The design of a file, a run folder or a name; files come first.

    Raises:
        DesignError: neither a file nor a name that is known.
        RunError: the file is malformed.
    """
    named = {"start": found.problem.start, **found.problem.references}
    if Path(design).exists():
        return read_design(design, found.problem)
    if design not in named:
        near = difflib.get_close_matches(design, named, n=2, cutoff=0.4)
        hint = f"Did you mean {' or '.join(near)}?" if near else f"Known: {', '.join(named)}."
        raise DesignError(f"there is no file {design}, and no design is called so. {hint}")
    return named[design]
