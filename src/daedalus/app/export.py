"""`daedalus export`: the layout of an apparatus as files for other programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from daedalus.app.screen import remark
from daedalus.app.subject import subject
from daedalus.catalogue import resolved
from daedalus.errors import StudyError
from daedalus.execution.layout_files import check_format, write_layout


def export(what: str, to: Sequence[Path], design: str | None, *, settings: Sequence[str], **values: Any) -> None:
    """Writes the layout of a design, in the form that each file's ending says.

    Args:
        what: a run folder or a problem.
        to: the files.
        design: a design file, a run folder, a reference design's name, or "start".
        settings: the problem's options as "name=value" texts.
        values: further fields of `Configuration`.

    Raises:
        StudyError: the problem does not say what its apparatus is made of.
        DesignError: elements overlap, and the form cannot hold that.
        RunError: an unknown ending, or a file that cannot be written.
    """
    for path in to:
        check_format(path)
    found, chosen, about = subject(what, design, settings=settings, **values)
    if not found.offer.layout:
        raise StudyError(
            f"{about['problem']} does not say what its apparatus is made of; expected a layout in its study's offer: "
            "layout='module:function', a function(problem, design) that returns elements (daedalus.geometry.Element)."
        )
    elements = resolved(found.offer.layout)(found.problem, chosen)
    ground = resolved(found.offer.ground)(found.problem) if found.offer.ground else None
    for path in to:
        write_layout(path, elements, about, ground=ground)
        remark(f"written: {path}, {len(elements)} elements")
