"""Panels out of place, a spectrum that is not the model's, and tails: what they cost a map, and what can be done.

Run ``python validation/robustness.py`` from the repository's root (hours on two cores, minutes on a graphics card); it
writes ``validation/robustness.json``. The task is ``muon_tomography/x0_imaging`` from the better of two layouts by
hand. Layouts are searched with nothing wrong, and with all flaws at once for the mean, for the worst fifth of scans
(CVaR) and for the worst scan. All are then scored with hard edges on the same fresh scans, with nothing wrong, with
each flaw alone and with all of them: mean squared error of ln(1/X0 + 3/m) over all scans, over the worst fifth and
over the worst twentieth, errors by bootstrap over scans. ``--only`` makes some kinds of searches, for several processes
side by side, whose files ``--found`` takes together.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import jax
import numpy as np
from scan_scores import Scorer, searched

from daedalus.execution.design_file import design_from_table, design_table
from daedalus.studies.muon_tomography.blocks.problem import x0_imaging
from daedalus.units import mm

HERE = Path(__file__).parent
FLAWS = {
    "panels out of place": {"misalignment": 0.5 * mm},
    "spectrum": {"spectrum_index": 0.3},
    "tails": {"tail_fraction": 0.02},
}
ALL = {name: value for flaw in FLAWS.values() for name, value in flaw.items()}
CASES = {"nothing wrong": {}, **FLAWS, "all": ALL}
SEARCHES = {
    "nothing wrong, mean": {},
    "all flaws, mean": ALL,
    "all flaws, worst fifth": ALL | {"risk": "cvar", "tail": 0.2},
    "all flaws, worst": ALL | {"risk": "worst"},
}
SHARES = {"mean": 1.0, "worst fifth": 0.2, "worst twentieth": 0.05}
START, REFERENCE = "human_2", "nothing wrong, mean"
RESAMPLES = 400


def main() -> None:
    """Searches, scores, writes."""
    arguments = parsed()
    report: dict = {"settings": settings(arguments), "cases": {}, "designs": {}}
    for file in arguments.found:
        report["designs"] |= json.loads(file.read_text())["designs"]
    write = lambda: arguments.out.write_text(json.dumps(report, indent=1) + "\n")
    for name in arguments.only or SEARCHES:
        for seed in range(arguments.seeds):
            label = f"{name}: {seed}"
            if label not in report["designs"]:
                report["designs"][label] = search(name, seed, arguments)
                write()
    if arguments.only:
        return
    space = x0_imaging().space
    layouts = {"by hand": x0_imaging().references[START]}
    layouts |= {label: design_from_table(space, table) for label, table in report["designs"].items()}
    for case in arguments.cases or CASES:
        options = CASES[case]
        scorer = Scorer("x0_imaging", arguments.scans, block=arguments.block, **options)
        squares = {label: scorer.of(design)["main"] for label, design in layouts.items()}
        report["cases"][case] = scored(squares, arguments.seeds)
        print(case, json.dumps(report["cases"][case]), flush=True)
        write()


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=SEARCHES, default=[], help="kinds of searches to make")
    parser.add_argument("--found", nargs="+", type=Path, default=[], help="files of searches made before")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=[], help="to score; all by default")
    parser.add_argument("--rounds", type=int, default=0, help="of a search; the recipe's by default")
    parser.add_argument("--seeds", type=int, default=3, help="searches of each kind")
    parser.add_argument("--scans", type=int, default=800, help="scored")
    parser.add_argument("--block", type=int, default=8192, help="muons in memory at once")
    parser.add_argument("--out", type=Path, default=HERE / "robustness.json")
    return parser.parse_args()


def search(name: str, seed: int, arguments: argparse.Namespace) -> dict:
    """The layout at the end of one search, as a table."""
    problem = x0_imaging(**SEARCHES[name])
    how = {"seed": seed, "rounds": arguments.rounds, "block": arguments.block}
    found = searched(problem, problem.references[START], **how)
    told = f"{found['loss'][0]:.2f} -> {np.mean(found['loss'][-5:]):.2f} in {found['seconds']} s"
    print(f"{name}, seed {seed}: {told}", flush=True)
    return design_table(problem.space, found["design"])


def scored(squares: dict[str, np.ndarray], seeds: int) -> dict:
    """Figures of each kind of layout, mean over its searches, and paired differences from the one of `REFERENCE`."""
    kinds = {"by hand": np.array([squares["by hand"]], float)}
    kinds |= {name: np.array([squares[f"{name}: {seed}"] for seed in range(seeds)], float) for name in SEARCHES}
    scans = kinds["by hand"].shape[1]
    drawn = np.random.default_rng(0).integers(0, scans, (RESAMPLES, scans))
    tails = {name: {key: tail(values, share) for key, share in SHARES.items()} for name, values in kinds.items()}
    again = {
        name: {key: np.array([tail(values[:, rows], share) for rows in drawn]) for key, share in SHARES.items()}
        for name, values in kinds.items()
    }
    return {
        name: {
            key: {
                "value": tails[name][key],
                "error": float(again[name][key].std()),
                "minus": tails[name][key] - tails[REFERENCE][key],
                "minus_error": float((again[name][key] - again[REFERENCE][key]).std()),
            }
            for key in SHARES
        }
        for name in kinds
    }


def tail(values: np.ndarray, share: float) -> float:
    """The mean of the worst share of scans, averaged over searches."""
    count = max(1, round(share * values.shape[1]))
    return float(np.sort(values, 1)[:, -count:].mean())


def settings(arguments: argparse.Namespace) -> dict:
    """What was run."""
    return {
        "device": jax.devices()[0].device_kind,
        "jax": jax.__version__,
        "flaws": ALL,
        "searches_of_each_kind": arguments.seeds,
        "rounds": arguments.rounds or "the recipe's",
        "scans_scored": arguments.scans,
        "start": START,
    }


if __name__ == "__main__":
    main()
