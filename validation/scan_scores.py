"""Layouts of scanners searched, and scored scan by scan: the same scans for all, hard edges, keys of their own."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from daedalus.catalogue import Recipe, offer, resolved
from daedalus.core import Design, Point, Problem, Summaries, scoring_key
from daedalus.geometry import Voxels
from daedalus.inference.presence import cross_fitted_probability
from daedalus.inference.roc import detection_probability, roc_area
from daedalus.objectives import binary_cross_entropy, squared_log_error
from daedalus.search import optimise
from daedalus.sources.cosmic_muons import CosmicMuons
from daedalus.studies.muon_tomography.blocks.problem import block_detection, x0_imaging
from daedalus.studies.muon_tomography.blocks.scenario import cube, imaged_materials
from daedalus.studies.muon_tomography.cargo.problem import cargo_hodoscopes, grid
from daedalus.studies.muon_tomography.detection import PATIENCE, SIGMAS, block_score
from daedalus.studies.muon_tomography.imaging import LEAST_DENSITY, final_map
from daedalus.studies.muon_tomography.options import MapOptions
from daedalus.studies.muon_tomography.scan import Scan
from daedalus.studies.muon_tomography.target import Target
from daedalus.studies.muon_tomography.walls.problem import scans_to_find, walls

SCORING_SEED = 20261126  # unlike every search's
SIZE = 2  # of the hidden block's sides [voxels]
ALARMS = (0.01, 0.05)  # shares of false alarms at which detections are counted
PROBLEMS: dict[str, Callable[..., Problem]] = {
    "x0_imaging": x0_imaging,
    "block_detection": block_detection,
    "cargo_hodoscopes": cargo_hodoscopes,
    "walls": walls,
}
Columns = dict[str, np.ndarray]


def searched(problem: Problem, first: Design, *, seed: int = 0, rounds: int = 0, block: int = 8192) -> dict:
    """One search with the problem's recipe: where it ended, its course and how long it took."""
    recipe = resolved(offer(problem.name).recipe)(problem)
    assert isinstance(recipe, Recipe)
    begin = time.perf_counter()
    history = optimise(
        dataclasses.replace(problem, start=first),
        recipe.optimiser,
        key=jax.random.key(seed),
        rounds=rounds or recipe.rounds,
        events=recipe.events,
        scenarios=recipe.scenarios,
        block=block,
    )
    seconds, losses = time.perf_counter() - begin, np.asarray(history["loss"], float)
    return {
        "design": history.design(problem, len(history) - 1),
        "loss": [float(f"{loss:.5g}") for loss in losses],
        "rounds": len(losses),
        "scans": recipe.scenarios,
        "muons": recipe.events,
        "seconds": round(seconds, 1),
    }


class Scorer:
    """Scores layouts of one problem on the same scans; its main figure is the mean over scans of the column "main"."""

    def __init__(self, name: str, scans: int, *, block: int = 8192, **options) -> None:
        """Compiles nothing yet."""
        self.name, self.problem = name, PROBLEMS[name](**options)
        partition = self.problem.partition(self.problem.events, scans, block=block)
        key = scoring_key(jax.random.key(SCORING_SEED))
        self.run = jax.jit(partial(self._columns, key=key, partition=partition))
        source = self.problem.source
        assert isinstance(source, CosmicMuons)
        self.seconds = source.exposure(self.problem.events)  # of a scan [s]

    def of(self, design: Design) -> Columns:
        """Scan by scan: the main figure, and score, entropy and truth where there is a decision."""
        return {key: np.asarray(column) for key, column in self.run(self.problem.space.point(design)).items()}

    def figures(self, columns: Columns) -> dict:
        """All figures of a layout with their standard errors."""
        mean, error = averaged(columns["main"])
        if self.name == "x0_imaging":
            return {"x0_error": [mean, error]}
        found: dict = {"time": [self.seconds * np.exp(mean), self.seconds * np.exp(mean) * error]}
        if "score" in columns:
            score, present, weight = (jnp.asarray(columns[key]) for key in ("score", "present", "weight"))
            found["entropy"] = list(averaged(columns["entropy"]))
            found["roc_area"] = [float(number) for number in roc_area(score, present, weight)]
            for alarm in ALARMS:
                share = detection_probability(score, present, alarm, weight)
                found[f"found_at_{alarm:g}"] = [float(share.value), float(share.error)]
        return found

    def _columns(self, point: Point, **given):
        summaries, truths = self.problem.summaries(point, **given)
        if self.name == "x0_imaging":
            return {"main": _squares(summaries, truths)}
        if self.name == "walls":
            return {"main": _patient(scans_to_find(summaries))}
        return _decisions(summaries, truths, cube() if self.name == "block_detection" else grid())


def _squares(summaries: Summaries, truths: Scan):
    """Mean squared error of ln(1/X0 + 3/m) of every scan."""
    true = Target.of_air(cube(), imaged_materials()[1:]).density(truths.contents)
    found = final_map(summaries, cube(), MapOptions()).density
    return jnp.mean(squared_log_error(found, true, LEAST_DENSITY), (-3, -2, -1))


def _patient(scans):
    """The logarithm of a time [scans] that patience ends."""
    return -jnp.log(1.0 / scans + 1.0 / PATIENCE)


def _decisions(summaries: Summaries, truths: Scan, voxels: Voxels):
    """Logarithm of the time to find the block [scans], score, cross entropy and truth of every scan."""
    score = block_score(final_map(summaries, voxels, MapOptions()), SIZE)
    present, weight = truths.contents.present, summaries.weight
    entropy = binary_cross_entropy(cross_fitted_probability(score, present, weight), present)
    main = _patient(0.5 * SIGMAS**2 / summaries["ratio"])
    return {"main": main, "score": score, "present": present, "weight": weight, "entropy": entropy}


def averaged(values: np.ndarray) -> tuple[float, float]:
    """Mean and standard error."""
    values = np.asarray(values, float)
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(values.size))
