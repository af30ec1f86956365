"""The near-optimal set of an array of 60 units: layouts drawn by chains on the loss, and what they have in common.

First ``daedalus run ground_array/swgo_flux --set units=60 --out runs/array``; then, from the repository's root,
``python validation/ground_array_set.py runs/array`` (nine minutes on a graphics card, with
JAX_DEFAULT_MATMUL_PRECISION=highest; 360 000 gradients of 4000 showers are a day and a half on two cores). It writes
``validation/ground_array_set.json`` and ``docs/images/ground_array_set.png``; the draws are kept in a file, from which
it goes on without chains if it is there. Chains begin at the run's layout and at three layouts by hand, which are far
outside the set, so that R-hat tells whether they have forgotten it. Layouts of the set are measured again with showers
that no chain has seen.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from blackjax.diagnostics import ess_bulk, rhat
from matplotlib.figure import Figure

from daedalus.core import Problem, scoring_key
from daedalus.drawing.ground import draw_ground
from daedalus.drawing.palette import INK, VERMILION
from daedalus.execution.run_folder import DESIGN, read_design
from daedalus.landscapes import nuts_samples, temperature
from daedalus.landscapes.surface import Surface, surface
from daedalus.studies.ground_array.design import ArrayDesign
from daedalus.studies.ground_array.problem import site_of, swgo_flux
from daedalus.studies.ground_array.utilities import area, cable
from daedalus.units import km

HERE = Path(__file__).parent
UNITS, SHOWERS, ALLOWANCE = 60, 4000, 0.05
HANDS = ("two_annuli_150m", "hexagonal_300m", "rings_200m")  # where chains begin besides the run's layout
CHAINS, WARMUP, DRAWS = 8, 40, 696
EVENTS_SEED, CHAINS_SEED, SCORING_SEED = 20261127, 1, 20261128
AGAIN = 48  # layouts of the set that are measured again
FENCES = (10, 50, 100, 200, 400)  # m
LAYOUTS = 3  # drawn
CELL, FINE = 0.2 * km, 10  # of the map, and along whose sides so many points tell how much of it is in the site


def main() -> None:
    """Draws, looks, measures again; writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="the run folder of the search")
    parser.add_argument("--draws", type=Path, default=Path("ground_array_set.npz"), help="kept, or found")
    parser.add_argument("--samples", type=int, default=8, help="of fresh showers, for errors")
    arguments = parser.parse_args()
    problem = swgo_flux(UNITS)
    best = cube_of(problem, arguments.run)
    loss = surface(problem, key=jax.random.key(EVENTS_SEED), events=SHOWERS, scenarios=1)
    if not arguments.draws.exists():
        np.savez(arguments.draws, **drawn(problem, loss, best))
    found = dict(np.load(arguments.draws))
    report = {
        "showers": SHOWERS,
        "sampling": trust(loss, found),
        "set": shapes(problem, found["cubes"].reshape(-1, loss.size)),
        "run": shapes(problem, best[None]),
        "again": again(problem, best, found, arguments.samples),
    }
    (HERE / "ground_array_set.json").write_text(json.dumps(report, indent=1) + "\n")
    picture(problem, best, found).savefig(HERE.parent / "docs" / "images" / "ground_array_set.png", dpi=100)


def cube_of(problem: Problem, run: Path) -> np.ndarray:
    """The place of a run's design in the unit cube."""
    return np.asarray(problem.space.cube(read_design(run / DESIGN, problem)), float)


def drawn(problem: Problem, loss: Surface, best: np.ndarray) -> dict[str, np.ndarray]:
    """The draws of all chains, their losses and what they took."""
    starts = np.stack([best, *(np.asarray(problem.space.cube(problem.references[name])) for name in HANDS)])
    heights = np.asarray(loss.heights(starts).loss)
    begin = time.perf_counter()
    found = nuts_samples(
        loss,
        starts,
        temperature=temperature(ALLOWANCE * float(heights[0]), loss.size),
        key=jax.random.key(CHAINS_SEED),
        chains=CHAINS,
        warmup=WARMUP,
        draws=DRAWS,
    )
    facts = {"acceptance": found.acceptance, "divergent": found.divergent, "gradients": found.evaluations}
    facts |= {"seconds": time.perf_counter() - begin, "temperature": found.temperature}
    return {
        "cubes": found.cubes.astype(np.float32),
        "losses": found.losses,
        "starts": heights,
        "device": np.array(jax.devices()[0].device_kind),
        **{name: np.array(value) for name, value in facts.items()},
    }


def trust(loss: Surface, found: dict[str, np.ndarray]) -> dict:
    """Whether chains agree, units in canonical order, and how far above the run's layout the draws are."""
    shape = found["cubes"].shape
    ordered = loss.canonical(found["cubes"].reshape(-1, loss.size).astype(float)).reshape(shape)
    allowed = ALLOWANCE * float(found["starts"][0])
    rises = (found["losses"] - found["starts"][0]) / allowed
    r, worth = (np.asarray(each(jnp.asarray(ordered))) for each in (rhat, ess_bulk))
    r_loss, worth_loss = (float(each(jnp.asarray(found["losses"]))) for each in (rhat, ess_bulk))
    facts = {name: float(found[name]) for name in ("acceptance", "divergent", "gradients", "seconds", "temperature")}
    return {
        "chains": shape[0],
        "draws": shape[1],
        "rhat": {"largest": float(r.max()), "median": float(np.median(r)), "above 1.01": int(np.sum(r > 1.01))},
        "effective": {"least": float(worth.min()), "median": float(np.median(worth))},
        "of the loss": {"rhat": r_loss, "effective": worth_loss},
        "rise": [float(rises.mean()), float(rises.std())],  # [allowances]
        "starts": [float(rise) for rise in (found["starts"] - found["starts"][0]) / allowed],
        "inside": float(np.mean(rises <= 1)),
        "device": str(found["device"]),
        **facts,
    }


