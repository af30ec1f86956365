"""The published ladle comparison: initial, optimised and two human layouts, hard edges, fresh muons.

Run ``python validation/ladle.py`` from the repository's root (under ten minutes on two cores); it writes
``validation/ladle.json``. Each of several optimisation seeds starts from the published initial layout; all layouts
are then scored on the same ladles and muons, with keys that no optimisation has used, on the eight published levels
and on levels drawn uniformly. The bias correction of each ladle is fitted on the other ladles (leave one out).

As a check between codes the human layouts are also scored as the reference code selects muons (no hit is ever lost, all
eight are asked for); ``benchmarks/peers/tomopt_ladle.py`` has that code's own numbers. Few ladles say little: what 24
of them, corrected by a line fitted on the same 24, would have given is scored too.
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from daedalus.core import scoring_key
from daedalus.execution.design_file import design_from_table, design_table
from daedalus.inference.calibration import cross_fitted_residuals
from daedalus.search import optimise
from daedalus.studies.muon_tomography.ladle.problem import ESTIMATES, ladle_fill_level, ladle_recipe

HERE = Path(__file__).parent
ESTIMATORS = {"poca": "poca", "best": "likelihood"}
LEVELS = ("labels", "uniform")
SCORING_SEED = 20261123  # unlike every optimisation seed


def main() -> None:
    """Optimises, scores, compares, writes."""
    arguments = parsed()
    problem = ladle_fill_level(muons="published", estimator=arguments.estimator)
    designs = dict(problem.references)
    seeds = [optimised(problem, seed, arguments) for seed in range(arguments.seeds)]
    designs |= {f"optimised_{seed}": design for seed, design in enumerate(seeds)}
    squares = {levels: squared_errors(estimates(levels, designs, arguments.volumes)) for levels in LEVELS}
    report = {name: summary(squares, [name]) for name in problem.references}
    report["optimised"] = summary(squares, [f"optimised_{seed}" for seed in range(len(seeds))])
    report["seeds"] = [summary(squares, [f"optimised_{seed}"]) for seed in range(len(seeds))]
    report["paired_difference_optimised_minus_human"] = {
        human: {
            levels: {key: paired(squares[levels][key], human, len(seeds)) for key in ESTIMATORS} for levels in LEVELS
        }
        for human in ("human_1", "human_2")
    }
    report["selected_as_reference_code"] = selected_as_reference_code(dict(problem.references), arguments.volumes)
    report["settings"] = settings(problem, arguments)
    report["designs"] = [design_table(problem.space, design) for design in seeds]
    arguments.out.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps({k: v for k, v in report.items() if k != "designs"}, indent=1))


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="optimisation seeds")
    parser.add_argument("--volumes", type=int, default=3200, help="scoring ladles per level set")
    parser.add_argument("--estimator", default="both", help="what a search improves: poca, likelihood or both")
    parser.add_argument("--rounds", type=int, default=0, help="rounds of a search; 0: the recipe's")
    parser.add_argument("--out", type=Path, default=HERE / "ladle.json")
    parser.add_argument("--designs", type=Path, help="an earlier result whose designs are scored again")
    return parser.parse_args()


def optimised(problem, seed: int, arguments: argparse.Namespace):
    """The layout at the end of one search, or that of an earlier result."""
    if arguments.designs:
        return design_from_table(problem.space, json.loads(arguments.designs.read_text())["designs"][seed])
    recipe = ladle_recipe(problem)
    history = optimise(
        problem,
        recipe.optimiser,
        key=jax.random.key(seed),
        rounds=arguments.rounds or recipe.rounds,
        events=recipe.events,
        scenarios=recipe.scenarios,
    )
    print(f"seed {seed}: loss {history['loss'][0]:.1f} -> {history['loss'][-5:].mean():.2f}", flush=True)
    return history.design(problem, len(history) - 1)


def selected_as_reference_code(references: dict, volumes: int) -> dict:
    """Scores of the human layouts with muons that leave all eight hits, none lost to inefficiency."""
    humans = {name: references[name] for name in ("human_1", "human_2")}
    found = {levels: estimates(levels, humans, volumes, efficiency=1.0, least_hits=4) for levels in LEVELS}
    squares = {levels: squared_errors(each) for levels, each in found.items()}
    few = {name: few_ladles(each["poca"], each["truth"]) for name, each in found["labels"].items()}
    return {name: summary(squares, [name]) | {"of_24_ladles": few[name]} for name in humans}


def few_ladles(estimate: np.ndarray, truth: np.ndarray, count: int = 24) -> dict[str, float]:
    """Quantiles [m2] of the mean squared error of few ladles about a line fitted on the same ladles."""
    sets = [slice(k, k + count) for k in range(0, len(truth) - count + 1, count)]
    residuals = [truth[s] - np.polyval(np.polyfit(estimate[s], truth[s], 1), estimate[s]) for s in sets]
    errors = [np.mean(r**2) for r in residuals]
    return {f"quantile_{q:02d}": float(np.quantile(errors, q / 100)) for q in (5, 16, 50, 84, 95)}


def estimates(levels: str, designs: dict, volumes: int, **options) -> dict[str, dict[str, np.ndarray]]:
    """Levels [m], true and by estimator, and accepted weights, of every design on common ladles and muons."""
    problem = ladle_fill_level(muons="published", levels=levels, **options)
    partition = problem.partition(problem.events, volumes)
    run = jax.jit(partial(problem.summaries, key=scoring_key(jax.random.key(SCORING_SEED)), partition=partition))
    found = {}
    for name, design in designs.items():
        summaries, truths = run(problem.space.point(design))
        found[name] = {key: np.asarray(ESTIMATES[estimator](summaries)) for key, estimator in ESTIMATORS.items()}
        found[name] |= {"truth": np.asarray(truths.level), "weight": np.asarray(summaries.weight)}
        found[name]["accepted"] = np.asarray(jnp.mean(summaries.accepted))
    return found


def squared_errors(found: dict[str, dict[str, np.ndarray]]) -> dict[str, dict[str, np.ndarray]]:
    """Squared errors [m2] by estimator and design, one per ladle, and mean accepted weights."""
    error = lambda each, key: cross_fitted_residuals(each[key], each["truth"], each["weight"])
    squares = {
        key: {name: np.asarray(error(each, key), float) ** 2 for name, each in found.items()} for key in ESTIMATORS
    }
    return squares | {"accepted": {name: each["accepted"] for name, each in found.items()}}


def summary(squares: dict, names: list[str]) -> dict:
    """Mean with standard error, median and 95 % tail [m2], averaged over designs, by estimator and level set."""
    lines: dict = {}
    for key in ESTIMATORS:
        for levels in LEVELS:
            values = np.array([squares[levels][key][name] for name in names])
            lines.setdefault(key, {})[levels] = {
                "value": float(values.mean()),
                "error": combined_error(values),
                "median": float(np.median(values, axis=1).mean()),
                "tail_95": float(np.quantile(values, 0.95, axis=1).mean()),
            }
        lines[key] |= lines[key]["labels"]  # the published levels are the headline
    lines["accepted_muons"] = float(np.mean([squares["labels"]["accepted"][name] for name in names]))
    return lines


def combined_error(values: np.ndarray) -> float:
    """The standard error over ladles and over seeds, added in quadrature."""
    ladles = values.mean(0).std(ddof=1) / np.sqrt(values.shape[1])
    seeds = values.mean(1).std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return float(np.hypot(ladles, seeds))


def paired(squares: dict[str, np.ndarray], human: str, seeds: int) -> dict:
    """The mean difference optimised minus human on common ladles [m2], its error, and the same for every seed."""
    each = np.array([squares[f"optimised_{seed}"] - squares[human] for seed in range(seeds)])
    root = np.sqrt(each.shape[1])
    return {
        "value": float(each.mean()),
        "error": combined_error(each),
        "by_seed": [[float(row.mean()), float(row.std(ddof=1) / root)] for row in each],
    }


def settings(problem, arguments: argparse.Namespace) -> dict:
    """What was run."""
    recipe = ladle_recipe(problem)
    return {
        "unit": "m2",
        "physics": list(problem.physics),
        "muons_per_volume": problem.events,
        "volumes_per_level_set": arguments.volumes,
        "optimisation_seeds": arguments.seeds,
        "objective": f"expected error of the level, estimator {arguments.estimator}",
        "rounds": arguments.rounds or recipe.rounds,
        "scenarios_per_round": recipe.scenarios,
        "estimators": ESTIMATORS,
        "cost": "6 EUR of panel area for every layout",
        "hits": "hard edges, efficiency 0.9 per hit drawn, at least two hits above and below",
        "jax": jax.__version__,
    }


if __name__ == "__main__":
    main()
