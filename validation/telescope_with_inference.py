"""A telescope and its analysis designed together, and one after the other: what the co-design gains.

Run ``python validation/telescope_with_inference.py`` from the repository's root (about ten minutes on two cores); it
writes ``validation/telescope_with_inference.json``. Each seed makes

- ``start``: the design all searches begin with;
- ``bins_only``: the starting telescope, its bins searched;
- ``one_after_other``: a telescope searched for the mean error in the plane of the vertex, as `tracking/telescope` has
  it, within the same budget of money; then, with that telescope, the bins: as many rounds each as ``together`` has in
  all, so that it is not for want of rounds if the result is worse;
- ``together``: all parameters for the uncertainty of the charm yield;
- ``together_after``: from ``one_after_other`` all parameters together, for half as many rounds more.

All designs are measured with sharp bins and real strips on the same fresh particles, so that differences are paired;
errors of differences are from the spread over independent sets of them, and the spread over seeds stands beside.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from daedalus.core import Design, Problem, scoring_key
from daedalus.execution.design_file import design_table
from daedalus.search import optimise
from daedalus.studies.binned_analysis.telescope.problem import (
    BUDGET,
    TelescopeAnalysis,
    telescope_recipe,
    telescope_with_inference,
)
from daedalus.units import kEUR

HERE = Path(__file__).parent
WAYS = ("start", "bins_only", "one_after_other", "together", "together_after")
SETS = 8  # independent sets of particles that designs are measured on [1]
FIGURES = ("uncertainty", "significance", "impact", "cost", "crowding")


def main() -> None:
    """Searches, measures, compares; writes the report after each seed."""
    arguments = parsed()
    report: dict[str, Any] = {"settings": vars(arguments), "budget [kEUR]": BUDGET / kEUR, "seeds": []}
    for seed in range(arguments.seeds):
        began = time.perf_counter()
        found = designs(seed, arguments.rounds)
        measured = {way: measurements(design, arguments.events) for way, design in found.items()}
        space = telescope_with_inference().space
        tables = {way: design_table(space, design) for way, design in found.items()}
        seconds = time.perf_counter() - began
        report["seeds"].append({"designs": tables, "measured": measured, "seconds": seconds})
        report["gains"] = gains([each["measured"] for each in report["seeds"]])
        (HERE / "telescope_with_inference.json").write_text(json.dumps(report, indent=1) + "\n")
        print(
            f"seed {seed}: {seconds:.0f} s", {way: round(np.mean(m["uncertainty"]), 5) for way, m in measured.items()}
        )
    for way, gain in report["gains"].items():
        print(f"{way}: {gain['percent']:.2f} +- {gain['error']:.2f} (particles) +- {gain['spread']:.2f} (seeds) %")


def designs(seed: int, rounds: int) -> dict[str, Design]:
    """The designs of all ways of one seed."""
    joint = telescope_with_inference()
    pointing = telescope_with_inference(objective="impact")
    best_pointing = searched(pointing, pointing.start, seed, rounds)
    one_after_other = searched(analysis_of(best_pointing), None, seed, rounds)
    return {
        "start": joint.start,
        "bins_only": searched(analysis_of(joint.start), None, seed, rounds),
        "one_after_other": one_after_other,
        "together": searched(joint, joint.start, seed, rounds),
        "together_after": searched(joint, one_after_other, seed, rounds // 2),
    }


def analysis_of(design: TelescopeAnalysis) -> Problem:
    """The problem in which a telescope stays and its bins are searched."""
    names = ("z", "pitch", "thickness")
    geometry = {name: np.asarray(getattr(design.telescope, name), float).tolist() for name in names}
    return telescope_with_inference(geometry=geometry)


def searched(problem: Problem, start: Design | None, seed: int, rounds: int) -> Any:
    """The last design of a search by the recipe."""
    recipe = telescope_recipe(problem)
    how = {"events": recipe.events, "scenarios": recipe.scenarios, "rounds": rounds, "chunk": 20}
    history = optimise(problem, recipe.optimiser, key=jax.random.key(seed), start=start or problem.start, **how)
    return history.design(problem, len(history) - 1)


def measurements(design: Design, events: int) -> dict[str, list[float]]:
    """The figures of a design on every fresh set of particles."""
    problem = telescope_with_inference()
    found = [
        problem.evaluate(design, key=scoring_key(jax.random.key(0), number), events=events).values
        for number in range(SETS)
    ]
    return {name: [float(values[name]) for values in found] for name in FIGURES}


def gains(measured: list[dict[str, dict[str, list[float]]]]) -> dict[str, dict[str, float]]:
    """How much less the uncertainty is than one after the other's, for every way [%]."""
    found = {}
    for way in WAYS:
        ratio = np.array([np.array(m[way]["uncertainty"]) / m["one_after_other"]["uncertainty"] for m in measured])
        percent = 100.0 * (1.0 - ratio)
        found[way] = {
            "percent": float(percent.mean()),
            "error": float(percent.mean(0).std(ddof=1) / SETS**0.5),
            "spread": float(percent.mean(1).std(ddof=1)) if len(measured) > 1 else float("nan"),
        }
    return found


def parsed() -> argparse.Namespace:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=400)
    parser.add_argument("--events", type=int, default=12_000, help="particles per momentum of a measurement")
    return parser.parse_args()


if __name__ == "__main__":
    main()