def places_of(problem: Problem, cubes: np.ndarray) -> np.ndarray:
    """The places of all units [layout, unit, 2] in m."""
    space = problem.space
    return (space.lower + (space.upper - space.lower) * cubes).reshape(-1, 2, UNITS).transpose(0, 2, 1)


def shapes(problem: Problem, cubes: np.ndarray) -> dict:
    """What layouts look like: mean, and the range of nine in ten."""
    places = jnp.asarray(places_of(problem, cubes), jnp.result_type(float))
    edge = -np.asarray(jax.lax.map(site_of(problem).outside, places))
    of = lambda figure: np.asarray(jax.lax.map(lambda at: figure(ArrayDesign(at[:, 0], at[:, 1]), None, None), places))
    figures = {f"within {width} m of the fence": np.mean(edge < width, 1) for width in FENCES}
    figures |= {"cable [km]": of(cable) / km, "hull [km2]": of(area) / km**2}
    return {
        name: [float(each.mean()), *(float(end) for end in np.quantile(each, [0.05, 0.95]))]
        for name, each in figures.items()
    }


def again(problem: Problem, best: np.ndarray, found: dict[str, np.ndarray], samples: int) -> dict:
    """How much worse layouts of the set are than the run's with fresh showers, the same for all."""
    rng = np.random.default_rng(SCORING_SEED)
    cubes = found["cubes"].reshape(-1, len(best))
    chosen = cubes[rng.choice(len(cubes), AGAIN, replace=False)]
    rows = np.concatenate([best[None], chosen])
    keys = jax.random.split(scoring_key(jax.random.key(SCORING_SEED)), samples)
    losses = [surface(problem, key=key, events=SHOWERS, scenarios=1).heights(rows).loss for key in keys]
    worse = np.array([each[1:] / each[0] - 1 for each in losses])  # [sample, layout]
    means = worse.mean(0)
    return {
        "layouts": AGAIN,
        "samples": samples,
        "inside": float(np.mean(means <= ALLOWANCE)),
        "worse": [float(means.mean()), float(worse.mean(1).std(ddof=1) / np.sqrt(samples))],
        "spread": float(means.std(ddof=1)),
        "worst": [float(means.max()), float(worse[:, means.argmax()].std(ddof=1) / np.sqrt(samples))],
    }


def picture(problem: Problem, best: np.ndarray, found: dict[str, np.ndarray]) -> Figure:
    """Where units stand in the set and in the optimum, and some layouts of the set."""
    figure = Figure(figsize=(10.0, 7.2), layout="constrained")
    axes = figure.subplot_mosaic([["map", str(number)] for number in range(LAYOUTS)], width_ratios=[3, 1])
    places = places_of(problem, found["cubes"].reshape(-1, len(best)))
    edges = [np.arange(low, high + 1.0, CELL) for low, high in ((-3.5 * km, 1.9 * km), (-3.6 * km, 2.0 * km))]
    counts = np.histogram2d(*places.reshape(-1, 2).T, bins=edges)[0] / len(places)
    room = room_of(problem, edges)
    density = np.where(room > 0.2 * (CELL / km) ** 2, counts / np.maximum(room, 1e-9), np.nan)
    shade = axes["map"].pcolormesh(*(each / km for each in edges), density.T, cmap="Blues", vmin=0.0)
    figure.colorbar(shade, ax=axes["map"], label="units per km2, mean of the set")
    optimum = places_of(problem, best[None])[0] / km
    axes["map"].scatter(*optimum.T, s=14, color=VERMILION, linewidths=0, label="optimum", zorder=3)
    axes["map"].legend(loc="lower left")
    axes["map"].set_title("near-optimal set of 60 units: within 5 % of the least flux error")
    rng = np.random.default_rng(SCORING_SEED)
    for number, row in enumerate(rng.choice(len(places), LAYOUTS, replace=False)):
        own = axes[str(number)]
        own.scatter(*(places[row] / km).T, s=8, color=INK, linewidths=0, zorder=3)
        own.set_title("a layout of the set" if number == 0 else "another one")
    for each in axes.values():
        draw_ground(each, site_of(problem).region, size=km)
        each.set_aspect("equal")
        each.autoscale_view()
        each.set_xlabel("east [km]")
        each.set_ylabel("north [km]")
    return figure


def room_of(problem: Problem, edges: list[np.ndarray]) -> np.ndarray:
    """How much of each cell of a map is in the site [km2]."""
    inner = [each[0] + (np.arange((len(each) - 1) * FINE) + 0.5) * CELL / FINE for each in edges]
    points = jnp.asarray(np.stack(np.meshgrid(*inner, indexing="ij"), -1))
    inside = np.asarray(jax.lax.map(site_of(problem).outside, points)) <= 0
    return inside.reshape(len(edges[0]) - 1, FINE, -1, FINE).mean((1, 3)) * (CELL / km) ** 2


if __name__ == "__main__":
    main()
