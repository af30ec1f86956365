"""`daedalus conformance`: the shipped checks, on anybody's problem."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from daedalus.app.configuration import Configuration
from daedalus.app.device import prepare
from daedalus.app.options import settings
from daedalus.app.screen import output
from daedalus.app.task import task
from daedalus.errors import ProblemError


def check(name: str, texts: Sequence[str], precision: str, events: int) -> None:
    """Prints the verdict of every check that applies to a problem.

    Raises:
        ProblemError: a check failed.
    """
    prepare(precision)
    found = task(Configuration(name, events=events, options=settings(texts)))
    verdicts = import_module("daedalus.testing").conformance(found.problem, events=events)  # named: one floor
    console = output()
    for verdict in verdicts:
        mark = "[green]ok[/]    " if verdict.ok else "[bold red]failed[/]"
        console.print(f"{mark} {verdict.name}")
        for line in str(verdict.text).splitlines()[int(verdict.ok) :]:
            console.print(f"         {line.strip()}", markup=False, style="dim" if verdict.ok else "")
    failed = [verdict.name for verdict in verdicts if not verdict.ok]
    if failed:
        raise ProblemError(f"{name} fails {len(failed)} of {len(verdicts)} checks: {', '.join(failed)}.")
