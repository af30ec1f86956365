"""Ground arrays from three starts in both rungs: where the searches end, and what the layouts by hand are worth.

Run ``python validation/ground_array.py`` from the repository's root (two hours on two cores, and an hour more for every
search with fits; ten minutes on a graphics card, with JAX_DEFAULT_MATMUL_PRECISION=highest); it writes
``validation/ground_array.json``, search by search, and the pictures of the layouts on the way,
``docs/images/ground_array_starts.png`` and ``ground_array_starts_full.png``. ``--only`` makes some of the searches, for
processes side by side, whose files ``--found`` takes together. 128 units on the default site begin as a packed ball, a
wide random ball and two annuli; one search more begins packed with other showers, which tells how much of a difference
is chance. Searches in the full rung begin there as well, for as many rounds as ``--full-rounds`` says, and where the
best search with expected information ended. All layouts are then measured, with expected information, on the same fresh
showers, many samples of them, so that differences are paired; the last ones and those by hand also by fits.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure
from scipy.optimize import linear_sum_assignment

from daedalus.core import Problem, scoring_key
from daedalus.drawing.ground import draw_ground
from daedalus.drawing.palette import VERMILION
from daedalus.geometry.convex_hull import hull_area
from daedalus.optimisers import Adam
from daedalus.optimisers.schedules import Cosine
from daedalus.search import optimise
from daedalus.studies.ground_array.design import ArrayDesign
from daedalus.studies.ground_array.problem import STEP, array_recipe, site_of, swgo_flux, swgo_multi
from daedalus.units import km

HERE = Path(__file__).parent
IMAGES = {"fisher": "ground_array_starts.png", "full": "ground_array_starts_full.png"}  # by rung
UNITS = 128
STARTS = {"packed": ("packed", 22.1), "random ball": ("random_ball", 180.0), "two annuli": ("two_annuli", 75.0)}
EPOCHS = (1, 50, 150, 300, 500)  # whose layouts are kept
OPTIMUM = "fisher: "  # what the names of searches with expected information begin with
CAREFUL = 10.0  # m a round at first, from the optimum
FEWER = 2  # how many times fewer showers fits are measured with
SCORING_SEED = 20261126  # unlike every search's


@dataclasses.dataclass(frozen=True)
class Search:
    """One search: its problem's rung and goals, where it begins, and with which showers."""

    rung: str = "fisher"
    begin: str = "packed"  # a start's name, or "optimum"
    seed: int = 0
    multi: bool = False


SEARCHES = {f"{OPTIMUM}{start}": Search("fisher", start) for start in STARTS}
SEARCHES |= {f"{OPTIMUM}packed, other showers": Search("fisher", "packed", 1), "multi": Search(multi=True)}
SEARCHES |= {f"full: {start}": Search("full", start) for start in STARTS} | {"full: optimum": Search("full", "optimum")}


def main() -> None:
    """Searches, measures, compares; writes after each."""
    arguments = parsed()
    report = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
    searches = report.setdefault("searches", {})
    for file in arguments.found:
        searches |= json.loads(file.read_text())["searches"]
    write = lambda: arguments.out.write_text(json.dumps(report, indent=1) + "\n")
    for name in arguments.only or ({} if arguments.compare else SEARCHES):
        if name not in searches:
            searches[name] = searched(name, searches, arguments)
            write()
    if not arguments.only:
        for rung, image in IMAGES.items():
            picture(searches, rung).savefig(HERE.parent / "docs" / "images" / image, dpi=110)
        report |= compared(searches, arguments)
        write()


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[], choices=SEARCHES, help="searches to make, and no more")
    parser.add_argument("--compare", action="store_true", help="only what was found, without further searches")
    parser.add_argument("--found", nargs="+", type=Path, default=[], help="files of searches made before")
    parser.add_argument("--rounds", type=int, default=EPOCHS[-1], help="of a search with expected information")
    parser.add_argument("--full-rounds", type=int, default=EPOCHS[-1], help="of a search with fits")
    parser.add_argument("--showers", type=int, default=4000, help="of a round, half of them gamma rays")
    parser.add_argument("--samples", type=int, default=8, help="of fresh showers, for errors")
    parser.add_argument("--fresh", type=int, default=8000, help="showers of a sample")
    parser.add_argument("--out", type=Path, default=HERE / "ground_array.json")
    return parser.parse_args()


