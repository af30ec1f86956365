"""Absorption muography against published numbers, and the optimised placement against the reference designs.

Run ``python validation/muography.py`` from the repository's root (two minutes on two cores); it writes
``validation/muography.json`` and prints a table. Four parts: ranges and least energies in matter; intensities under
rock, vertical and inclined; integrals of the flux models; and the days until a void is seen, of designs found from
three starts and of the references, on common fresh voids, with paired ratios. The published numbers:

- ranges: PUMAS tables (Niess 2022, pumas-materials), standard rock also Groom, Mokhov & Striganov (2001);
- depth curve to 2 km w.e.: Heisinger et al., Earth Planet. Sci. Lett. 200 (2002) 345, eq. 1, after Barbouti & Rastin,
  J. Phys. G 9 (1983) 1577; constants as in public codes for cosmogenic nuclides (cronus, ice-tea);
- depth curve from 1 km w.e.: Mei & Hime, Phys. Rev. D 73 (2006) 053004, eq. 1;
- inclined intensities, with straggling: test values of MUTE 3 (Woodley et al., arXiv:2406.10339; daemonflux, PROPOSAL),
  slant depth X at the zenith angle arccos(0.5 km w.e. / X).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from daedalus.core import scoring_key
from daedalus.execution.design_file import design_table
from daedalus.physics.flux import FLUX_MODELS
from daedalus.physics.opacity import csda_range, minimum_energy
from daedalus.physics.transmission import IntegralIntensity, Transmission
from daedalus.search import optimise
from daedalus.studies.muography.design import ring
from daedalus.studies.muography.problem import ASTRAY, telescope_placement, telescope_recipe
from daedalus.units import deg

HERE = Path(__file__).parent
SCORING_SEED = 20261126  # unlike every optimisation seed
KINETIC = (0.1, 1.0, 10.0, 100.0, 1000.0)  # GeV
PUMAS = {  # ranges [g/cm2] at these kinetic energies
    "standard rock": (36.96, 551.8, 4906.0, 40760.0, 245000.0),
    "water": (31.24, 470.8, 4263.0, 36280.0, 242100.0),
    "iron": (43.98, 642.3, 5537.0, 43100.0, 205100.0),
    "lead": (59.14, 816.4, 6677.0, 44280.0, 145500.0),
}
GROOM = {0.1: 36.96, 1.0: 553.4, 10.0: 4920.0, 100.0: 40840.0, 400.0: 130200.0}  # standard rock [g/cm2]
MUTE = {500.0: 6.94919658e-6, 1000.0: 1.80906517e-6, 2000.0: 3.32127337e-7, 4000.0: 2.85312282e-8}  # cm^-2 s^-1 sr^-1
DEPTHS = (10.0, 100.0, 300.0, 1000.0, 2000.0, 4000.0)  # m w.e.
STARTS = (-90.0, 180.0, 90.0)  # middle of the arc on which a search begins, anticlockwise from east [deg]


def main() -> None:
    """Compares, optimises, scores, writes, prints."""
    arguments = parsed()
    report = {
        "ranges": ranges(),
        "minimum_energies": least_energies(),
        "depth_curve": depth_curve(),
        "inclined": inclined(),
        "flux_integrals": flux_integrals(),
        "placement": placement(arguments),
    }
    arguments.out.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps({k: v for k, v in report.items() if k != "placement"}, indent=1))
    for name, row in report["placement"]["designs"].items():
        print(f"{name:16s} {row['days'][0]:7.2f} +- {row['days'][1]:.2f} days, found {row['found'][0]:.3f}")
    print(json.dumps(report["placement"]["ratios"], indent=1))


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--voids", type=int, default=2048, help="fresh voids that all designs are scored on")
    parser.add_argument("--rounds", type=int, default=0, help="rounds of a search; 0: the recipe's")
    parser.add_argument("--out", type=Path, default=HERE / "muography.json")
    return parser.parse_args()


def ranges() -> dict:
    """Largest relative deviation of ranges from the tables, by material."""
    found = {}
    for name, table in PUMAS.items():
        ours = 100.0 * np.asarray(csda_range(jnp.array(KINETIC), name))
        found[f"{name}, PUMAS"] = float(np.abs(ours / np.array(table) - 1.0).max())
    ours = 100.0 * np.asarray(csda_range(jnp.array(list(GROOM)), "standard rock"))
    return found | {"standard rock, Groom 2001": float(np.abs(ours / np.array(list(GROOM.values())) - 1.0).max())}


def least_energies() -> dict:
    """Least total energy [GeV] to cross each depth of standard rock."""
    return {f"{d:g}": float(minimum_energy(jnp.array([d]))[0]) for d in DEPTHS}


def heisinger(h: float) -> float:
    """Vertical intensity [m^-2 s^-1 sr^-1] under h m w.e., 2002, eq. 1 (up to 2 km w.e.)."""
    return 1e4 * 258.5 * np.exp(-5.5e-4 * h) / ((h + 210.0) * ((h + 10.0) ** 1.66 + 75.0))


def mei_hime(h: float) -> float:
    """Vertical intensity [m^-2 s^-1 sr^-1] under h m w.e., 2006, eq. 1 (from 1 km w.e.)."""
    return 1e4 * (8.60e-6 * np.exp(-h / 450.0) + 0.44e-6 * np.exp(-h / 870.0))


def models() -> dict[str, Transmission]:
    """Every flux model behind standard rock."""
    return {name: Transmission(IntegralIntensity(model())) for name, model in FLUX_MODELS.items()}


def depth_curve() -> list[dict]:
    """Vertical intensities: published, ours by model, and ratios."""
    rows = []
    for depth in DEPTHS:
        published = {"heisinger": heisinger(depth)} if depth <= 2000 else {}
        published |= {"mei_hime": mei_hime(depth)} if depth >= 1000 else {}
        ours = {name: float(t(jnp.array([depth]), jnp.ones(1))[0]) for name, t in models().items()}
        ratios = {p: {name: ours[name] / value for name in ours} for p, value in published.items()}
        rows.append({"depth": depth, "published": published, "intensity": ours, "ratio": ratios})
    return rows


def inclined() -> list[dict]:
    """Inclined intensities over MUTE's, by model."""
    rows = []
    for depth, value in MUTE.items():
        cosine = 500.0 / depth
        ratio = {
            name: float(t(jnp.array([depth]), jnp.array([cosine]))[0]) / (1e4 * value) for name, t in models().items()
        }
        rows.append(
            {"depth": depth, "zenith": float(np.rad2deg(np.arccos(cosine))), "mute": 1e4 * value, "ratio": ratio}
        )
    return rows


