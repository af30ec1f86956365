"""A cut and the bins of a spectrum: the search on simulated events beside the minimum of what is expected exactly.

Run ``python validation/selection.py`` from the repository's root (minutes on two cores); it writes
``validation/selection.json``. All expected counts are in closed form, so the exact minimum is found without events, by
many starts of a quasi-Newton method. The search's selections are judged by the exact figure at their own cut and edges,
and by sharp edges on fresh events as people would.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import minimize

jax.config.update("jax_enable_x64", True)

import daedalus  # noqa: E402
from daedalus.inference.bin_edges import even_fractions  # noqa: E402
from daedalus.inference.histfactory.figures_of_merit import MERITS  # noqa: E402
from daedalus.studies.binned_analysis.selection.design import SelectionDesign  # noqa: E402
from daedalus.studies.binned_analysis.selection.problem import (  # noqa: E402
    FIGURES,
    Systematics,
    selection_model,
    selection_recipe,
)
from daedalus.studies.binned_analysis.selection.source import expected_shares  # noqa: E402

CASES = (("cls", 3), ("cls", 6), ("uncertainty", 3), ("uncertainty", 6))
CUTS = np.linspace(0.0, 0.95, 39)
FRESH = 1_600_000  # events of the last measurement, a quarter of each process
Exact = Callable[[SelectionDesign], jax.Array]


def main() -> None:
    """Searches, minimises, measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=24, help="of the exact minimisation")
    parser.add_argument("--seeds", type=int, default=3, help="searches of every case")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    arguments = parser.parse_args()
    report = {}
    for loss, bins in CASES:
        report[f"{loss} {bins}"] = row = case(loss, bins, arguments)
        found = ", ".join(f"{each['exact']:.3f}" for each in row["searches"])
        print(f"{loss} in {bins} bins: {row['start']['exact']:.3f} -> {found}; least {row['minimum']['exact']:.3f}")
        arguments.out.write_text(json.dumps(report, indent=1) + "\n")


def case(loss: str, bins: int, arguments: argparse.Namespace) -> dict:
    """All selections of one figure and one number of bins."""
    figure = exact(loss)
    told = lambda design: {
        "exact": float(figure(design)),
        "cut": float(design.cut),
        "edges": np.asarray(design.edges).round(3).tolist(),
    }
    start = daedalus.load("binned_analysis/cut_and_binning", loss=loss, bins=bins).start
    even = [SelectionDesign(jnp.asarray(cut), start.fractions) for cut in CUTS]
    row = {"start": told(start), "even": told(min(even, key=lambda design: float(figure(design))))}
    if bins == 3:
        row["grid"] = told(min(grid(), key=lambda design: float(figure(design))))
    row["minimum"] = told(minimum(figure, bins, arguments.starts))
    row["searches"] = [searched(loss, bins, seed, told) for seed in range(arguments.seeds)]
    return row


def exact(loss: str) -> Exact:
    """The figure of merit of a selection from the closed forms."""
    known = Systematics()
    shares = lambda design: expected_shares(design.cut, design.edges, known.slope)
    return jax.jit(lambda design: MERITS[loss](selection_model(shares(design), known)).value)


def grid() -> list[SelectionDesign]:
    """Three bins on a grid: cuts in steps of 0.05, both edges in steps of 2 GeV around the peak."""
    places = np.arange(110.0, 150.0, 2.0)
    width = lambda low, high: (high - low) / (160.0 - low)
    return [
        SelectionDesign(jnp.asarray(cut), jnp.asarray([width(100.0, low), width(low, high)]))
        for cut in np.arange(0.5, 0.95, 0.05)
        for low in places
        for high in places
        if high > low
    ]


def minimum(figure: Exact, bins: int, starts: int) -> SelectionDesign:
    """The least of many local minima, within the parameters' bounds."""
    rng = np.random.default_rng(0)
    design = lambda x: SelectionDesign(x[0], x[1:])
    slope = jax.jit(jax.value_and_grad(lambda x: figure(design(x))))
    bounds = [(0.0, 0.95)] + [(0.02, 0.98)] * (bins - 1)
    found = []
    for number in range(starts):
        inner = even_fractions(bins) if number == 0 else rng.uniform(0.05, 0.9, bins - 1)
        begin = np.array([rng.uniform(0.3, 0.9), *inner])
        value = lambda x: tuple(np.asarray(each, float) for each in slope(jnp.asarray(x)))
        found.append(minimize(value, begin, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 500}))
    return design(jnp.asarray(min(found, key=lambda each: each.fun).x))


def searched(loss: str, bins: int, seed: int, told: Callable[[SelectionDesign], dict]) -> dict:
    """The last selection of the recipe's search, and what sharp edges measure of it on fresh events."""
    problem = daedalus.load("binned_analysis/cut_and_binning", loss=loss, bins=bins)
    recipe = selection_recipe(problem)
    began = time.perf_counter()
    settings = {"rounds": recipe.rounds, "events": recipe.events}
    history = daedalus.optimise(problem, recipe.optimiser, key=jax.random.key(seed), **settings)
    seconds = time.perf_counter() - began
    design = history.design(problem, len(history) - 1)
    fresh = problem.evaluate(design, key=jax.random.key(10_000 + seed), events=FRESH)
    name = FIGURES[loss][0]
    sharp = {"sharp": float(fresh.values[name]), "sharp_error": float(fresh.errors[name])}
    return told(design) | sharp | {"seconds": seconds}


if __name__ == "__main__":
    main()
