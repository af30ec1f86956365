"""The moving picture of a run: its layout during the search, for studies that say what their apparatus is made of."""

from __future__ import annotations

from collections.abc import Callable

import jax
import numpy as np

from daedalus.app.screen import remark
from daedalus.app.style import styled
from daedalus.app.task import Task
from daedalus.catalogue import resolved
from daedalus.core import Design, History, Problem, scoring_key
from daedalus.drawing.scene import Contents, Scene
from daedalus.drawing.search import search_animation
from daedalus.execution import RunFolder, rounds_done
from daedalus.transport.volume import Volume

LEAST_ROUNDS = 3  # of a search that is worth an animation [1]


def write_animation(folder: RunFolder, found: Task, history: History) -> None:
    """Writes the animation of a search, if the study has a layout and the search has some rounds.

    What goes wrong is remarked: a study that cannot draw does not cost the run its result.

    Args:
        folder: of the run.
        found: the task.
        history: the search.
    """
    if not found.offer.layout:
        return
    if rounds_done(history) < LEAST_ROUNDS:
        remark(f"no animation: {rounds_done(history)} rounds, which are less than {LEAST_ROUNDS}.")
        return
    key = scoring_key(jax.random.key(found.configuration.seed), 2)
    try:
        with styled():
            folder.write_animation(search_animation(history, _scenes(found, history, key)))
    except Exception as cause:
        remark(f"the search could not be animated: {cause!r}")


def _scenes(found: Task, history: History, key: jax.Array) -> Callable[[int], Scene]:
    """The scene of every row: the layout, the ground it stands on, and what stands in the volume of one scan."""
    problem, layout = found.problem, resolved(found.offer.layout)
    contents = _contents(problem, history.hardware(problem, 0), key)
    ground = resolved(found.offer.ground)(problem) if found.offer.ground else None
    return lambda row: Scene(tuple(layout(problem, history.hardware(problem, row))), contents, ground=ground)


def _contents(problem: Problem, design: Design, key: jax.Array) -> Contents | None:
    """The contents of the volume that the chain of a problem passes, if there is just one."""
    if not problem.traceable:
        return None
    stages = problem.pipeline(design, key=key).stages
    volumes = [field for stage in stages for field in vars(stage).values() if isinstance(field, Volume)]
    if len(volumes) != 1:
        return None
    return Contents(volumes[0].voxels, np.asarray(volumes[0].inverse_radiation_length), along="mean")
