"""The ladder measured: calls to a target on the test functions, rungs against each other by scale, and fronts.

Run ``python validation/ladder.py calls scale fronts`` (or one of them) from the repository's root; each part replaces
its own entry of ``validation/ladder.json`` and its picture in ``docs/images``. A call is one evaluated design. What a
method believed to be best is scored by the true objective where it is known ("calls"), or measured again with fresh
events.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter, ScalarFormatter

import daedalus
from daedalus.core import Optimiser, Problem, Space, scoring_key
from daedalus.drawing.palette import CYCLE
from daedalus.landscapes.fronts import hypervolume, non_dominated
from daedalus.optimisers import optimiser
from daedalus.search import optimise
from daedalus.search.comparison import Course, batch_size, course
from daedalus.studies.muon_tomography.ladle.problem import ladle_fill_level
from daedalus.studies.tracking.problem import telescope
from daedalus.units import cm, um

HERE = Path(__file__).parent
IMAGES = HERE.parent / "docs" / "images"
PLACE = HERE / "ladder.json"
SEEDS = 5
FRESH = 100  # first seed: no setting was chosen by looking at these searches
T = "test_functions/"

# problem, its options, method, its options, calls, targets
CALLS = (
    ("three_hump", {}, "gp", {}, 120, (-0.9,)),
    ("three_hump", {}, "cmaes", {}, 300, (-0.9,)),
    ("three_hump", {}, "tpe", {}, 300, (-0.9,)),
    ("three_hump", {}, "random", {}, 300, (-0.9,)),
    ("rosenbrock_10", {}, "quadratic", {}, 160, (5.0, 1.0)),
    ("rosenbrock_10", {}, "gp", {}, 160, (5.0, 1.0)),
    ("rosenbrock_10", {}, "linear", {}, 160, (5.0, 1.0)),
    ("rosenbrock_10", {}, "generative", {}, 160, (5.0, 1.0)),
    ("rosenbrock_10", {}, "cmaes", {}, 400, (5.0, 1.0)),
    ("rosenbrock_10", {}, "random", {}, 160, (5.0, 1.0)),
    ("submanifold_rosenbrock_100", {}, "linear", {}, 900, (3.0, 1.0)),
    ("submanifold_rosenbrock_100", {}, "quadratic", {}, 900, (3.0, 1.0)),
    ("submanifold_rosenbrock_100", {}, "generative", {}, 900, (3.0, 1.0)),
    ("submanifold_rosenbrock_100", {}, "gp", {}, 500, (3.0, 1.0)),
    ("submanifold_rosenbrock_100", {}, "cmaes", {}, 900, (3.0, 1.0)),
    ("submanifold_rosenbrock_100", {}, "random", {}, 900, (3.0, 1.0)),
    ("rosenbrock_10", {}, "lbfgs", {}, 40, (5.0, 1.0)),
    ("submanifold_rosenbrock_100", {}, "lbfgs", {}, 40, (3.0, 1.0)),
    ("rosenbrock_10", {"noise": False}, "lbfgs", {}, 40, (5.0, 1.0)),
    ("submanifold_rosenbrock_100", {"noise": False}, "lbfgs", {}, 40, (3.0, 1.0)),
    ("rosenbrock_10", {"noise": False}, "adam", {"steps": {"p": 0.1}}, 40, (5.0, 1.0)),
    ("submanifold_rosenbrock_100", {"noise": False}, "adam", {"steps": {"p": 0.1}}, 40, (3.0, 1.0)),
    ("submanifold_hump_40", {}, "gp", {}, 400, (-0.9,)),
    ("submanifold_hump_40", {}, "linear", {}, 400, (-0.9,)),
    ("submanifold_hump_40", {}, "cmaes", {}, 400, (-0.9,)),
    ("submanifold_hump_40", {}, "random", {}, 400, (-0.9,)),
)


def main() -> None:
    """Runs the parts that are asked for."""
    parts: dict[str, Callable[[argparse.Namespace], Any]] = {"calls": calls, "scale": scale, "fronts": fronts}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="+", choices=parts)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--apparatus", nargs="*", default=list(BUDGETS), help="of the part scale")
    parser.add_argument("--free", nargs="*", type=int, default=[4, 16, 40], help="of the part scale: parameters")
    parser.add_argument("--only", nargs="*", default=[], help="methods; other rows are kept")
    arguments = parser.parse_args()
    for part in arguments.parts:
        found = parts[part](arguments)  # may write, too
        known = json.loads(PLACE.read_text()) if PLACE.exists() else {}
        PLACE.write_text(json.dumps(known | {part: found}, indent=1) + "\n")


def calls(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Calls to target on the test functions, median over seeds, by the true objective at the incumbent."""
    known = json.loads(PLACE.read_text()).get("calls", []) if PLACE.exists() and arguments.only else []
    rows = [row for row in known if row["method"] not in arguments.only]
    for name, options, method, settings, budget, targets in CALLS:
        if arguments.only and method not in arguments.only:
            continue
        problem, began = daedalus.load(T + name, **options), time.perf_counter()
        runs = [
            _true_course(problem, method, optimiser(method, **settings), seed, budget)
            for seed in range(FRESH, FRESH + arguments.seeds)
        ]
        row = {"problem": name, **options, "method": method, **settings, "budget": budget, "seeds": len(runs)}
        row["final"] = [float(truth[-1]) for truth, _ in runs]
        row["calls_to"] = {str(t): [_first(truth, t) for truth, _ in runs] for t in targets}
        row["median"] = {t: _median(found) for t, found in row["calls_to"].items()}
        if name == "three_hump":
            row["basins"] = [_basins(history) for _, history in runs]
        row["seconds_per_call"] = (time.perf_counter() - began) / len(runs) / budget
        rows.append(row)
        print(json.dumps(row), flush=True)
    return rows


