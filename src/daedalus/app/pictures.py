"""All pictures of a run: the general ones, and the study's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
from matplotlib.figure import Figure

from daedalus.app.figures import comparison_figure, search_figure
from daedalus.app.screen import remark
from daedalus.app.style import styled
from daedalus.app.task import Task
from daedalus.catalogue import resolved
from daedalus.core import Design, History, scoring_key


def pictures(
    found: Task,
    history: History,
    before: Design | None = None,
    after: Design | None = None,
    result: Mapping[str, Any] | None = None,
) -> dict[str, Figure]:
    """The pictures of a run by file name; those that need what is missing are left out.

    Args:
        found: the task.
        history: the search; may be empty.
        before: the design it began with.
        after: the optimised design.
        result: what the designs are worth, as `daedalus.execution.result` makes it.
    """
    with styled():
        drawn: dict[str, Figure] = {}
        if len(history):
            drawn["search"] = search_figure(found.problem, history)
        if result is not None:
            drawn["comparison"] = comparison_figure(result)
        if before is not None and after is not None and found.offer.figures:
            drawn |= _of_the_study(found, before, after)
    return drawn


def _of_the_study(found: Task, before: Design, after: Design) -> dict[str, Figure]:
    """The study's pictures; a study that cannot draw does not cost the run its result."""
    key = scoring_key(jax.random.key(found.configuration.seed), 2)
    try:
        return dict(resolved(found.offer.figures)(found.problem, before, after, key=key))
    except Exception as cause:
        remark(f"the study's own figures could not be drawn: {cause!r}")
        return {}
