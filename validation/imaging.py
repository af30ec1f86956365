"""Laws and imaging of muon tomography: four ways to a map of the radiation length, on one common sample of muons.

Run ``python validation/imaging.py`` from the repository's root (some ten minutes of one core; ``--quick``: about
one); it writes ``validation/imaging.json``, part by part, and two figures into ``docs/images``. ``--part`` makes one
part again and keeps the others; ``--seconds`` stops between scans, to be taken up again with ``--resume FILE``.

A (`imaging_laws.py`): laws. B: maps of random blocks in a cubic metre, and blocks of uranium hidden among scrap, after
1, 5 and 20 minutes of all muons that cross the cubic metre: hard panels, momentum measured to 10 %, energy loss,
layout human_2. Shorter exposures are the beginnings of longer ones; the methods share the muons. C: coverage of the
errors the maps claim. A variant: the same after 5 minutes with 2 % of the muons scattered three times more widely.
"""

from __future__ import annotations

import argparse
import json
import time
from functools import partial
from pathlib import Path

import imaging_laws
import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import isotonic_regression

from daedalus.app.style import styled
from daedalus.core import Problem
from daedalus.core.stage import stage_key
from daedalus.drawing.density import density_scale
from daedalus.drawing.exposure import Exposure, draw_exposure
from daedalus.drawing.slices import slices_figure
from daedalus.events import Deflections, Events, Hits, Momenta, Scatterings, blank_events
from daedalus.inference.binned_clusters import cluster_score
from daedalus.inference.density_map import DensityMap
from daedalus.inference.poca_density import density_map, poca_density_passes
from daedalus.inference.roc import detection_probability, roc_area, time_to_reach
from daedalus.inference.scattering_likelihood import fitted_map
from daedalus.studies.muon_tomography.blocks.problem import block_detection, x0_imaging
from daedalus.studies.muon_tomography.blocks.scenario import cube, imaged_materials
from daedalus.studies.muon_tomography.detection import block_score
from daedalus.studies.muon_tomography.imaging import LEAST_DENSITY, LOSS, model
from daedalus.studies.muon_tomography.scanner import reference_design
from daedalus.studies.muon_tomography.target import Target
from daedalus.units import minute

HERE = Path(__file__).parent
IMAGES = HERE.parent / "docs" / "images"
KEY = 20261202
LAYOUT = "human_2"
MINUTES = (1, 5, 20)
BLOCK = 32768  # muons simulated at a time [1]
ROOM = {1: 1280, 5: 5888, 20: 22528}  # accepted muons held, by exposure [minutes]
STEPS = 8  # of the likelihood from the shared map, the default of the problems [1]
FIT = {"tolerance": 1e-2, "most": 300}  # of the fitted likelihood on scenes
SHORT_FIT = {"tolerance": 1e-2, "most": 60}  # and on scans with hidden blocks
METHODS = {
    "poca": "closest approach",
    "shared": "closest approach, shared",
    "likelihood_8": "likelihood, 8 steps",
    "likelihood": "likelihood, fitted",
    "clusters": "clusters",
}
SIZES, ALARMS, GOAL = (2, 1), (0.01, 0.05), 0.95
TAIL_MINUTES = 5
VOXELS = cube()
PARTS = ("laws", "imaging", "detection", "tails", "curves")


def main() -> None:
    """Makes the parts, writes after each, draws."""
    arguments = parsed()
    report = json.loads(arguments.out.read_text()) if arguments.part and arguments.out.exists() else {}
    parts = {"laws": part_laws, "imaging": part_imaging, "detection": part_detection, "tails": part_tails}
    parts |= {} if arguments.quick else {"curves": draw_curves}
    for name, part in parts.items():
        if arguments.part in (None, name):
            part(report, arguments)
            write(report, arguments)
    print(f"{time.process_time():.0f} s of processor")


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few muons, scenes and scans, no figures: a minute")
    parser.add_argument("--part", choices=PARTS, help="make this part only")
    parser.add_argument("--scenes", type=int, default=12, help="scenes of blocks scored; as many more calibrate")
    parser.add_argument("--scans", type=int, default=60, help="scans without a block, and with one of each size")
    parser.add_argument("--fitted", type=int, default=24, help="of these, so many get the likelihood to convergence")
    parser.add_argument("--seconds", type=float, default=np.inf, help="stop between scans after this time [s]")
    parser.add_argument("--resume", type=Path, help="file of the scores of scans, kept from run to run")
    parser.add_argument("--out", type=Path, default=HERE / "imaging.json")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.scenes, arguments.scans, arguments.fitted = 2, 4, 1
    return arguments


