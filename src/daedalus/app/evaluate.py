"""`daedalus evaluate`: a design measured, without any optimisation."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

from daedalus.app.configuration import Configuration
from daedalus.app.device import prepare
from daedalus.app.options import settings as parsed
from daedalus.app.results_table import show_results
from daedalus.app.screen import output
from daedalus.app.subject import named_design
from daedalus.app.task import task
from daedalus.core import scoring_key
from daedalus.execution import measurement
from daedalus.execution.files import json_text
from daedalus.execution.measurement import figure_sheet


def show_evaluation(name: str, design: str, *, settings: Sequence[str], as_json: bool, **values: Any) -> None:
    """Prints what a design is worth on the real apparatus.

    Args:
        name: the problem.
        design: a design file, a run folder, a reference design's name, or "start".
        settings: the problem's options as "name=value" texts.
        as_json: print JSON instead of a table.
        values: further fields of `Configuration`.
    """
    given = Configuration(name, options=parsed(settings)).changed(**values)
    prepare(given.precision)
    found = task(given)
    chosen = found.configuration
    sizes = {"events": chosen.events, "scenarios": chosen.scoring_scenarios}
    key = scoring_key(jax.random.key(chosen.seed), 1)
    measured = dataclasses.asdict(measurement(found.problem, named_design(found, design), key=key, **sizes))
    answer = {
        "problem": name,
        "version": found.problem.version,
        "design": design,
        "seed": chosen.seed,
        **sizes,
    }
    answer["figures"] = figure_sheet(found.problem)
    if as_json:
        print(json_text(answer | {"measured": measured}))
    else:
        show_results(output(), answer | {"designs": {Path(design).name: measured}})