def flux_integrals() -> dict:
    """Vertical integral intensities [m^-2 s^-1 sr^-1] above 0.5, 1, 10 and 100 GeV of total energy, by model."""
    energies = jnp.array([0.5, 1.0, 10.0, 100.0])
    read = lambda model: np.asarray(IntegralIntensity(model())(energies, jnp.ones(4)))
    return {name: [float(value) for value in read(model)] for name, model in FLUX_MODELS.items()}


def placement(arguments: argparse.Namespace) -> dict:
    """Days until a void is seen: designs from three starts and references, on common voids."""
    problem = telescope_placement()
    recipe = telescope_recipe(problem)
    rounds = arguments.rounds or recipe.rounds
    designs = {"start": problem.start, **problem.references}
    for number, bearing in enumerate(STARTS):
        arc = ((bearing - 20.0) * deg, (bearing + 20.0) * deg)
        begun = dataclasses.replace(
            problem, start=ring(3, 450.0, arc, float(problem.start.elevation[0]), azimuth=ASTRAY)
        )
        sizes = {"rounds": rounds, "events": recipe.events, "scenarios": recipe.scenarios}
        history = optimise(begun, recipe.optimiser, key=jax.random.key(number), **sizes)
        designs[f"optimised_{number}"] = history.design(begun, len(history) - 1)
        print(f"search {number}: {history['loss'][0]:.1f} -> {history['loss'][-10:].mean():.2f} days", flush=True)
    found = {flux: scored(flux, designs, arguments.voids) for flux in FLUX_MODELS}
    main_days = found["guan"]
    return {
        "designs": {name: summary(days) for name, days in main_days.items()},
        "nearest": {name: float(np.min(np.hypot(d.x, d.y))) for name, d in designs.items()},
        "ratios": {name: paired(main_days, name) for name in problem.references},
        "by_flux": {flux: {name: summary(d)["days"] for name, d in rows.items()} for flux, rows in found.items()},
        "settings": {
            "voids": arguments.voids,
            "rounds": rounds,
            "physics": list(problem.physics),
            "jax": jax.__version__,
        },
        "tables": {n: design_table(problem.space, d) for n, d in designs.items() if n.startswith("optimised")},
    }


def scored(flux: str, designs: dict, voids: int) -> dict[str, np.ndarray]:
    """Days of every void, by design, with muons after a flux model."""
    problem = telescope_placement(flux=flux)
    campaign = problem.build.__self__
    partition = problem.partition(256, voids)
    sums = partial(problem.summaries, key=scoring_key(jax.random.key(SCORING_SEED)), partition=partition)
    run = jax.jit(lambda point: campaign.days(sums(point)[0]))
    return {name: np.asarray(run(problem.space.point(design)), float) for name, design in designs.items()}


def summary(days: np.ndarray) -> dict:
    """Geometric mean with its standard error [days], and the share found within 30 days with its error."""
    log, within = np.log(days), (days < 30.0).astype(float)
    mean, root = float(np.exp(log.mean())), np.sqrt(len(days))
    share = within.mean()
    return {
        "days": [mean, float(mean * log.std(ddof=1) / root)],
        "found": [float(share), float(np.sqrt(share * (1.0 - share)) / root)],
    }


def paired(days: dict[str, np.ndarray], reference: str) -> dict:
    """Geometric mean over common voids of optimised over reference, with its error, by start and together."""
    names = sorted(name for name in days if name.startswith("optimised"))
    logs = np.array([np.log(days[name] / days[reference]) for name in names])
    root = np.sqrt(logs.shape[1])
    ratio = lambda row: [float(np.exp(row.mean())), float(np.exp(row.mean()) * row.std(ddof=1) / root)]
    value = float(np.exp(logs.mean()))
    error = value * np.hypot(logs.mean(0).std(ddof=1) / root, logs.mean(1).std(ddof=1) / np.sqrt(len(names)))
    return {"all": [value, float(error)], **{name: ratio(row) for name, row in zip(names, logs)}}


if __name__ == "__main__":
    main()
