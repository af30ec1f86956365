"""INFERNO's benchmarks: five first weights for each training, measured with sharp bins.

Run: python validation/inferno.py [--initialisations 5] [--out validation/inferno.json]

Six trainings by the recipe: the uncertainty of s in benchmarks 0 to 4, and cross entropy as control; and once more
benchmark 2 with slopes from scores. Every trained summary is measured in all five benchmarks with sharp bins and fresh
events, with slopes from scores; and, as the paper does, with templates at shifted nuisances (r by 0.2, l by 0.5) and
slopes from their differences. Seconds are those of a training, from making the problem to the last round, compilation
included: keep no compiled programs on disk when you measure them. Without any cache, about ten minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from daedalus.core import Problem, scoring_key
from daedalus.inference.count_information import count_information
from daedalus.search import optimise
from daedalus.studies.binned_analysis.inferno.bounds import classifier_information, unbinned_information, uncertainties
from daedalus.studies.binned_analysis.inferno.problem import counts_and_slopes, inferno_recipe, inferno_synthetic
from daedalus.studies.binned_analysis.inferno.truth import BENCHMARKS, RATE, SHIFT, Nuisances

TRAININGS = {
    "cross_entropy": {"benchmark": 2, "loss": "cross_entropy"},
    **{f"inferno_{number}": {"benchmark": number} for number in range(len(BENCHMARKS))},
    "inferno_2_score": {"benchmark": 2, "slopes": "score"},
}
EVENTS = 2**20  # of a measurement
BLOCK = 2**13
STEPS = (0.2, 0.5)  # of r and l, as in the paper


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--initialisations", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=None, help="of a training; the recipe's by default")
    parser.add_argument("--go-on", action="store_true", help="keep the trainings that the file already has")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    arguments = parser.parse_args()
    rows: dict[str, list[dict]] = {name: [] for name in TRAININGS}
    if arguments.go_on:
        rows |= json.loads(arguments.out.read_text(encoding="utf-8"))["trainings"]
    found = {
        "settings": settings(arguments),
        "bounds": [float(u) for u in uncertainties(unbinned_information())],
        "best_classifier": [float(u) for u in uncertainties(classifier_information())],
        "trainings": rows,
    }
    for number in range(arguments.initialisations):
        for name, options in TRAININGS.items():
            if len(rows[name]) <= number:
                rows[name].append(trained(name, options, number, arguments.rounds))
                arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def trained(name: str, options: dict, number: int, rounds: int | None) -> dict:
    """One training and what its summary is worth."""
    key = jax.random.fold_in(jax.random.key(17), number)
    begin = time.perf_counter()
    problem = inferno_synthetic(**options, initialisation=number)
    recipe = inferno_recipe(problem)
    history = optimise(problem, recipe.optimiser, key=key, rounds=rounds or recipe.rounds, events=recipe.events)
    design = history.design(problem, len(history) - 1)
    seconds = time.perf_counter() - begin
    fresh = scoring_key(key)
    sharp = problem.evaluate(design, key=fresh, events=EVENTS)
    every = [f"uncertainty_{i}" for i in range(len(BENCHMARKS))]
    found = {
        "initialisation": number,
        "seconds": round(seconds, 2),
        "sharp": [float(sharp.values[name]) for name in every],
        "error": [float(sharp.errors[name]) for name in every],
        "shifted": [float(u) for u in uncertainties(shifted_information(problem, design, fresh))],
        "occupied_bins": float(sharp.values["occupied_bins"]),
        "failed": float(sharp.values["failed"]),
        "load": round(os.getloadavg()[0], 1),
        "not_finite_rounds": int(np.sum(~np.isfinite(history["loss"]))),
        "loss": [float(value) for value in history["loss"][:: max(1, len(history) // 40)]],
    }
    shown = " ".join(f"{value:.2f}" for value in found["sharp"])
    print(f"{name} {number}: {seconds:.1f} s, {shown}, failed {found['failed']:.0f}", flush=True)
    return found


def shifted_information(problem: Problem, design: eqx.Module, key: jax.Array) -> jax.Array:
    """Information about (s, r, l, b) from sharp templates at shifted nuisances and common random numbers."""
    assert problem.build is not None

    @eqx.filter_jit
    def expected(design: eqx.Module, shift: jax.Array, rate: jax.Array) -> tuple[jax.Array, jax.Array]:
        chain = problem.build(design, Nuisances(shift, rate)).softened(None)

        def sums(first):
            return chain.sums(chain.events(first + jnp.arange(BLOCK), EVENTS, key=key), 0, {})["templates"]

        empty = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), jax.eval_shape(sums, 0))
        add = lambda total, first: (jax.tree.map(jnp.add, total, sums(first)), None)
        templates = jax.lax.scan(add, empty, BLOCK * jnp.arange(EVENTS // BLOCK))[0]
        return counts_and_slopes(templates)

    def at(shift: float = SHIFT, rate: float = RATE) -> tuple[jax.Array, jax.Array]:
        return expected(design, jnp.asarray(shift), jnp.asarray(rate))

    nominal, slopes = at()
    by_shift = (at(SHIFT + STEPS[0])[0] - at(SHIFT - STEPS[0])[0]) / (2 * STEPS[0])
    by_rate = (at(rate=RATE + STEPS[1])[0] - at(rate=RATE - STEPS[1])[0]) / (2 * STEPS[1])
    return count_information(nominal, jnp.stack([slopes[0], by_shift, by_rate, slopes[3]]))


def settings(arguments: argparse.Namespace) -> dict:
    """What was run."""
    recipe = inferno_recipe(inferno_synthetic())
    return {
        "device": jax.devices()[0].device_kind,
        "cores": os.cpu_count(),
        "jax": jax.__version__,
        "equinox": eqx.__version__,
        "precision": str(jnp.result_type(float)),
        "initialisations": arguments.initialisations,
        "rounds": arguments.rounds or recipe.rounds,
        "events_of_a_round": recipe.events,
        "events_of_a_measurement": EVENTS,
        "compiled_programs_kept": bool(os.environ.get("JAX_COMPILATION_CACHE_DIR")),
    }


if __name__ == "__main__":
    main()
