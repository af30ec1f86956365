"""Fits of air showers by a ground array: pulls and coverage, and the closed-form estimates beside the fits.

Run ``python validation/ground_array_fits.py`` from the repository's root (some five minutes on two cores); it writes
``validation/ground_array_fits.json``. For each layout of units, showers are made as the problem's source makes them
and triggered at random with their own probabilities. Then, in groups of showers of one kind (by the counts expected
in the array, or by where the core is):

- pulls: (fit - truth) / error of every parameter of the fit under the right hypothesis, the error from the
  information at the fit; their mean, standard deviation and robust width (half the range of the middle 68.3 %), how
  many are within one and two errors, and how many directions within the ellipses of 68.3 and 95.4 %;
- fits that have not converged, and fits that are less likely than a known place: the truth under the right
  hypothesis, the other hypothesis's fit under the wrong one;
- actual residuals over the errors that the closed form expects, and errors of the fits over the expected ones;
- fresh counts and times of some showers again and again: mean and standard deviation of ln L(gamma) - ln L(proton)
  beside their expectations, and the same for its error.

At last the problem's figures on both rungs. A layout may also come from a file: ``--layout best.csv``.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Callable, Iterator
from functools import cache, partial
from itertools import pairwise
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from scipy.spatial import ConvexHull

import daedalus
from daedalus.core import Problem
from daedalus.detectors.station_counts import StationCounts
from daedalus.events import Events, ShowerEstimates, Showers, StationSignals, blank_events
from daedalus.geometry.stations import Stations, stations_of_tanks
from daedalus.gradients.positive_solve import equilibrated_solve
from daedalus.physics.air_showers import PRIMARIES, parametrised_profile
from daedalus.physics.constants import SPEED_OF_LIGHT
from daedalus.physics.front_times import expected_time_information
from daedalus.physics.shower_signals import PARAMETERS
from daedalus.reconstruction.expected_shower_estimates import ExpectedShowerEstimates, pointing_error
from daedalus.reconstruction.shower_fit import ShowerFit, ShowerLikelihood, maxima
from daedalus.reconstruction.shower_hypotheses import STEPS, hypotheses, prior_information
from daedalus.sources.air_showers import AirShowers
from daedalus.studies.ground_array.apparatus import TRIGGER
from daedalus.studies.ground_array.layout_files import read_layout
from daedalus.studies.ground_array.layouts import layout
from daedalus.studies.ground_array.problem import CORES

HERE = Path(__file__).parent
SEED = 20261127
LAYOUTS = {"hexagonal 150 m": ("hexagonal", 150.0), "packed 22.1 m": ("packed", 22.1)}
BLOCK = 500  # showers that are fitted together
MADE = 8192  # showers that are made together
COUNTS = (0, 300, 1000, 3000, 30000, np.inf)  # particles expected in the array
MANY, MIDDLE = 3000.0, (5e5, 5e6)  # particles, and energies [GeV] away from the ends of the range
LEVELS = (0.6827, 0.9545)  # of coverage
ELLIPSES = tuple(-2.0 * np.log1p(-level) for level in LEVELS)  # chi2 of two degrees of freedom
LOWER = 0.5  # of ln L, by which a fit is less likely than a place that is known
FIGURES = ("gamma_flux_error", "energy_error", "pointing_error", "lost_gammas", "lost_protons")
Found = dict[str, np.ndarray]


def main() -> None:
    """Fits, compares, writes, prints."""
    arguments = parsed()
    jax.config.update("jax_enable_x64", arguments.double)
    settings = {**vars(arguments), "out": arguments.out.name, "layout": [path.name for path in arguments.layout]}
    report: dict = {"settings": settings | {"least": TRIGGER, "jax": jax.__version__}, "layouts": {}}
    for name, positions in layouts(arguments):
        report["layouts"][name] = row = case(name, positions, arguments)
        told = row["fits"]["gamma, all"]
        print(f"{name}: {json.dumps(told['pulls'])}", flush=True)
        arguments.out.write_text(json.dumps(report, indent=1) + "\n")


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, default=128, help="of the layouts by hand")
    parser.add_argument("--showers", type=int, default=8000, help="triggered ones that are fitted")
    parser.add_argument("--fixed", type=int, default=24, help="showers of a bin of counts that are repeated")
    parser.add_argument("--repetitions", type=int, default=40, help="of each")
    parser.add_argument("--samples", type=int, default=3, help="of the problem's figures")
    parser.add_argument("--events", type=int, default=4000, help="of such a sample")
    parser.add_argument("--double", action="store_true", help="64-bit numbers instead of 32-bit ones")
    parser.add_argument("--layout", type=Path, action="append", default=[], help="a file with x and y; may be repeated")
    parser.add_argument("--out", type=Path, default=HERE / "ground_array_fits.json")
    return parser.parse_args()


def layouts(arguments: argparse.Namespace) -> Iterator[tuple[str, np.ndarray]]:
    """Names and positions [m]."""
    for name, (kind, spacing) in LAYOUTS.items():
        yield name, layout(kind, arguments.units, spacing)
    for path in arguments.layout:
        yield path.stem, read_layout(path)


def case(name: str, positions: np.ndarray, arguments: argparse.Namespace) -> dict:
    """All that is measured of one layout."""
    stations = stations_of_tanks(jnp.asarray(positions, jnp.result_type(float)))
    numbers, share = triggered(stations, arguments.showers)
    fits = partial(fitted, stations)
    found = blockwise(fits, numbers, numbers)
    fixed = np.repeat(np.concatenate(chosen(found, numbers, arguments.fixed)), arguments.repetitions)
    again = blockwise(fits, fixed, np.arange(len(fixed), dtype=np.uint32) + 2**31)
    return {
        "triggered_share": number(share),
        "fits": {label: group(found, which) for label, which in groups(found, positions)},
        "repeated": repeated(again, arguments.repetitions),
        "figures": figures(positions, arguments),
    }


def triggered(stations: Stations, wanted: int) -> tuple[np.ndarray, float]:
    """Numbers of showers that are triggered at random, whole blocks of them, and the share of all that are."""
    generator, numbers, tried = np.random.default_rng(SEED), np.zeros(0, np.uint32), 0
    whole = max(1, wanted // BLOCK) * BLOCK
    while len(numbers) < whole:
        index = np.arange(tried, tried + MADE, dtype=np.uint32)
        numbers = np.concatenate(
            [numbers, index[generator.random(MADE) < np.asarray(odds(stations, jnp.asarray(index)))]]
        )
        tried += MADE
    return numbers[:whole], len(numbers) / tried


@jax.jit
def odds(stations: Stations, index: jax.Array) -> jax.Array:
    """The probabilities of a trigger of showers with these numbers [1]."""
    stage = ExpectedShowerEstimates(stations, parametrised_profile, TRIGGER)
    return stage(made(index), key=jax.random.key(0))[ShowerEstimates].detected


def made(index: jax.Array) -> Events:
    """The showers of these numbers."""
    return AirShowers(radius=CORES)(blank_events(index), key=jax.random.key(SEED))


def blockwise(fits: Callable[..., dict], showers: np.ndarray, events: np.ndarray) -> Found:
    """What is found of all showers, so many at once that memory stays flat; the last block is filled up."""
    blocks = []
    for begin in range(0, len(showers), BLOCK):
        rows = np.minimum(np.arange(begin, begin + BLOCK), len(showers) - 1)
        block = jax.device_get(fits(jnp.asarray(showers[rows]), jnp.asarray(events[rows])))
        blocks.append({key: np.asarray(value, float)[: len(showers) - begin] for key, value in block.items()})
    return {key: np.concatenate([block[key] for block in blocks]) for key in blocks[0]}


@jax.jit
def fitted(stations: Stations, shower: jax.Array, event: jax.Array) -> dict[str, jax.Array]:
    """Fits and expectations of showers with these numbers, with the counts and times of these events."""
    showers = made(shower)[Showers]
    events = blank_events(event).add(showers)
    signals = StationCounts(stations, parametrised_profile)(events, key=jax.random.key(SEED + 1))[StationSignals]
    expected = ExpectedShowerEstimates(stations, parametrised_profile, TRIGGER)(events, key=jax.random.key(0))
    each = jax.vmap(partial(of_one, stations), in_axes=(-1, -1, 0, 0))
    found = each(signals.counts, signals.times, showers.parameters, showers.primary)
    told = expected[ShowerEstimates]
    return found | {
        "primary": showers.primary,
        "core": jnp.stack([showers.x, showers.y], -1),
        "distance": told.statistic,
        "expected_spread": told.spread,
        "expected_energy_error": told.log_energy_error,
        "expected_pointing_error": told.pointing_error,
    }


def of_one(stations: Stations, counts: jax.Array, times: jax.Array, shower: jax.Array, primary: jax.Array) -> dict:
    """The fits of one shower beside its truth."""
    model = parametrised_profile
    both = [ShowerLikelihood(stations, model, counts, times, kind) for kind in range(len(PRIMARIES))]
    found = maxima(both)
    values = jnp.stack([each(place) for each, (place, _) in zip(both, found)])
    crossed = jnp.stack([both[0](found[1][0]), both[1](found[0][0])])  # each at the other's fit
    pick = lambda pair, kind: jnp.where(kind == 0, pair[0], pair[1])
    place = pick([where for where, _ in found], primary)
    there, true = (hypotheses(each, stations, model) for each in (place, shower))
    expected, slopes = there.counts[primary], there.slopes[primary]
    fit = covariance(both[0].information(expected, slopes, there.times, expected))
    bound = covariance(expected_information(stations, true.counts[primary], true.slopes[primary], true.times))
    off = residuals(place, shower)
    zenith = lambda u: jnp.sqrt(1.0 - u @ u)
    turned = jnp.append(off[3:5], zenith(place[3:5]) - zenith(shower[3:5]))
    logs = [jnp.log(hypotheses(where, stations, model, kind).counts) for kind, (where, _) in enumerate(found)]
    return {
        "counts": jnp.sum(true.counts[primary]),
        "energy": jnp.exp(shower[2]),
        "off": off,
        "pulls": off / jnp.sqrt(jnp.diagonal(fit)),
        "chi2": chi2(off[3:5], fit[3:5, 3:5]),
        "angle": jnp.linalg.norm(turned),
        "expected_chi2": chi2(off[3:5], bound[3:5, 3:5]),
        "energy_error": jnp.sqrt(fit[2, 2]),
        "pointing_error": pointing_error(place, fit / (STEPS[:, None] * STEPS)),
        "statistic": values[0] - values[1],
        "spread": jnp.sqrt(jnp.sum(counts.reshape(-1) * (logs[0] - logs[1]) ** 2)),
        "gain": jnp.maximum(found[0][1], found[1][1]),
        "below_truth": pick([each(shower) for each in both], primary) - pick(values, primary),
        "below_other": pick(crossed, 1 - primary) - pick(values, 1 - primary),
    }


def expected_information(stations: Stations, expected: jax.Array, slopes: jax.Array, times: jax.Array) -> jax.Array:
    """The information that counts and times are expected to have [1 / step^2]."""
    background = jnp.asarray(stations.background_counts, expected.dtype)[:, None]
    seen = jnp.sum(expected_time_information(expected.reshape(2, -1), background, stations.time_window), 0)
    return (slopes * expected) @ slopes.T + (times * seen) @ times.T + prior_information(expected.dtype)


def covariance(information: jax.Array) -> jax.Array:
    """The covariance [parameters^2] of an information [1 / step^2]."""
    steps = jnp.asarray(STEPS, information.dtype)
    return equilibrated_solve(information, jnp.eye(len(STEPS), dtype=information.dtype)) * (steps[:, None] * steps)


def residuals(fit: jax.Array, truth: jax.Array) -> jax.Array:
    """Fit less truth, the times at the fitted core instead of the origin, as the information has them."""
    at_core = lambda shower: shower[5] - fit[:2] @ shower[3:5] / SPEED_OF_LIGHT
    return (fit - truth).at[5].set(at_core(fit) - at_core(truth))


def chi2(off: jax.Array, matrix: jax.Array) -> jax.Array:
    """The squared distance in errors."""
    return off @ equilibrated_solve(matrix, off[:, None])[:, 0]


def groups(found: Found, positions: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Which showers belong together."""
    inside = within_hull(found["core"], positions)
    for kind, name in enumerate(PRIMARIES):
        own = found["primary"] == kind
        yield f"{name}, all", own
        for low, high in pairwise(COUNTS):
            yield f"{name}, {bin_name(low, high)}", own & (found["counts"] >= low) & (found["counts"] < high)
        yield f"{name}, core inside", own & inside
        yield f"{name}, core outside", own & ~inside
        middle = (found["energy"] > MIDDLE[0]) & (found["energy"] < MIDDLE[1])
        yield f"{name}, {MANY:g}- away from the ends", own & middle & (found["counts"] >= MANY)


