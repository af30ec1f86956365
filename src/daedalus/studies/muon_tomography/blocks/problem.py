"""The problems: a map of the radiation length, and a dense block among scrap; all their numbers."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from daedalus.catalogue import Recipe, takes
from daedalus.core import Metric, Objective, Pipeline, Problem, Scenarios, Summaries
from daedalus.inference.ordered_classes import class_probability
from daedalus.inference.presence import cross_fitted_probability
from daedalus.inference.roc import detection_probability, roc_area
from daedalus.objectives import binary_cross_entropy, ordered_distance, risk, squared_log_error
from daedalus.optimisers import Adam, Geometric
from daedalus.physics.materials import Material
from daedalus.sources.apertures import ThroughBox
from daedalus.sources.cosmic_muons import CosmicMuons
from daedalus.studies.muon_tomography.blocks.scenario import (
    cargo_materials,
    cube,
    filled,
    hidden_blocks,
    imaged_materials,
    need_block,
    random_blocks,
    true_density,
)
from daedalus.studies.muon_tomography.blocks.score import FLOOR as LEAST_DENSITY
from daedalus.studies.muon_tomography.blocks.score import block_score
from daedalus.studies.muon_tomography.design import ScannerDesign
from daedalus.studies.muon_tomography.imaging import final_map, map_passes
from daedalus.studies.muon_tomography.options import MapOptions, ScanOptions
from daedalus.studies.muon_tomography.scan import Scan, scan_stages, with_flaws
from daedalus.studies.muon_tomography.scanner import (
    FLOOR,
    RIM,
    SIDE,
    TOP,
    panel_cost,
    panel_stacks,
    reference_design,
)
from daedalus.units import cm

REFERENCES = ("initial", "human_1", "human_2")
PANELS = 8
MUONS = 4000  # that cross the cubic metre in a scan: some 13 seconds
VOLUMES = 24  # scans per evaluation
IMAGE_SCALE = 0.01  # a change of the squared logarithmic error that matters, 10 % of the radiation length
ENTROPY_SCALE = 0.02  # a change of the cross entropy that matters
COST = Metric("cost", lambda design, summaries, truths: panel_cost(design), "EUR", "area of all panels times price")


@takes(ScanOptions, MapOptions)
def x0_imaging(scan: ScanOptions, mapping: MapOptions) -> Problem:
    """Where to put eight panels so that a map of the radiation length of what stands in a cubic metre is best.

    Args:
        scan: muons, what is known of them, flaws and risk; see `ScanOptions`.
        mapping: how the map is made; see `MapOptions`.

    Raises:
        ProblemError: an option out of range.
    """
    materials = imaged_materials()

    def error(summaries: Summaries, truths: Scan) -> Float[Array, "scenario"]:
        found, true = final_map(summaries, cube(), mapping).density, true_density(truths.contents, materials)
        return jnp.mean(squared_log_error(found, true, LEAST_DENSITY), (-3, -2, -1))

    def distance(summaries: Summaries, truths: Scan) -> Float[Array, "scenario"]:
        found = final_map(summaries, cube(), mapping)
        classes = jnp.log(jnp.array([1.0 / m.X0 for m in materials]) + LEAST_DENSITY)
        logarithm = jnp.log(jnp.maximum(found.density, 0.0) + LEAST_DENSITY)
        relative = found.error / (jnp.maximum(found.density, 0.0) + LEAST_DENSITY)
        probability = class_probability(logarithm, relative, classes)
        return jnp.mean(ordered_distance(probability, truths.contents.kind), (-3, -2, -1))

    objective = Objective(
        "x0_error",
        lambda design, summaries, truths: risk(error(summaries, truths), summaries.weight, scan.risk, tail=scan.tail),
        "1",
        IMAGE_SCALE,
        doc=f"squared error of ln(1/X0 + {LEAST_DENSITY:g}/m), mean over voxels",
    )
    metric = Metric(
        "class_distance",
        lambda design, summaries, truths: summaries.mean(distance(summaries, truths)),
        doc="classes between a voxel's material and the inferred one, mean over voxels",
    )
    return _problem(
        scan,
        mapping,
        Scenarios(random_blocks, VOLUMES),
        materials,
        name="muon_tomography/x0_imaging",
        objectives=(objective,),
        metrics=(metric, COST),
        doc="map of the radiation length of blocks in a cubic metre",
    )


@takes(ScanOptions, MapOptions)
def block_detection(scan: ScanOptions, mapping: MapOptions, *, size: int = 2, hidden: str = "uranium") -> Problem:
    """Where to put eight panels so that a dense block among scrap is found most surely.

    Args:
        scan: muons, what is known of them, flaws and risk; see `ScanOptions`.
        mapping: how the map is made; see `MapOptions`.
        size: of the block's sides [voxels of 10 cm].
        hidden: material of the block.

    Raises:
        ProblemError: an option out of range.
    """
    need_block(size, hidden)
    score = lambda summaries: block_score(final_map(summaries, cube(), mapping), size)

    def entropy(design: Any, summaries: Summaries, truths: Scan) -> Float[Array, ""]:
        present, weight = truths.contents.present, summaries.weight
        probability = cross_fitted_probability(score(summaries), present, weight)
        return risk(binary_cross_entropy(probability, present), weight, scan.risk, tail=scan.tail)

    def found_at(share: float) -> Any:
        return lambda design, summaries, truths: (
            detection_probability(score(summaries), truths.contents.present, share, summaries.weight).value
        )

    objective = Objective(
        "cross_entropy", entropy, "1", ENTROPY_SCALE, doc="of the calibrated probability of a block; a guess has 0.69"
    )
    metrics = (
        Metric(
            "roc_area",
            lambda design, summaries, truths: roc_area(score(summaries), truths.contents.present, summaries.weight)[0],
            doc="probability that a scan with a block scores above one without",
        ),
        Metric("found_at_1_percent", found_at(0.01), doc="blocks found at 1 % false alarms"),
        Metric("found_at_5_percent", found_at(0.05), doc="blocks found at 5 % false alarms"),
    )
    return _problem(
        scan,
        mapping,
        hidden_blocks(size, 2 * VOLUMES),
        cargo_materials(hidden),
        name="muon_tomography/block_detection",
        objectives=(objective,),
        metrics=(*metrics, COST),
        doc="a dense block hidden among scrap in a cubic metre",
    )


def scanner_recipe(problem: Problem) -> Recipe:
    """How both are best optimised: one start, all parameters together, edges sharpened on the way."""
    steps = {f"{arm}.{axis}": 4 * cm for arm in ("upper", "lower") for axis in "xy"}
    steps |= {"upper.z": 1 * cm, "lower.z": 1 * cm, "upper.share": 0.05, "lower.share": 0.05}
    optimiser = Adam(steps=steps, softness=Geometric(1.0, 0.08))
    scenarios = problem.scenarios.count
    return Recipe(optimiser, rounds=100, events=MUONS, scenarios=scenarios, scoring_scenarios=400)


def _problem(
    scan: ScanOptions, mapping: MapOptions, scenarios: Scenarios, materials: list[Material], **described: Any
) -> Problem:
    source = CosmicMuons(ThroughBox((0.0, 0.0, FLOOR), (SIDE, SIDE, RIM), TOP), scan.flux)
    references = {each: reference_design(each) for each in REFERENCES}

    def build(design: ScannerDesign, truth: Scan) -> Pipeline:
        volume = filled(truth.contents, cube(), materials)
        arms = panel_stacks(design, efficiency=scan.efficiency, thickness=scan.thickness)
        stages = scan_stages(arms, volume, truth.flaws, source, scan)
        return Pipeline(stages, map_passes(volume.voxels, mapping, loses=scan.energy_loss))

    seconds = source.exposure(MUONS)
    return Problem(
        start=references[mapping.start],
        build=build,
        source=source,
        scenarios=with_flaws(scenarios, PANELS, scan),
        events=MUONS,
        references=references,
        physics=(*scan.physics(), f"map: {mapping.method}", f"a scan of {MUONS} muons takes {seconds:.0f} s"),
        **described,
    )