def problem_of(search: Search) -> Problem:
    """The problem of a search, at its start."""
    start, spacing = STARTS.get(search.begin, STARTS["packed"])
    make = swgo_multi if search.multi else swgo_flux
    return make(UNITS, start, rung=search.rung, spacing=spacing, seed=search.seed)


def searched(name: str, earlier: dict, arguments: argparse.Namespace) -> dict:
    """One search: its course, and its layouts on the way."""
    search = SEARCHES[name]
    problem, rounds = problem_of(search), arguments.rounds if search.rung == "fisher" else arguments.full_rounds
    how = array_recipe(problem).optimiser
    if search.begin == "optimum":
        problem = dataclasses.replace(problem, start=layout_of(best_of(earlier)["layouts"][-1]))
        how = Adam(step_share=CAREFUL / (10.0 * km), schedule=Cosine(1.0, 0.02))
    begin = time.perf_counter()
    history = optimise(problem, how, key=jax.random.key(search.seed), rounds=rounds, events=arguments.showers)
    seconds, losses = time.perf_counter() - begin, np.asarray(history["loss"], float)
    kept = [epoch for epoch in EPOCHS if epoch < rounds] + [rounds]
    print(f"{name}: loss {losses[0]:.1f} -> {losses[-10:].mean():.1f} in {seconds:.0f} s", flush=True)
    return {
        "rung": search.rung,
        "rounds": rounds,
        "showers": arguments.showers,
        "seconds": round(seconds, 1),
        "device": jax.devices()[0].device_kind,
        "bad_rounds": int(np.sum(np.asarray(history["status"]) != "ok")),
        "first_step": CAREFUL if search.begin == "optimum" else STEP,
        "loss": [float(f"{loss:.5g}") for loss in losses],
        "epochs": kept,
        "layouts": [written(history.design(problem, epoch - 1)) for epoch in kept],
    }


def best_of(searches: dict) -> dict:
    """The search with expected information that ended best."""
    ends = {name: np.mean(found["loss"][-10:]) for name, found in searches.items() if name.startswith(OPTIMUM)}
    return searches[min(ends, key=ends.__getitem__)]


def written(design: ArrayDesign) -> dict[str, list[float]]:
    """A layout for a file [m], to the centimetre."""
    return {axis: [round(float(value), 2) for value in getattr(design, axis)] for axis in ("x", "y")}


def layout_of(found: dict) -> ArrayDesign:
    """The layout of a file."""
    return ArrayDesign(jnp.asarray(found["x"]), jnp.asarray(found["y"]))


def picture(searches: dict, rung: str) -> Figure:
    """The layouts on the way, a row for every start of the searches in a rung."""
    site = site_of(swgo_flux(UNITS)).region
    figure = Figure(figsize=(11.0, 7.2), layout="constrained")
    rows = figure.subplots(len(STARTS), len(EPOCHS), sharex=True, sharey=True)
    for row, start in zip(rows, STARTS, strict=True):
        found = searches[f"{rung}: {start}"]
        row[0].set_ylabel(f"{start}\nnorth [km]")
        for axes, epoch, layout in zip(row, found["epochs"], found["layouts"], strict=True):
            draw_ground(axes, site, size=km)
            axes.scatter(*(np.asarray(layout[axis]) / km for axis in ("x", "y")), s=3.0, color=VERMILION, linewidths=0)
            axes.set_aspect("equal")
            axes.autoscale_view()
            axes.set_title(f"round {epoch}" if start == next(iter(STARTS)) else "")
    for axes in rows[-1]:
        axes.set_xlabel("east [km]")
    return figure