def bin_name(low: float, high: float) -> str:
    """A bin of counts [text]."""
    return f"{low:g}-{high:g}" if np.isfinite(high) else f"{low:g}-"


def within_hull(places: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Whether places lie in the convex hull of the units."""
    sides = ConvexHull(positions).equations
    return np.all(places @ sides[:, :2].T + sides[:, 2] <= 0.0, axis=1)


def group(found: Found, which: np.ndarray) -> dict:
    """The figures of a group of showers; pulls and ratios of those whose fits have converged."""
    every = {key: value[which] for key, value in found.items()}
    sound = every["gain"] < ShowerFit.tolerance
    told = {"showers": int(which.sum()), "sound": shares(sound)}
    if sound.sum() < 20:
        return told
    own = {key: value[sound] for key, value in every.items()}
    mean_ratio = lambda one, other: number(float(np.mean(own[one]) / np.mean(own[other])))
    return told | {
        "below_truth": shares(own["below_truth"] > LOWER),
        "below_other": shares(own["below_other"] > LOWER),
        "pulls": {name: shape(own["pulls"][:, k]) for k, name in enumerate(PARAMETERS)},
        "ellipses": [shares(own["chi2"] < limit) for limit in ELLIPSES],
        "energy_over_expected": width(own["off"][:, 2] / own["expected_energy_error"]),
        "pointing_over_expected": ellipse_width(own["expected_chi2"]),
        "pointing_rms_over_expected": rms(own["angle"] / own["expected_pointing_error"]),
        "energy_error_over_expected": mean_ratio("energy_error", "expected_energy_error"),
        "pointing_error_over_expected": mean_ratio("pointing_error", "expected_pointing_error"),
        "statistic_pulls": shape((own["statistic"] - own["distance"]) / own["expected_spread"]),
    }


def shape(values: np.ndarray) -> dict:
    """Mean, standard deviation, robust width and shares within one and two, each with its error."""
    inside = np.abs(values)
    return {
        "mean": pair(float(np.mean(values)), np.std(values) / np.sqrt(len(values))),
        "deviation": rms(values - np.mean(values)),
        "width": width(values),
        "within": [shares(inside < limit) for limit in (1.0, 2.0)],
    }


def width(values: np.ndarray) -> list[float]:
    """Half the range of the middle 68.3 %, and its error for a Gaussian."""
    low, high = np.quantile(values, [0.5 - 0.5 * LEVELS[0], 0.5 + 0.5 * LEVELS[0]])
    return pair(0.5 * (high - low), 0.5 * (high - low) * 0.962 / np.sqrt(len(values)))


def ellipse_width(squares: np.ndarray) -> list[float]:
    """By how much errors of two dimensions are too small: the radius of 68.3 % over that expected, with its error."""
    found = np.sqrt(np.quantile(squares, LEVELS[0]) / ELLIPSES[0])
    density = ELLIPSES[0] * (1.0 - LEVELS[0])  # of ln(squares) at that quantile, times two
    return pair(found, found * np.sqrt(LEVELS[0] * (1.0 - LEVELS[0]) / len(squares)) / density)


def rms(values: np.ndarray) -> list[float]:
    """The root mean square, and its error."""
    squares = values**2
    size = np.sqrt(np.mean(squares))
    return pair(size, 0.5 * np.std(squares) / np.sqrt(len(values)) / max(size, 1e-30))


def shares(true: np.ndarray) -> list[float]:
    """How many of all, and the error of it."""
    share = float(np.mean(true)) if len(true) else 0.0
    return pair(share, np.sqrt(max(share * (1.0 - share), 1.0 / max(len(true), 1)) / max(len(true), 1)))


def chosen(found: Found, numbers: np.ndarray, wanted: int) -> list[np.ndarray]:
    """Numbers of the first showers of every bin of counts and of either kind, half of each."""
    return [
        numbers[(found["primary"] == kind) & (found["counts"] >= low) & (found["counts"] < high)][: wanted // 2]
        for low, high in pairwise(COUNTS)
        for kind in range(len(PRIMARIES))
    ]


def repeated(found: Found, repetitions: int) -> dict:
    """Bin by bin of counts: means and spreads over repetitions of each shower, over those expected."""
    each = {key: value.reshape(-1, repetitions, *value.shape[1:]) for key, value in found.items()}
    sound = (each["gain"] < ShowerFit.tolerance).mean(1) > 0.9
    report = {}
    for low, high in pairwise(COUNTS):
        for kind, name in enumerate(PRIMARIES):
            which = sound & (each["primary"][:, 0] == kind)
            which &= (each["counts"][:, 0] >= low) & (each["counts"][:, 0] < high)
            if which.sum() > 1:
                own = {key: value[which] for key, value in each.items()}
                report[f"{name}, {bin_name(low, high)}"] = against_expectation(own)
    return report


def against_expectation(each: Found) -> dict:
    """Means over showers, with errors: the statistic's mean and spread, and the residuals' size, over the expected."""
    distance, spread = each["distance"][:, 0], each["expected_spread"][:, 0]
    mean, deviation = each["statistic"].mean(1), each["statistic"].std(1, ddof=1)
    robust = lambda values: 0.5 * np.subtract(*np.quantile(values, [0.5 + 0.5 * LEVELS[0], 0.5 - 0.5 * LEVELS[0]], 1))
    over = lambda values: pair(np.mean(values), np.std(values, ddof=1) / np.sqrt(len(values)))
    return {
        "showers": len(distance),
        "median_distance": number(np.median(np.abs(distance))),
        "mean_over_expected": over(mean / distance),
        "mean_off_in_spreads": over(np.sign(distance) * (mean - distance) / spread),
        "spread_over_expected": over(deviation / spread),
        "robust_spread_over_expected": over(robust(each["statistic"]) / spread),
        "told_spread_over_expected": over(each["spread"].mean(1) / spread),
        "energy_over_expected": over(robust(each["off"][:, :, 2]) / each["expected_energy_error"][:, 0]),
    }


def figures(positions: np.ndarray, arguments: argparse.Namespace) -> dict:
    """The problem's figures on both rungs: means over samples, with their errors; samples are common to the rungs."""
    x, y = jnp.asarray(positions.T, jnp.result_type(float))
    given = {"events": arguments.events, "gradient": False}
    found: dict[str, dict] = {}
    for rung in ("fisher", "full"):
        problem = problem_of(len(positions), rung)
        design = dataclasses.replace(problem.start, x=x, y=y)
        keys = [jax.random.key(sample) for sample in range(arguments.samples)]
        values = [problem.evaluate(design, key=key, **given).values for key in keys]
        found[rung] = {figure: [float(each[figure]) for each in values] for figure in FIGURES}
    mean = lambda values: pair(np.mean(values), np.std(values, ddof=1) / np.sqrt(len(values)))
    told = {rung: {figure: mean(values) for figure, values in each.items()} for rung, each in found.items()}
    ratios = {name: mean(np.divide(found["full"][name], found["fisher"][name])) for name in FIGURES[:3]}
    return told | {"full_over_fisher": ratios}


@cache
def problem_of(units: int, rung: str) -> Problem:
    """The problem, once for all layouts of so many units: another design needs no new compilation."""
    return daedalus.load("ground_array/swgo_flux", units=units, rung=rung)


def pair(value: float, error: float) -> list[float]:
    """A value and its error, both short."""
    return [number(value), number(error)]


def number(value: float) -> float:
    """A number of four digits."""
    return float(f"{value:.4g}")


if __name__ == "__main__":
    main()
