"""The ladle searched in one stage and in two, as its published optimisation was: hard edges, fresh muons.

Run ``python validation/ladle_stages.py`` from the repository's root (about half an hour on two cores); it writes
``validation/ladle_stages.json``. The published optimisation (TomOpt, arXiv:2309.14027 and its notebook) first moves all
panels and shares the budget, while the panels' edges are sharpened from 1 to 0.1; then x and y of all panels are set by
hand to the centre of the ladle, and only heights and shares go on at 0.1. From the published initial layout each seed
makes

- ``one_stage``: the recipe, all parameters together;
- ``first_stage``: half its rounds, softness from 1 to 0.1; ``by_hand``: the same with x and y at the centre;
- ``two_stages``: from there heights and shares for the other half of the rounds, softness 0.1: the cost of one stage;
- ``polished``: heights and shares of ``one_stage``, x and y as found, for half as many rounds more: 1.5 times the cost.

All layouts are scored, by the functions of ``validation/ladle.py``, on the ladles and muons with which it scores, which
no search has seen, so that differences are paired. ``--designs`` scores the layouts of an earlier result again, and
makes the searches of the seeds that it lacks.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import ladle
import numpy as np

from daedalus.core import Problem
from daedalus.execution.design_file import design_from_table, design_table
from daedalus.optimisers import Adam, Constant, Geometric, Schedule
from daedalus.search import optimise
from daedalus.studies.muon_tomography.design import ScannerDesign
from daedalus.studies.muon_tomography.ladle.problem import ladle_fill_level, ladle_recipe
from daedalus.studies.muon_tomography.scanner import SIDE, panel_spans
from daedalus.units import cm

HERE = Path(__file__).parent
PLACES = ("upper.x", "upper.y", "lower.x", "lower.y")
FIRST, SECOND = Geometric(1.0, 0.1), Constant(0.1)  # softness of the two stages [1]
WAYS = ("one_stage", "first_stage", "by_hand", "two_stages", "polished")
HUMANS = ("human_1", "human_2")


def main() -> None:
    """Searches, scores, compares; writes the layouts after each seed."""
    arguments = parsed()
    problem = ladle_fill_level(muons="published", estimator="both")
    earlier = json.loads(arguments.designs.read_text()) if arguments.designs else {"designs": [], "seconds": []}
    tables, seconds = (earlier[name][: arguments.seeds] for name in ("designs", "seconds"))
    report = {"settings": settings(problem, arguments), "designs": tables, "seconds": seconds}
    for seed in range(len(tables), arguments.seeds):
        began = time.perf_counter()
        found = layouts(problem, seed, arguments.rounds or ladle_recipe(problem).rounds)
        tables.append({way: design_table(problem.space, design) for way, design in found.items()})
        seconds.append(round(time.perf_counter() - began))
        arguments.out.write_text(json.dumps(report, indent=1) + "\n")
    report |= compared(problem, tables, arguments.volumes)
    arguments.out.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps({name: told for name, told in report.items() if name != "designs"}, indent=1))


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="optimisation seeds")
    parser.add_argument("--volumes", type=int, default=3200, help="scoring ladles per level set")
    parser.add_argument("--rounds", type=int, default=0, help="rounds of one stage; 0: the recipe's")
    parser.add_argument("--out", type=Path, default=HERE / "ladle_stages.json")
    parser.add_argument("--designs", type=Path, help="an earlier result whose layouts are taken over")
    return parser.parse_args()


def layouts(problem: Problem, seed: int, rounds: int) -> dict[str, ScannerDesign]:
    """The layouts at the ends of all searches of a seed."""
    key, half = jax.random.key(seed), rounds // 2
    found = {"one_stage": searched(problem, None, key, rounds), "first_stage": searched(problem, FIRST, key, half)}
    found["by_hand"] = centred(found["first_stage"])
    for way, start in (("two_stages", "by_hand"), ("polished", "one_stage")):
        second = replace(problem, start=found[start], frozen=PLACES)
        found[way] = searched(second, SECOND, jax.random.fold_in(key, 1), half)
    return {way: found[way] for way in WAYS}


def searched(problem: Problem, softness: Schedule | None, key: jax.Array, rounds: int) -> ScannerDesign:
    """The layout at the end of a search by the recipe, with its own softness or another."""
    recipe = ladle_recipe(problem)
    method: Any = recipe.optimiser
    if softness is not None:
        steps = {name: step for name, step in method.descent.steps.items() if name not in problem.frozen}
        method = Adam(steps=steps, softness=softness)
    history = optimise(problem, method, key=key, rounds=rounds, events=recipe.events, scenarios=recipe.scenarios)
    print(f"{rounds} rounds: loss {history['loss'][0]:.2f} -> {history['loss'][-5:].mean():.3f}", flush=True)
    return history.design(problem, len(history) - 1)


def centred(design: ScannerDesign) -> ScannerDesign:
    """A layout with all panels above and below the ladle's centre."""
    middle = jnp.full_like(design.upper.x, 0.5 * SIDE)
    places = lambda d: (d.upper.x, d.upper.y, d.lower.x, d.lower.y)
    return eqx.tree_at(places, design, (middle,) * 4)