def _true_course(problem: Problem, method: str, rung: Optimiser, seed: int, budget: int) -> tuple[np.ndarray, Any]:
    """The true objective at the incumbent after each call, and the history."""
    rounds = -(-budget // batch_size(problem, rung))
    history = optimise(problem, rung, key=jax.random.key(seed), rounds=rounds)
    loss = np.where(history["status"] == "ok", history["loss"], np.inf)[:budget]
    best = np.array([int(np.argmin(loss[: n + 1])) for n in range(len(loss))])
    return history["truth"][best], history


def _first(truth: np.ndarray, target: float) -> int | None:
    """The calls after which the incumbent is at the target."""
    reached = np.where(truth <= target)[0]
    return int(reached[0]) + 1 if len(reached) else None


def _median(found: Sequence[int | None]) -> int | None:
    ordered = sorted(float("inf") if each is None else each for each in found)
    middle = ordered[(len(ordered) - 1) // 2]
    return None if middle == float("inf") else int(middle)


def _basins(history: Any) -> list[bool]:
    """Whether a row with a true objective below -0.9 was found on each side of the mirror."""
    side = np.array([history[column] for column in history.columns if column.startswith("p[1]")])[0]
    good = history["truth"] <= -0.9
    return [bool((good & (side < 0)).any()), bool((good & (side > 0)).any())]


FREED = {  # apparatus and number of free parameters: which are freed
    ("telescope", 4): ("z[0]", "z[1]", "pitch[0]", "pitch[1]"),
    ("telescope", 16): tuple(f"{field}[{n}]" for field in ("z", "pitch") for n in range(8)),
    ("telescope", 40): tuple(
        f"{field}[{n}]" for field in ("z", "pitch", "thickness") for n in range(14 if field != "thickness" else 12)
    ),
    ("ladle", 4): tuple(f"upper.z[{n}]" for n in range(4)),
    ("ladle", 16): tuple(
        f"{arm}.{field}[{n}]" for arm in ("upper", "lower") for field in ("z", "share") for n in range(4)
    ),
    ("ladle", 40): (),  # all, of five panels above and five below
}
RUNGS = ("lbfgs", "adam", "cmaes", "gp", "linear")
BUDGETS = {"telescope": 200, "ladle": 60}  # calls; every call simulates the same number of particles


def scale(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Gradient, evolution and model at equal numbers of simulated particles, for 4, 16 and 40 free parameters."""
    for (apparatus, count), freed in FREED.items():
        if apparatus not in arguments.apparatus or count not in arguments.free:
            continue
        problem, steps = _apparatus(apparatus, count, freed)
        for method in arguments.only or RUNGS:
            rung = optimiser(method, steps=steps) if method == "adam" else optimiser(method)
            runs = [_course(apparatus, problem, method, rung, seed) for seed in range(FRESH, FRESH + arguments.seeds)]
            last = np.array([run.value[-1] for run in runs])
            row = {"apparatus": apparatus, "free": problem.space.size, "freed": list(freed) or "all", "method": method}
            row |= {"loss": float(last.mean()), "error": float(last.std(ddof=1) / len(last) ** 0.5)}
            row |= {"single": last.tolist(), "calls": runs[0].made, "particles": runs[0].particles}
            row["start"] = float(runs[0].value[0])
            row["measurement_error"] = float(np.mean([run.error[-1] for run in runs]))
            row["cpu_seconds"] = float(np.mean([run.cpu_seconds for run in runs]))
            row["courses"] = [[run.calls.tolist(), run.value.tolist()] for run in runs]
            print(json.dumps({**row, "courses": "..."}), flush=True)
            _noted(row)
            jax.clear_caches()  # every search compiles programs of its own
    rows = json.loads(PLACE.read_text())["scale"]
    _scale_figure(rows).savefig(IMAGES / "ladder_scale.png", dpi=110)
    return rows


def _noted(row: dict[str, Any]) -> None:
    """Puts a row into the file, in place of an earlier one of the same search; rows are sorted."""
    known = json.loads(PLACE.read_text()) if PLACE.exists() else {}
    same = ("apparatus", "free", "method")
    rows = [each for each in known.get("scale", []) if any(each[name] != row[name] for name in same)]
    place = lambda each: (list(BUDGETS).index(each["apparatus"]), each["free"], RUNGS.index(each["method"]))
    known["scale"] = sorted([*rows, row], key=place)
    PLACE.write_text(json.dumps(known, indent=1) + "\n")


def _apparatus(name: str, count: int, freed: Sequence[str]) -> tuple[Problem, dict[str, float]]:
    """The problem with so many free parameters, and the largest moves of a descent."""
    if name == "telescope":
        problem, steps = telescope(planes=14), {"z": 4 * cm, "pitch": 6 * um, "thickness": 12 * um}
    else:
        problem = ladle_fill_level(muons="published")
        steps = {f"{arm}.{axis}": 8 * cm for arm in ("upper", "lower") for axis in "xy"}
        steps |= {"upper.z": 1 * cm, "lower.z": 1 * cm, "upper.share": 0.05, "lower.share": 0.05}
        if count == 40:
            larger = jax.tree.map(lambda leaf: jnp.append(leaf, leaf[-1]), problem.start)
            problem = dataclasses.replace(problem, start=larger, references={})
    every = Space.of(problem.start).names
    frozen = tuple(entry for entry in every if freed and entry not in freed)
    problem = dataclasses.replace(problem, frozen=frozen)
    known = {entry.split("[")[0] for entry in problem.space.names}
    return problem, {field: step for field, step in steps.items() if field in known}


def _course(apparatus: str, problem: Problem, method: str, rung: Optimiser, seed: int) -> Course:
    events, scenarios, scoring, most = {"telescope": (128, 64, 256, 12), "ladle": (1000, 40, 400, 6)}[apparatus]
    return course(
        problem,
        method,
        rung,
        seed=seed,
        calls=BUDGETS[apparatus],
        events=events,
        scenarios=scenarios,
        scoring_scenarios=scoring,
        most=most,
    )


def _scale_figure(rows: Sequence[dict[str, Any]]) -> Figure:
    """Mean and its standard error over the seeds of the loss, measured again, against particles."""
    panels = list(dict.fromkeys((row["apparatus"], row["free"]) for row in rows))
    figure = Figure(figsize=(9.5, 5.6), layout="constrained")
    axes = figure.subplots(-(-len(panels) // 3), 3, squeeze=False)
    for panel, (apparatus, free) in zip(axes.flat, panels, strict=False):
        for row in rows:
            if (row["apparatus"], row["free"]) != (apparatus, free):
                continue
            points = np.unique(np.concatenate([calls for calls, _ in row["courses"]] + [[1, row["calls"]]]))
            values = np.stack([_held(points, *course) for course in row["courses"]])
            middle, spread = values.mean(0), values.std(0, ddof=1) / len(values) ** 0.5
            shown, colour = points * row["particles"] / row["calls"], CYCLE[RUNGS.index(row["method"])]
            panel.step(shown, middle, where="post", color=colour, label=row["method"])
            panel.fill_between(shown, middle - spread, middle + spread, step="post", color=colour, alpha=0.2, lw=0)
        panel.set(xscale="log", yscale="log", title=f"{apparatus}, {free} free")
        _plain_ticks(panel)
    for panel in axes[-1]:
        panel.set_xlabel("simulated particles")
    for panel in axes[:, 0]:
        panel.set_ylabel("loss, measured again")
    axes[0, 0].legend(frameon=False)
    return figure


def _plain_ticks(axes: Any) -> None:
    """Numbers as people write them along a short logarithmic axis."""
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(1.5, 0.7)))


def _held(points: np.ndarray, calls: Sequence[int], values: Sequence[float]) -> np.ndarray:
    """The values of the newest incumbents at some numbers of calls."""
    return np.array(values)[np.maximum(np.searchsorted(calls, points, side="right") - 1, 0)]


def fronts(arguments: argparse.Namespace) -> dict[str, Any]:
    """ZDT1's hypervolume after 10 000 evaluations, and the telescope's cost against its resolution."""
    return {"zdt1": _zdt1(arguments.seeds), "telescope": _telescope_front()}


def _zdt1(seeds: int) -> dict[str, Any]:
    problem, reference, exact = daedalus.load(T + "zdt1"), np.array([1.1, 1.1]), 1.21 - 1 / 3
    found = []
    for seed in range(FRESH, FRESH + seeds):
        rung = optimiser("nsga2")
        rounds = 10_000 // batch_size(problem, rung)
        history = optimise(problem, rung, key=jax.random.key(seed), rounds=rounds)
        scores = np.stack([history["f1"], history["f2"]], 1)[:10_000]
        found.append(hypervolume(scores, reference))
    row = {"hypervolume": found, "exact": exact, "share": (np.array(found) / exact).tolist()}
    print(json.dumps(row), flush=True)
    return row


def _telescope_front() -> dict[str, Any]:
    """Feasible designs that no other beats in cost and resolution, measured again with fresh events."""
    problem = telescope()
    rung = optimiser("nsga2", population=60)
    history = optimise(problem, rung, key=jax.random.key(FRESH), rounds=8000 // batch_size(problem, rung))
    free = history["crowding"] < 1e-3  # planes whose boxes do not overlap
    rows = np.where(free & (history["status"] == "ok"))[0]
    scores = np.stack([history["cost"][rows], history["impact"][rows]], 1)
    rows = rows[non_dominated(scores)]
    rows = rows[np.argsort(history["cost"][rows])]
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, 40).round().astype(int))]
    key, measured = scoring_key(jax.random.key(FRESH), 1), []
    for row in rows:
        found = problem.evaluate(history.design(problem, int(row)), key=key, events=512, scenarios=256)
        measured.append([float(found.values[n]) for n in ("cost", "impact")] + [float(found.errors["impact"])])
    cost, impact, error = np.array(measured).T
    fresh = non_dominated(np.stack([cost, impact], 1), np.stack([np.zeros_like(error), error], 1))
    even = problem.evaluate(problem.references["even"], key=key, events=512, scenarios=256)
    descended = _descended(problem, key)
    _front_figure(cost[fresh], impact[fresh], error[fresh], even, descended).savefig(
        IMAGES / "ladder_front.png", dpi=110
    )
    table = {"cost_EUR": cost[fresh].tolist(), "impact_um": (impact[fresh] / um).tolist()}
    table |= {"impact_error_um": (error[fresh] / um).tolist(), "evaluations": len(history)}
    table["even"] = [float(even.values["cost"]), float(even.values["impact"]) / um]
    table["adam"] = [descended[0], descended[1] / um, descended[2] / um]
    print(json.dumps(table), flush=True)
    return table


def _descended(problem: Problem, key: Any) -> tuple[float, float, float]:
    """Cost and resolution of what the study's own descent finds."""
    rung = optimiser("adam", steps={"z": 4 * cm, "pitch": 6 * um, "thickness": 12 * um})
    history = optimise(problem, rung, key=jax.random.key(FRESH), rounds=80)
    found = problem.evaluate(history.design(problem, history.best_row()), key=key, events=512, scenarios=256)
    return float(found.values["cost"]), float(found.values["impact"]), float(found.errors["impact"])


def _front_figure(
    cost: np.ndarray, impact: np.ndarray, error: np.ndarray, even: Any, descended: tuple[float, float, float]
) -> Figure:
    figure = Figure(figsize=(5.6, 4.0), layout="constrained")
    axes = figure.subplots()
    axes.errorbar(cost / 1e3, impact / um, error / um, fmt="o", ms=4, color=CYCLE[0], label="front, measured again")
    axes.plot(float(even.values["cost"]) / 1e3, float(even.values["impact"]) / um, "s", color=CYCLE[1], label="even")
    axes.errorbar(
        descended[0] / 1e3, descended[1] / um, descended[2] / um, fmt="D", color=CYCLE[2], label="Adam, one run"
    )
    axes.set(xlabel="cost [kEUR]", ylabel="impact resolution [um]", yscale="log")
    _plain_ticks(axes)
    axes.legend(frameon=False)
    return figure


if __name__ == "__main__":
    main()
