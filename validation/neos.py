"""The blobs of neos: the joint optimisation beside a classifier, seven first networks each, hard bins, fresh points.

Run ``python validation/neos.py`` from the repository's root; it writes ``validation/neos.json`` and prints the table.
Every training ends with a choice between the network of its last row and that of its best one, by what it was trained
for (classifiers: by the CLs) with hard bins on points of their own; the figures told are measured on yet others. Bad
steps are those whose loss or gradient was not finite or whose fit did not converge. Networks are 64 wide and in
single precision, likelihoods in double.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import jax
import numpy as np

jax.config.update("jax_enable_x64", True)

import daedalus  # noqa: E402
from daedalus.optimisers import Adam  # noqa: E402
from daedalus.optimisers.schedules import Constant  # noqa: E402

ROWS = {
    "CLs": {"loss": "cls"},
    "cross entropy": {"loss": "cross_entropy"},
    "cross entropy, augmented": {"loss": "cross_entropy_augmented"},
    "uncertainty": {"loss": "uncertainty"},
    "discovery": {"loss": "discovery"},
    "CLs, even bins": {"loss": "cls", "free_edges": False},
    "cross entropy, then edges for CLs": {"loss": "cross_entropy", "edges": True},
    "CLs, fixed sample of 10 000": {"loss": "cls", "sample": 10_000},
}
MORE = {  # only with --more
    "generalised variance": {"loss": "generalised_variance"},
    "CLs, 8 bins": {"loss": "cls", "bins": 8},
    "cross entropy, 8 bins": {"loss": "cross_entropy", "bins": 8},
    "CLs, appendix's means": {"loss": "cls", "means": "appendix"},
    "cross entropy, appendix's means": {"loss": "cross_entropy", "means": "appendix"},
    "cross entropy, augmented, appendix's means": {"loss": "cross_entropy_augmented", "means": "appendix"},
}
FIGURES = ("log_cls", "log_p0", "log_uncertainty", "log_volume")
SCORED = 200_000  # points of a measurement, a quarter per blob


def main() -> None:
    """Trains, measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=7, help="first networks of every row")
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--more", action="store_true", help="more bins and the appendix's means too")
    parser.add_argument("--row", default="", help="only rows with this in their name")
    arguments = parser.parse_args()
    place = Path(__file__).with_suffix(".json")
    judges, found = {}, json.loads(place.read_text()) if place.exists() else {}
    print(
        f"{'trained for':<44}{'CLs (median)':>14}{'spread':>20}{'p0':>10}{'sigma_mu':>10}{'failed':>7}"
        f"{'bad':>5}{'s':>6}"
    )
    for name, options in (ROWS | (MORE if arguments.more else {})).items():
        if arguments.row in name:
            shared = {name: value for name, value in options.items() if name in ("bins", "means")}
            judge = judges.setdefault(str(shared), daedalus.load("binned_analysis/neos_blobs", single=True, **shared))
            runs = [trained(start, arguments.rounds, judge, **options) for start in range(arguments.starts)]
            found[name] = summary(runs)
            print(told(name, found[name]), flush=True)
            place.write_text(json.dumps(found, indent=1) + "\n")


def trained(start: int, rounds: int, judge, *, edges: bool = False, **options) -> dict[str, float]:
    """The hard-binned figures after one training."""
    problem = daedalus.load("binned_analysis/neos_blobs", initialisation=start, single=True, **options)
    key, began = jax.random.key(start), time.perf_counter()
    history = daedalus.optimise(problem, method(1e-3), key=key, rounds=rounds, chunk=50)
    bad = int(np.sum(history["status"] == "failed"))  # a fit without an end counts too
    designs = [history.design(problem, row) for row in history.learned]
    if edges:
        last = history.design(problem, len(history) - 1)
        history = daedalus.optimise(judge, method(1e-12), key=key, rounds=rounds // 2, start=last, chunk=50)
        designs = [history.design(judge, row) for row in history.learned]
    seconds = time.perf_counter() - began
    own = problem.objectives[0].name
    by = own if own in FIGURES else "log_cls"
    best = min(designs, key=lambda design: float(scored(judge, design, 20_000, SCORED // 4)[by]))
    row = {name: float(value) for name, value in scored(judge, best, 10_000 + start, SCORED).items()}
    return row | {"bad_steps": bad, "seconds": seconds, "edges": np.asarray(best.edges).round(4).tolist()}


def method(rate: float) -> Adam:
    """The method of every training."""
    return Adam(learned_rate=rate, step_share=0.01, softness=Constant(1.0))


def scored(judge, design, seed: int, events: int) -> dict[str, jax.Array]:
    """The hard-binned figures of a design on points of a key of their own."""
    found = judge.evaluate(design, key=jax.random.key(seed), events=events)
    return {**found.values, "log_cls_error": found.errors["log_cls"]}


def summary(runs: list[dict]) -> dict:
    """Medians and ranges over first networks, the runs beside them."""
    found = {"runs": runs}
    for name in FIGURES:
        values = np.exp([run[name] for run in runs])
        short = name.removeprefix("log_")
        found[short] = {"median": np.median(values), "least": values.min(), "most": values.max()}
    found |= {name: float(np.sum([run[name] for run in runs])) for name in ("failed", "bad_steps")}
    return found | {"seconds": float(np.median([run["seconds"] for run in runs]))}


def told(name: str, row: dict) -> str:
    """One line of the table."""
    cls = row["cls"]
    spread = f"{cls['least']:.2e} .. {cls['most']:.2e}"
    others = f"{row['p0']['median']:>10.2e}{row['uncertainty']['median']:>10.4f}"
    counts = f"{row['failed']:>7.0f}{row['bad_steps']:>5.0f}{row['seconds']:>6.0f}"
    return f"{name:<44}{cls['median']:>14.2e}{spread:>20}{others}{counts}"


if __name__ == "__main__":
    main()