def compared(problem: Problem, tables: list[dict], volumes: int) -> dict:
    """Scores of all layouts, paired differences of the ways of searching, and the layouts' heights and sides."""
    seeds = range(len(tables))
    designs: dict[str, Any] = {f"{w}_{s}": design_from_table(problem.space, tables[s][w]) for w in WAYS for s in seeds}
    every = dict(problem.references) | designs
    squares = {levels: ladle.squared_errors(ladle.estimates(levels, every, volumes)) for levels in ladle.LEVELS}
    names = {way: [f"{way}_{seed}" for seed in seeds] for way in WAYS} | {n: [n] * len(tables) for n in HUMANS}
    pairs = [(way, other) for way in WAYS for other in ("one_stage", *HUMANS) if way != other]
    pairs += [("by_hand", "first_stage"), ("two_stages", "by_hand")]
    return {
        "scores": {name: ladle.summary(squares, [name]) for name in problem.references}
        | {way: ladle.summary(squares, names[way]) for way in WAYS},
        "seeds": [{way: ladle.summary(squares, [f"{way}_{seed}"]) for way in WAYS} for seed in seeds],
        "paired_differences": {
            f"{way}_minus_{other}": {
                levels: {e: paired(squares[levels][e], names[way], names[other]) for e in ladle.ESTIMATORS}
                for levels in ladle.LEVELS
            }
            for way, other in pairs
        },
        "panels": {way: [panels(designs[name]) for name in names[way]] for way in WAYS},
    }


def paired(squares: dict[str, np.ndarray], names: list[str], others: list[str]) -> dict:
    """The mean difference of layouts, seed by seed, on common ladles [m2], its error, and the same for every seed."""
    each = np.array([squares[name] - squares[other] for name, other in zip(names, others, strict=True)])
    root = np.sqrt(each.shape[1])
    return {
        "value": float(each.mean()),
        "error": ladle.combined_error(each),
        "by_seed": [[float(row.mean()), float(row.std(ddof=1) / root)] for row in each],
    }


def panels(design: ScannerDesign) -> dict[str, list[list[float]]]:
    """Height, side and distance from the ladle's axis of every panel [cm], from the top down."""
    sides, count = np.asarray(panel_spans(design)), len(design.upper.z)
    told = {}
    for arm, side in (("upper", sides[:count]), ("lower", sides[count:])):
        x, y, z = (np.asarray(getattr(getattr(design, arm), axis)) for axis in "xyz")
        rows = np.stack([z, side, np.hypot(x - 0.5 * SIDE, y - 0.5 * SIDE)], axis=1)[np.argsort(-z)]
        told[arm] = (rows.astype(float) / cm).round(2).tolist()
    return told


def settings(problem: Problem, arguments: argparse.Namespace) -> dict:
    """What was run."""
    recipe = ladle_recipe(problem)
    rounds = arguments.rounds or recipe.rounds
    return {
        "unit": "m2",
        "physics": list(problem.physics),
        "muons_per_volume": problem.events,
        "volumes_per_level_set": arguments.volumes,
        "optimisation_seeds": arguments.seeds,
        "rounds": {"one_stage": rounds, "first_stage": rounds // 2, "second_stage": rounds // 2},
        "softness": {"one_stage": "1 to 0.08", "first_stage": "1 to 0.1", "second_stage": "0.1"},
        "scenarios_per_round": recipe.scenarios,
        "estimators": ladle.ESTIMATORS,
        "scoring_seed": ladle.SCORING_SEED,
        "jax": jax.__version__,
    }


if __name__ == "__main__":
    main()