def compared(searches: dict, arguments: argparse.Namespace) -> dict:
    """Figures of all layouts on common showers, and how far the ends are apart."""
    problem, multi = swgo_flux(UNITS), swgo_multi(UNITS)
    layouts = {f"by hand: {name}": design for name, design in problem.references.items()}
    for name, found in searches.items():
        layouts |= {
            f"{name}, {epoch}": layout_of(each) for epoch, each in zip(found["epochs"], found["layouts"], strict=True)
        }
    samples = {name: measured(multi, each, arguments.samples, arguments.fresh) for name, each in layouts.items()}
    ends = {name: layout_of(found["layouts"][-1]) for name, found in searches.items()}
    fisher = {name: each for name, each in ends.items() if name.startswith(OPTIMUM)}
    last = lambda name: f"{name}, {searches[name]['epochs'][-1]}"
    best = min(fisher, key=lambda name: samples[last(name)]["gamma_flux_error"].mean())
    ratios = lambda found, own: {name: ratio(each, found[own]) for name, each in found.items()}
    return {
        "best": best,
        "figures": {name: averaged(each) for name, each in samples.items()},
        "by_fits": by_fits(ends | {name: layouts[name] for name in layouts if name.startswith("by hand")}, arguments),
        "over_best": ratios(samples, last(best)),
        "over_multi": ratios(samples, last("multi")),
        "shapes": {name: shape(layouts[name], problem) for name in layouts},
        "apart": {a: {b: apart(ends[a], ends[b]) for b in ends} for a in ends},
        "between": between(multi, ends[best], {name: fisher[name] for name in fisher if name != best}, arguments),
        "device": jax.devices()[0].device_kind,
        "samples": [arguments.samples, arguments.fresh],
        "samples_by_fits": [arguments.samples, arguments.fresh // FEWER],
    }


def by_fits(layouts: dict[str, ArrayDesign], arguments: argparse.Namespace) -> dict[str, dict[str, list[float]]]:
    """The flux error of layouts as fits to counts find it, and over that of the best one, on the same showers."""
    problem, sizes = swgo_flux(UNITS, rung="full"), (arguments.samples, arguments.fresh // FEWER)
    errors = {name: measured(problem, each, *sizes)["gamma_flux_error"] for name, each in layouts.items()}
    best = min(errors.values(), key=np.mean)
    return {name: averaged({"gamma_flux_error": each, "over_best": each / best}) for name, each in errors.items()}


def measured(problem: Problem, design: ArrayDesign, samples: int, showers: int) -> dict[str, np.ndarray]:
    """The figures of a layout, sample by sample of fresh showers that all layouts share."""
    keys = jax.random.split(scoring_key(jax.random.key(SCORING_SEED)), samples)
    rows = [problem.evaluate(design, key=key, events=showers).values for key in keys]
    return {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}


def averaged(samples: dict[str, np.ndarray]) -> dict[str, list[float]]:
    """Mean and standard error of every figure [house units]."""
    error = lambda values: float(values.std(ddof=1) / np.sqrt(len(values)))
    return {name: [float(values.mean()), error(values)] for name, values in samples.items()}


def ratio(samples: dict[str, np.ndarray], best: dict[str, np.ndarray]) -> dict[str, list[float]]:
    """Every figure over that of another layout on the same showers, with its standard error [1]."""
    positive = {name: values for name, values in samples.items() if np.all(values > 0) and np.all(best[name] > 0)}
    return averaged({name: values / best[name] for name, values in positive.items()})


def shape(design: ArrayDesign, problem: Problem) -> dict[str, float]:
    """What a layout looks like, whatever the order of its units."""
    places = np.asarray(design.places, float)
    radius = np.hypot(*(places - places.mean(0)).T)
    between = np.hypot(*(places[:, None] - places).transpose(2, 0, 1)) + 1e9 * np.eye(len(places))
    edge = -np.asarray(site_of(problem).outside(design.places))
    return {
        "mean_radius": float(radius.mean()),
        "rms_radius": float(np.sqrt(np.mean(radius**2))),
        "nearest": float(np.median(between.min(0))),
        "within_50m_of_edge": float(np.mean(edge < 50.0)),
        "hull_km2": float(hull_area(design.places)) / km**2,
    }


def apart(first: ArrayDesign, second: ArrayDesign) -> float:
    """Root mean square distance of units, paired so that it is least [m]."""
    a, b = np.asarray(first.places, float), np.asarray(second.places, float)
    square = np.sum((a[:, None] - b) ** 2, -1)
    return float(np.sqrt(square[linear_sum_assignment(square)].mean()))


def between(problem: Problem, best: ArrayDesign, ends: dict[str, ArrayDesign], arguments: argparse.Namespace) -> dict:
    """The flux error half way from the best end to the others, units paired, over that of the best end."""
    sizes = arguments.samples, arguments.fresh
    own, found = measured(problem, best, *sizes), {}
    for name, end in ends.items():
        a, b = np.asarray(best.places, float), np.asarray(end.places, float)
        order = linear_sum_assignment(np.sum((a[:, None] - b) ** 2, -1))[1]
        middle = site_of(problem).admit(jnp.asarray(0.5 * (a + b[order])))
        there = measured(problem, ArrayDesign(middle[:, 0], middle[:, 1]), *sizes)
        found[name] = ratio(there, own)["gamma_flux_error"]
    return found


if __name__ == "__main__":
    main()
