"""The problems: a map of the radiation length, and a dense block among scrap; all their numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from daedalus.catalogue import Recipe, takes
from daedalus.core import Metric, Pipeline, Problem, Scenarios
from daedalus.errors import ProblemError
from daedalus.optimisers import Adam, Geometric
from daedalus.sources.apertures import ThroughBox
from daedalus.sources.cosmic_muons import CosmicMuons
from daedalus.studies.muon_tomography.blocks.movement import (
    movement_information,
    movement_metrics,
    movement_objective,
)
from daedalus.studies.muon_tomography.blocks.scenario import CELLS, cube, imaged_materials, random_blocks
from daedalus.studies.muon_tomography.contents import Contents, HiddenBlock, cargo_materials, need_block
from daedalus.studies.muon_tomography.design import ScannerDesign
from daedalus.studies.muon_tomography.detection import (
    Goal,
    block_score,
    detection_metrics,
    detection_objective,
    detection_passes,
)
from daedalus.studies.muon_tomography.imaging import class_metric, final_map, image_objective, map_passes
from daedalus.studies.muon_tomography.options import (
    MapOptions,
    MovementOptions,
    ScanOptions,
    first_design,
)
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
from daedalus.studies.muon_tomography.target import Target, target_from_file
from daedalus.units import cm

REFERENCES = ("initial", "human_1", "human_2")
PANELS = 8
MUONS = 4000  # that cross the cubic metre in a scan: some 13 seconds
VOLUMES = 24  # scans per evaluation
CLUTTERED = 0.8  # of the height, filled with scrap at random [1]
COST = Metric(
    "cost", lambda design, summaries, truths: panel_cost(design), "EUR", "area of all panels times price", always=True
)


@takes(ScanOptions, MapOptions)
def x0_imaging(scan: ScanOptions, mapping: MapOptions, *, start: str = "initial", volume_file: str = "") -> Problem:
    """Where to put eight panels so that a map of the radiation length of what stands in a cubic metre is best.

    Args:
        scan: muons, what is known of them, flaws and risk; see `ScanOptions`.
        mapping: how the map is made; see `MapOptions`.
        start: reference layout that the search starts from.
        volume_file: image this volume (`daedalus.transport.volume_file`) instead of random blocks; it must lie within
            0 to 1 m in x and y and 0.4 to 1.4 m in z.

    Raises:
        ProblemError: an option out of range.
        StageError: a volume that cannot be read.
    """
    materials = imaged_materials()
    target, contents = Target.of_air(cube(), materials[1:]), Scenarios(random_blocks, VOLUMES)
    if volume_file:
        target = target_from_file(volume_file, cube(), (), scan)
        contents = Scenarios(lambda key, index, count: target.untouched(), VOLUMES)
    return _problem(
        (scan, mapping),
        target,
        contents,
        start=start,
        passes=lambda contents: map_passes(target.voxels, mapping, loses=scan.energy_loss),
        name="muon_tomography/x0_imaging",
        objectives=(image_objective(target, scan, mapping),),
        metrics=(class_metric(target, materials, mapping), COST),
        doc="map of the radiation length of blocks in a cubic metre",
    )


@takes(ScanOptions, MapOptions, MovementOptions)
def block_detection(
    scan: ScanOptions,
    mapping: MapOptions,
    movement: MovementOptions,
    *,
    start: str = "initial",
    goal: Goal = "time",
    size: int = 2,
    hidden: str = "uranium",
    volume_file: str = "",
) -> Problem:
    """Where to put eight panels so that a dense block among scrap is found most surely.

    Args:
        scan: muons, what is known of them, flaws and risk; see `ScanOptions`.
        mapping: how the map is made; see `MapOptions`.
        movement: of the lower panels, a nuisance of the time; see `MovementOptions`.
        start: reference layout that the search starts from.
        goal: minimise the "time" to find the block, or the "cross_entropy" of deciding whether it is there.
        size: of the block's sides [voxels of 10 cm].
        hidden: material of the block.
        volume_file: hide the block in this volume instead of scrap, as for `x0_imaging`.

    Raises:
        ProblemError: an option out of range.
        StageError: a volume that cannot be read.
    """
    need_block(size, CELLS // 2, hidden)
    moves = movement.movement != "none"
    if moves and goal != "time":
        raise ProblemError(
            f"a movement is a nuisance of the time to find a block, but goal is {goal!r}; expected goal=time, or "
            "movement=none."
        )
    inserts = cargo_materials(hidden)
    target = target_from_file(volume_file, cube(), inserts, scan) if volume_file else Target.of_air(cube(), inserts)
    hiding = HiddenBlock(target.voxels.shape, size, 0.0 if volume_file else CLUTTERED)
    score = lambda summaries: block_score(final_map(summaries, target.voxels, mapping), size)
    seconds = muon_source(scan).exposure(MUONS)

    def passes(contents: Contents) -> list[dict[str, Any]]:
        first, *others = detection_passes(target, contents, scan, mapping)
        return [first | {"movement": movement_information(target, contents, scan)} if moves else first, *others]

    known = detection_objective(goal, score, scan, seconds)
    return _problem(
        (scan, mapping),
        target,
        Scenarios(hiding, 2 * VOLUMES),
        start=start,
        passes=passes,
        name="muon_tomography/block_detection",
        objectives=(movement_objective(movement, scan, seconds) if moves else known,),
        metrics=(*detection_metrics(score), *(movement_metrics(movement, scan, seconds) if moves else ()), COST),
        doc="a dense block hidden among scrap in a cubic metre",
        told=movement.physics(),
    )


def muon_source(scan: ScanOptions) -> CosmicMuons:
    """All muons that cross the cubic metre."""
    return CosmicMuons(ThroughBox((0.0, 0.0, FLOOR), (SIDE, SIDE, RIM), TOP), scan.flux)


def scanner_recipe(problem: Problem) -> Recipe:
    """How both are best optimised: one start, all parameters together, edges sharpened on the way."""
    steps = {f"{arm}.{axis}": 4 * cm for arm in ("upper", "lower") for axis in "xy"}
    steps |= {"upper.z": 1 * cm, "lower.z": 1 * cm, "upper.share": 0.05, "lower.share": 0.05}
    optimiser = Adam(steps=steps, softness=Geometric(1.0, 0.08))
    scenarios = problem.scenarios.count
    return Recipe(optimiser, rounds=100, events=MUONS, scenarios=scenarios, scoring_scenarios=400)


def _problem(
    options: tuple[ScanOptions, MapOptions],
    target: Target,
    contents: Scenarios,
    *,
    start: str,
    passes: Callable[[Contents], list[dict[str, Any]]],
    told: tuple[str, ...] = (),
    **described: Any,
) -> Problem:
    scan, mapping = options
    source, references = muon_source(scan), {each: reference_design(each) for each in REFERENCES}

    def build(design: ScannerDesign, truth: Scan) -> Pipeline:
        arms = panel_stacks(design, efficiency=scan.efficiency, thickness=scan.thickness)
        stages = scan_stages(arms, target.volume(truth.contents), truth.flaws, source, scan)
        return Pipeline(stages, passes(truth.contents))

    seconds = source.exposure(MUONS)
    return Problem(
        start=first_design(references, start),
        build=build,
        source=source,
        scenarios=with_flaws(contents, PANELS, scan),
        events=MUONS,
        references=references,
        physics=(*scan.physics(), *told, f"map: {mapping.method}", f"a scan of {MUONS} muons takes {seconds:.0f} s"),
        **described,
    )