def write(report: dict, arguments: argparse.Namespace) -> None:
    """Writes what there is, numbers with five digits."""
    text = json.dumps(rounded(report), indent=1)
    arguments.out.write_text(text + "\n")


def rounded(value):
    """Floats with five significant digits; infinite and undefined ones as None."""
    if isinstance(value, dict):
        return {str(k): rounded(v) for k, v in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [rounded(v) for v in value]
    if isinstance(value, float | np.floating | jax.Array):
        return float(f"{float(value):.5g}") if np.isfinite(float(value)) else None
    return value.item() if isinstance(value, np.generic) else value


# ---------------------------------------------------------------- muons


class Sample:
    """The muons of one scan: accepted ones, in the order of their arrival."""

    def __init__(self, problem: Problem, number: int, minutes: float) -> None:
        """Simulates scenario ``number`` for a time."""
        rate = problem.source.rate()
        events, parts = round(60.0 * rate * minutes), []
        for start in range(0, events, BLOCK):
            columns = jax.tree.map(np.asarray, accepted(problem)(number, start))
            parts.append(jax.tree.map(partial(np.compress, columns[0] & (columns[1] < events), axis=-1), columns))
        _, self.index, self.nouns = jax.tree.map(lambda *each: np.concatenate(each, -1), *parts)
        self.rate = rate

    def after(self, minutes: float) -> Events:
        """The record of the muons of the first minutes, padded with events that are not alive."""
        count, room = int(np.sum(self.index < round(60.0 * self.rate * minutes))), ROOM[minutes]
        assert count <= room, f"{count} accepted muons, room for {room}"
        fit = lambda a: jnp.asarray(np.pad(a[..., :count], [(0, 0)] * (a.ndim - 1) + [(0, room - count)], mode="edge"))
        chords, points, momenta = jax.tree.map(fit, self.nouns)
        alive = jnp.arange(room) < count
        record = Events(jnp.arange(room, dtype=jnp.uint32), jnp.ones(room), alive, {})
        return record.add(chords).add(points).add(momenta)


_COMPILED: dict[int, object] = {}


def accepted(problem: Problem):
    """A compiled function: block of events of a scenario -> accepted, index, and the nouns of reconstruction.

    What follows the upper panels is done for muons with two hits there only; it changes no number, because random
    numbers belong to events.
    """
    if id(problem) in _COMPILED:
        return _COMPILED[id(problem)]
    design, room = reference_design(LAYOUT), BLOCK * 2 // 5

    def run(number, start):
        pipeline, key = problem.scenario_pipeline(design, number, 2, key=jax.random.key(KEY))
        record = blank_events((start + jnp.arange(BLOCK)).astype(jnp.uint32))
        names = [stage.name for stage in pipeline.stages]
        first = names.index("panels:upper") + 1
        for stage in pipeline.stages[:first]:
            record = stage(record, key=stage_key(key, stage.name))
        seen = record.alive & (jnp.sum(record[Hits, "upper"].recorded, 0) >= 2)
        kept = jnp.nonzero(seen, size=room, fill_value=0)[0]
        cut = lambda leaf: leaf[..., kept] if leaf.ndim and leaf.shape[-1] == BLOCK else leaf
        record = jax.tree.map(cut, record)
        for stage in pipeline.stages[first:]:
            record = stage(record, key=stage_key(key, stage.name))
        alive = record.alive & (jnp.arange(room) < jnp.sum(seen))
        return alive, record.index, (record[Deflections], record[Scatterings], record[Momenta])

    _COMPILED[id(problem)] = jax.jit(run)
    return _COMPILED[id(problem)]


# ---------------------------------------------------------------- maps


@partial(jax.jit, static_argnames="shared")
def poca(record: Events, shared: bool) -> DensityMap:
    """The map from closest approaches."""
    sums: dict = {}
    for step in poca_density_passes(VOXELS, shared=shared, loss=LOSS):
        sums |= {name: summary(record, sums) for name, summary in step.items()}
    return density_map(sums["density"])


@partial(jax.jit, static_argnames="steps")
def stepped(record: Events, start: DensityMap, steps: int) -> DensityMap:
    """The likelihood's map after so many steps, as `scattering_passes` makes them."""
    data = record[Deflections], record[Momenta].value, record.effective_weight * record[Deflections].probability
    density, scatter = jnp.maximum(start.density, 0.3), model(VOXELS)

    def step(_, carry):
        sums = scatter.sums(carry[0], *data)
        return scatter.stepped(carry[0], sums), sums["information"]

    density, information = jax.lax.fori_loop(0, steps, step, (density, density))
    return DensityMap(density, jnp.where(information > 0.0, information, 0.0) ** -0.5)


@partial(jax.jit, static_argnames=("tolerance", "most"))
def fitted(record: Events, start: DensityMap, tolerance: float, most: int):
    """The likelihood's fixed point, from the shared map."""
    data = record[Deflections], record[Momenta].value, record.effective_weight
    first = jnp.maximum(start.density, 0.3)
    return fitted_map(model(VOXELS), *data, start=first, tolerance=tolerance, most=most)


@jax.jit
def cluster_map(record: Events):
    """Scores of clusters; higher is denser, -inf where there is none."""
    return -cluster_score(record[Scatterings], record[Momenta].value, record.effective_weight, VOXELS)


class Timer(dict):
    """Seconds by method, compilation left out: the least of several."""

    def measured(self, name: str, function, *arguments, **options):
        """The result of a function."""
        begin = time.perf_counter()
        found = jax.block_until_ready(function(*arguments, **options))
        self[name] = min(self.get(name, np.inf), time.perf_counter() - begin)
        return found


def maps(record: Events, timer: Timer, fit: dict | None) -> tuple[dict[str, DensityMap], jax.Array, dict]:
    """The maps by method, the clusters' score, and how the fit ended."""
    found = {name: timer.measured(name, poca, record, shared=name == "shared") for name in ("poca", "shared")}
    found["likelihood_8"] = timer.measured("likelihood_8", stepped, record, found["shared"], steps=STEPS)
    told = {}
    if fit:
        result = timer.measured("likelihood", fitted, record, found["shared"], **fit)
        found["likelihood"] = result.map
        told = {"converged": bool(result.converged), "steps": int(result.steps), "change": float(result.change)}
    return found, timer.measured("clusters", cluster_map, record), told


# ---------------------------------------------------------------- maps of blocks


def part_laws(report: dict, arguments: argparse.Namespace) -> None:
    """Part A."""
    report["laws"] = imaging_laws.laws(arguments.quick)


def part_imaging(report: dict, arguments: argparse.Namespace) -> None:
    """Errors and coverage of the maps of random blocks, by exposure and method; a figure of them."""
    problem = x0_imaging()
    report["imaging"], scenes = imaged(problem, arguments, MINUTES)
    report["imaging"]["steps"] = by_steps(problem, min(arguments.scenes, 4))
    report["settings"] = settings(problem)
    if not arguments.quick:
        draw_slices(scenes)


def imaged(problem: Problem, arguments: argparse.Namespace, minutes: tuple) -> tuple[dict, list]:
    """Figures by exposure and method, and the scenes they are of."""
    count, timers = arguments.scenes, {each: Timer() for each in minutes}
    scenes = [scene(problem, number, timers, fit=number < count) for number in range(2 * count)]
    result: dict = {}
    for each in minutes:
        rows = [found[each] for found in scenes]
        with_clusters(rows[:count], calibration(rows[count:]))
        result[each] = by_method(rows[:count])
        for name, seconds in timers[each].items():
            result[each][name]["seconds"] = seconds
    return result | {
        "scenes": count,
        "accepted": {m: float(np.mean([found[m]["accepted"] for found in scenes])) for m in minutes},
        "fits": {m: [found[m]["fit"] for found in scenes[:count]] for m in minutes},
    }, scenes[:count]


def scene(problem: Problem, number: int, timers: dict, fit: bool) -> dict:
    """Maps of one scene by exposure, with its truth."""
    sample, found = Sample(problem, number, max(timers)), {}
    for minutes, timer in timers.items():
        record = sample.after(minutes)
        each, score, told = maps(record, timer, FIT if fit else None)
        found[minutes] = {
            "truth": true_density(problem, number),
            "maps": {name: (np.asarray(m.density, float), np.asarray(m.error, float)) for name, m in each.items()},
            "score": np.asarray(score, float),
            "accepted": int(np.sum(record.alive)),
            "fit": told,
        }
    print(f"scene {number}: {found[max(timers)]['accepted']} muons, {time.process_time():.0f} s", flush=True)
    return found


def true_density(problem: Problem, number: int) -> np.ndarray:
    """The true inverse radiation length of the voxels of a scene [1/m]."""
    key = jax.random.fold_in(jax.random.fold_in(jax.random.key(KEY), 0), number)
    contents = problem.scenarios.draw(key, jnp.asarray(number), 2).contents
    return np.asarray(Target.of_air(VOXELS, imaged_materials()[1:]).density(contents), float)


def calibration(rows: list[dict]):
    """A function from the clusters' score to a density [1/m]: least squares under monotony of ln(1/X0 + 3/m)."""
    score = np.concatenate([row["score"].ravel() for row in rows])
    true = np.log(np.concatenate([row["truth"].ravel() for row in rows]) + LEAST_DENSITY)
    known = np.isfinite(score)
    order = np.argsort(score[known])
    x, y = score[known][order], isotonic_regression(true[known][order]).x
    nothing = float(np.mean(true[~known])) if (~known).any() else float(y[0])
    read = lambda s: np.where(np.isfinite(s), np.interp(s, x, y), nothing)
    return lambda s: np.exp(read(s)) - LEAST_DENSITY


def with_clusters(rows: list[dict], calibrated) -> None:
    """Adds the clusters' maps, which claim no error."""
    for row in rows:
        row["maps"]["clusters"] = calibrated(row["score"]), np.full(row["score"].shape, np.nan)


def by_method(rows: list[dict]) -> dict:
    """Figures of every method over scenes, with standard errors over scenes."""
    every = {name: [figures(*row["maps"][name], row["truth"]) for row in rows] for name in METHODS}
    result = {}
    for name, scenes in every.items():
        table = {key: np.array([scene[key] for scene in scenes], float) for key in scenes[0]}
        root = np.sqrt(len(scenes))
        result[name] = {
            key: [float(np.nanmean(v)), float(np.nanstd(v, ddof=1) / root) if len(v) > 1 else 0.0]
            for key, v in table.items()
            if np.isfinite(v).any()
        }
    shared = np.array([scene["error"] for scene in every["shared"]])
    for name, scenes in every.items():
        gap = np.array([scene["error"] for scene in scenes]) - shared
        result[name]["by_scene"] = [scene["error"] for scene in scenes]
        result[name]["minus_shared"] = [float(gap.mean()), float(gap.std(ddof=1) / np.sqrt(len(gap)))]
    return result


def figures(density: np.ndarray, error: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """How wrong one map is, and how its pulls are spread, in matter and in air."""
    positive = np.maximum(density, 0.0)
    square = (np.log(positive + LEAST_DENSITY) - np.log(true + LEAST_DENSITY)) ** 2
    matter, air = true > 1.0, true < 1.0
    heavy = true > 100.0
    ratio = np.log(np.maximum(density, 1.0 / 304.0) / true)
    found = {
        "error": np.mean(square),
        "error_matter": np.mean(square[matter]),
        "error_air": np.mean(square[air]),
        "ratio": np.median(np.abs(ratio[matter])),
        "bias_heavy": np.median(ratio[heavy]) if heavy.any() else np.nan,
    }
    for place, name in ((matter, "matter"), (air, "air")):
        known = place & np.isfinite(error)
        pull = (density[known] - true[known]) / np.maximum(error[known], 1e-12)
        found |= {
            f"within_1_{name}": np.mean(np.abs(pull) < 1.0) if known.any() else np.nan,
            f"within_2_{name}": np.mean(np.abs(pull) < 2.0) if known.any() else np.nan,
            f"pull_median_{name}": np.median(pull) if known.any() else np.nan,
            f"pull_68_{name}": np.quantile(np.abs(pull), 0.6827) if known.any() else np.nan,
        }
    return found


def by_steps(problem: Problem, count: int) -> dict:
    """Errors and median ratio in matter after so many steps of the likelihood from the shared map, after 5 minutes."""
    rows: dict = {}
    for number in range(count):
        record, true = Sample(problem, number, 5).after(5), true_density(problem, number)
        found, done = poca(record, shared=True), 0
        for steps in (0, 4, 8, 16, 64, 256):
            found = stepped(record, found, steps - done) if steps else found
            done = steps
            each = figures(np.asarray(found.density, float), np.asarray(found.error, float), true)
            rows.setdefault(steps, []).append([each["error"], each["error_matter"], each["error_air"], each["ratio"]])
    return {steps: np.mean(values, 0) for steps, values in rows.items()}


# ---------------------------------------------------------------- hidden blocks


def part_detection(report: dict, arguments: argparse.Namespace) -> None:
    """Scores of scans with and without a hidden block, and what they find."""
    old = json.loads(arguments.resume.read_text()) if arguments.resume and arguments.resume.exists() else {}
    scores = {int(number): row for number, row in old.items()}
    collected(scores, arguments, MINUTES, fitted=arguments.fitted)
    if arguments.resume:
        arguments.resume.write_text(json.dumps(scores))
    found = {size: {name: found_by(scores, size, name) for name in METHODS} for size in SIZES}
    report["detection"] = {"found": found, "scans": len(scores), "fitted": arguments.fitted}


def collected(scores: dict, arguments: argparse.Namespace, minutes: tuple, *, fitted=0, **options) -> None:
    """Scores by scan: an even number 2 k has blocks of both sizes in turn, the odd one after it has none."""
    problems = {size: block_detection(size=size, **options) for size in SIZES}
    begin, timer = time.time(), Timer()
    for number in range(2 * arguments.scans):
        if number in scores or time.time() - begin > arguments.seconds:
            continue
        fit = SHORT_FIT if number < 2 * fitted else None
        present = number % 2 == 0
        row = {"present": present}
        for size in SIZES if present else SIZES[:1]:
            sample = Sample(problems[size], number, minutes[-1])
            for each in minutes:
                record = sample.after(each)
                found = maps(record, timer, fit)
                for scored in (size,) if present else SIZES:
                    row[f"{scored},{each}"] = block_scores(*found[:2], scored)
        scores[number] = row
        print(f"scan {number}: {time.process_time():.0f} s", flush=True)


def block_scores(found: dict[str, DensityMap], score: jax.Array, size: int) -> dict[str, float]:
    """The score of a scan by method: of the densest place, or of the one with the highest mean of clusters' scores."""
    result = {name: float(block_score(each, size)) for name, each in found.items()}
    values = np.asarray(score, float)
    values = np.where(np.isfinite(values), values, values[np.isfinite(values)].min(initial=0.0))
    windows = np.lib.stride_tricks.sliding_window_view(values, (size, size, size))
    return result | {"clusters": float(windows.mean((-3, -2, -1)).max())}


def found_by(scores: dict, size: int, name: str, minutes: tuple = MINUTES) -> dict:
    """What one method finds."""
    result = {}
    for each in minutes:
        rows = [
            (row[f"{size},{each}"][name], row["present"]) for row in scores.values() if name in row[f"{size},{each}"]
        ]
        if not rows or all(p for _, p in rows):
            continue
        score, present = jnp.array([r[0] for r in rows]), jnp.array([r[1] for r in rows])
        area, error = roc_area(score, present)
        result[each] = {"area": [float(area), float(error)], "scans": [int(present.sum()), int((~present).sum())]}
        for alarms in ALARMS:
            share = detection_probability(score, present, alarms)
            result[each][f"at_{alarms:g}"] = [float(v) for v in share]
    curve = np.array([result[each]["at_0.01"][0] for each in result])
    reached = time_to_reach(np.array(list(result), float), curve, GOAL) if len(curve) else np.inf
    return result | {"minutes_to_reach": reached}


# ---------------------------------------------------------------- variants


def part_tails(report: dict, arguments: argparse.Namespace) -> None:
    """Maps and detection after 5 minutes with 2 % of the muons scattered three times more widely."""
    minutes, tailed = (TAIL_MINUTES,), {"tail_fraction": imaging_laws.TAIL}
    scores: dict = {}
    collected(scores, arguments, minutes, **tailed)
    names = [name for name in METHODS if name != "likelihood"]  # which takes too long
    report["tails"] = {
        "imaging": imaged(x0_imaging(**tailed), arguments, minutes)[0],
        "detection": {size: {n: found_by(scores, size, n, minutes) for n in names} for size in SIZES},
    }


# ---------------------------------------------------------------- figures


def draw_curves(report: dict, arguments: argparse.Namespace) -> None:
    """The error of maps, and the share of blocks found, against exposure."""
    from matplotlib.figure import Figure

    get = lambda found, key: found[key] if key in found else found[str(key)]
    shift = dict(zip(METHODS, np.geomspace(0.92, 1.09, len(METHODS)), strict=True))  # so that bars stand side by side
    minutes = np.array(MINUTES) * float(minute)
    lines = lambda rows: {METHODS[n]: Exposure(minutes * shift[n], r[:, 0], r[:, 1]) for n, r in rows.items()}
    with styled():
        figure = Figure(figsize=(9.6, 4.6), layout="constrained")
        maps_of, found_of = figure.subplots(1, 2)
        rows = {name: np.array([get(report["imaging"], m)[name]["error"] for m in MINUTES]) for name in METHODS}
        draw_exposure(maps_of, lines(rows), "squared error of ln(1/X0 + 3/m) [1]")
        maps_of.set(title="maps of blocks", ylim=(0.03, 0.5))
        found = get(report["detection"]["found"], 1)
        rows = {name: np.array([get(found[name], m)["at_0.05"] for m in MINUTES]) for name in METHODS}
        draw_exposure(found_of, lines(rows), "found at 5 % false alarms [1]", probability=True)
        found_of.set_title("10 cm of uranium among scrap")
        names = maps_of.get_legend_handles_labels()
        for axes in (maps_of, found_of):
            axes.get_legend().remove()
        figure.legend(*names, loc="outside lower center", ncols=3, frameon=False)
        figure.savefig(IMAGES / "imaging_exposure.png")


def draw_slices(scenes: list[dict]) -> None:
    """True and inferred maps of the scene with most kinds of matter, after the longest exposure."""
    row = max((each[MINUTES[-1]] for each in scenes), key=lambda r: len(np.unique(r["truth"].round(1))))
    true = row["truth"]
    shown = {"true": true} | {title: row["maps"][name][0] for name, title in METHODS.items()}
    kinds = [len(np.unique(true[:, :, k].round(1))) * 100 + int((true[:, :, k] > 1).sum()) for k in range(10)]
    levels = sorted(np.argsort(kinds)[-2:].tolist())
    with styled():
        figure = slices_figure(VOXELS, shown, levels=levels, errors=False, scale=density_scale(true))
        figure.savefig(IMAGES / "imaging_slices.png")


def settings(problem: Problem) -> dict:
    """What was run."""
    return {
        "physics": list(problem.physics)[:-2],
        "layout": LAYOUT,
        "muons_per_second": problem.source.rate(),
        "minutes": MINUTES,
        "voxels": "10 x 10 x 10 of 10 cm",
        "fit": FIT,
        "fit_of_scans": SHORT_FIT,
        "key": KEY,
        "device": jax.devices()[0].device_kind,
        "jax": jax.__version__,
    }


if __name__ == "__main__":
    main()
