"""A lower stack that moved: what it costs to profile it or not, and whether a search that knows of it ends elsewhere.

Run ``python validation/movement.py`` from the repository's root (some minutes on two cores); it writes
``validation/movement.json``. Layouts of ``block_detection`` are searched with three figures: of a stack whose place is
known, of one whose place is profiled with the same muons, and of one whose place is left out of the fit. All of them
and the layouts by hand are then scored with all three figures, hard edges, on the same fresh scans, so that their
differences are paired.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from scan_scores import SCORING_SEED, averaged

from daedalus.core import Design, scoring_key
from daedalus.execution.design_file import design_table
from daedalus.inference.movement_bias import movement_left, strength_error
from daedalus.search import optimise
from daedalus.sources.cosmic_muons import CosmicMuons
from daedalus.studies.muon_tomography.blocks.movement import DENSITY_ERROR, scans_to_find, sums_of, widths
from daedalus.studies.muon_tomography.blocks.problem import block_detection, scanner_recipe
from daedalus.studies.muon_tomography.detection import with_patience
from daedalus.studies.muon_tomography.options import MovementOptions
from daedalus.units import mm, mrad

HERE = Path(__file__).parent
KNOWN = MovementOptions("profiled", 0.0, 0.0)
TYPICAL = 0.5  # of shift [mm] and turn [mrad], where layouts are only scored


def main() -> None:
    """Searches, scores, writes."""
    arguments = parsed()
    shift, turn = arguments.shift * mm, arguments.turn * mrad
    ways = {"known": KNOWN}
    ways |= {way: MovementOptions(way, shift, turn) for way in ("profiled", "left_out")}
    report: dict = {"settings": {**vars(arguments), "out": arguments.out.name, "jax": jax.__version__}, "searches": {}}
    layouts: dict[str, Design] = {name: block_detection().references[name] for name in ("human_1", "human_2")}
    for way, movement in ways.items():
        for seed in range(arguments.seeds):
            found = search(movement, seed, arguments)
            layouts[f"{way} {seed}"] = found.pop("layout")
            report["searches"][f"{way} {seed}"] = found
            told = f"loss {np.mean(found['loss'][:3]):.2f} -> {np.mean(found['loss'][-5:]):.2f}"
            print(f"{way} {seed}: {told} in {found['seconds']:.0f} s", flush=True)
            arguments.out.write_text(json.dumps(report, indent=1) + "\n")
    report |= scored(layouts, ways, arguments)
    arguments.out.write_text(json.dumps(report, indent=1) + "\n")


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shift", type=float, default=1.0, help="of the lower stack beforehand [mm]")
    parser.add_argument("--turn", type=float, default=1.0, help="of it [mrad]")
    parser.add_argument("--start", default="human_2", help="layout that the searches start from")
    parser.add_argument("--seeds", type=int, default=1, help="searches of each figure")
    parser.add_argument("--rounds", type=int, default=40, help="of a search")
    parser.add_argument("--scans", type=int, default=12, help="of a round")
    parser.add_argument("--muons", type=int, default=2000, help="of a scan in a search")
    parser.add_argument("--scored", type=int, default=48, help="fresh scans")
    parser.add_argument("--out", type=Path, default=HERE / "movement.json")
    return parser.parse_args()


def search(movement: MovementOptions, seed: int, arguments: argparse.Namespace) -> dict:
    """One search with the recipe's steps; those of one seed share their muons."""
    problem = block_detection(start=arguments.start, **dataclasses.asdict(movement))
    recipe = scanner_recipe(problem)
    begin = time.perf_counter()
    history = optimise(
        problem,
        recipe.optimiser,
        key=jax.random.key(seed),
        rounds=arguments.rounds,
        events=arguments.muons,
        scenarios=arguments.scans,
    )
    layout = history.design(problem, len(history) - 1)
    return {
        "layout": layout,
        "design": design_table(problem.space, layout),
        "loss": [float(f"{loss:.5g}") for loss in np.asarray(history["loss"], float)],
        "seconds": round(time.perf_counter() - begin, 1),
    }


def scored(layouts: dict[str, Design], ways: dict[str, MovementOptions], arguments: argparse.Namespace) -> dict:
    """All figures of all layouts, and their differences, paired."""
    problem = block_detection(movement="profiled")
    partition = problem.partition(problem.events, arguments.scored)
    key = scoring_key(jax.random.key(SCORING_SEED))
    source = problem.source
    assert isinstance(source, CosmicMuons)
    half = {
        f"{way}, half": MovementOptions(way, TYPICAL * arguments.shift * mm, TYPICAL * arguments.turn * mrad)
        for way in ("profiled", "left_out")
    }
    run = jax.jit(partial(columns, problem, ways | half, key=key, partition=partition))
    found = {name: jax.device_get(run(problem.space.point(layout))) for name, layout in layouts.items()}
    seconds = source.exposure(problem.events)
    return {"seconds_of_a_scan": seconds, "figures": {name: figures(each, seconds) for name, each in found.items()},
            "against": {name: against(found, name) for name in found if name.split()[0] in ways}}  # fmt: skip


def columns(problem, ways: dict[str, MovementOptions], point, **given) -> dict:
    """Scan by scan: the logarithm of the time by figure, of errors after a scan, and what is left of the movement."""
    summaries, _ = problem.summaries(point, **given)
    sums = sums_of(summaries)
    found = {}
    for way, movement in ways.items():
        profiled, known = movement.movement == "profiled", widths(movement)
        found[way] = jnp.log(with_patience(scans_to_find(summaries, movement, profiled=profiled)))
        left = jax.vmap(lambda each, p=profiled, w=known: movement_left(each, w, 1.0, profiled=p))(sums)
        errors = jax.vmap(lambda each, own: strength_error(each, own, 1.0, density_error=DENSITY_ERROR))(sums, left)
        found[f"bias {way}"], found[f"error {way}"] = errors.spread, errors.statistical
        found[f"left {way}"] = jnp.sqrt(jnp.diagonal(left, axis1=-2, axis2=-1))
    return found


def figures(found: dict, seconds: float) -> dict:
    """Typical times [s], errors and biases of the strength after a scan (medians), and of the stack [mm and mrad]."""
    told: dict = {}
    for name, column in found.items():
        kind = name.split()[0]
        if kind == "left":
            told[name] = [float(f"{value / mm:.4g}") for value in np.mean(column, 0)]
        elif kind in ("bias", "error"):
            told[name] = float(np.median(column))
        else:
            mean, error = averaged(column)
            told[name] = [seconds * float(np.exp(mean)), seconds * float(np.exp(mean)) * error]
    return told


def against(found: dict, name: str) -> dict:
    """The logarithm of this layout's time over that of every other, by figure, paired [1]."""
    times = [column for column in found[name] if column.split()[0] not in ("left", "bias", "error")]
    return {
        other: {time: list(averaged(found[name][time] - each[time])) for time in times}
        for other, each in found.items()
        if other != name
    }


if __name__ == "__main__":
    main()
