"""The problem: rigid hodoscopes around a steel box that may hide something dense; all its numbers."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from daedalus.catalogue import Recipe, takes
from daedalus.core import Constraint, Metric, Pipeline, Problem, Scenarios
from daedalus.detectors.hodoscopes import Hodoscopes, least_separation
from daedalus.detectors.panels import Panels
from daedalus.errors import ProblemError
from daedalus.geometry import Voxels
from daedalus.optimisers import Adam, Geometric
from daedalus.physics.materials import material
from daedalus.sources.apertures import ThroughBox
from daedalus.sources.cosmic_muons import CosmicMuons
from daedalus.studies.muon_tomography.cargo.design import CargoDesign, LowerHodoscopes, UpperHodoscopes
from daedalus.studies.muon_tomography.contents import HiddenBlock, cargo_materials, need_block
from daedalus.studies.muon_tomography.detection import (
    Goal,
    block_score,
    detection_metrics,
    detection_objective,
    detection_passes,
)
from daedalus.studies.muon_tomography.imaging import final_map
from daedalus.studies.muon_tomography.options import MapOptions, ScanOptions, first_design
from daedalus.studies.muon_tomography.scan import Scan, scan_stages, with_flaws
from daedalus.studies.muon_tomography.scanner import spans
from daedalus.studies.muon_tomography.target import Target, target_from_file
from daedalus.transport.volume import Volume
from daedalus.units import cm, mm

WIDTH, LENGTH, HEIGHT = 60 * cm, 200 * cm, 60 * cm  # of the steel box along x, y and z
FLOOR = 40 * cm  # its bottom
WALL = 1 * cm  # thickness of the steel on all sides
VOXEL = 10 * cm
TOP = 190 * cm  # height of the plane on which muons start
PLANES = 3  # of a hodoscope
GAP = 8 * cm  # between neighbouring planes
CASING = 2 * cm  # of a hodoscope beyond its outer planes
BUDGET = 6.0  # EUR; nominal: six square metres at the nominal price
PRICE = 1.0  # EUR/m2; nominal price of the area of a plane
RESOLUTION = 0.3 * mm  # of each plane in x and y, that of a resistive plate chamber or a drift tube
MUONS = 4000  # that cross the box in a scan
VOLUMES = 48  # scans per evaluation
FILLED = 0.7  # of the height, with cargo at random [1]
REFERENCES = ("even", "crowded")


@takes(ScanOptions, MapOptions)
def cargo_hodoscopes(
    scan: ScanOptions,
    mapping: MapOptions,
    *,
    start: str = "crowded",
    goal: Goal = "time",
    size: int = 2,
    hidden: str = "uranium",
    volume_file: str = "",
) -> Problem:
    """Where to put two hodoscopes above and two below a steel box so that what is hidden in it is found most surely.

    Args:
        scan: muons, what is known of them, flaws and risk; see `ScanOptions`.
        mapping: how the map is made; see `MapOptions`.
        start: reference layout that the search starts from.
        goal: minimise the "time" to find the block, or the "cross_entropy" of deciding whether it is there.
        size: of the hidden block's sides [voxels of 10 cm].
        hidden: its material: "uranium", or "polystyrene" for something like a drug.
        volume_file: hide the block in this cargo (`daedalus.transport.volume_file`), which must lie within the box.

    Raises:
        ProblemError: an option out of range.
        StageError: a volume that cannot be read.
    """
    need_block(size, round(WIDTH / VOXEL) // 2, hidden)
    if scan.misalignment:
        raise ProblemError("the planes of a hodoscope move as one; expected misalignment=0 for cargo_hodoscopes.")
    inserts = cargo_materials(hidden)
    target = target_from_file(volume_file, grid(), inserts, scan) if volume_file else Target(steel_box(), inserts)
    shape = target.voxels.shape
    hiding = HiddenBlock(shape, size, 0.0) if volume_file else HiddenBlock(shape, size, FILLED, walls=1)
    score = lambda summaries: block_score(final_map(summaries, target.voxels, mapping), size)
    low, high = (0.0, 0.0, FLOOR), (WIDTH, LENGTH, FLOOR + HEIGHT)
    source = CosmicMuons(ThroughBox(low, high, TOP), scan.flux)
    references, seconds = {name: reference_design(name) for name in REFERENCES}, source.exposure(MUONS)

    def build(design: CargoDesign, truth: Scan) -> Pipeline:
        arms = hodoscope_stacks(design, scan)
        stages = scan_stages(arms, target.volume(truth.contents), truth.flaws, source, scan)
        return Pipeline(stages, detection_passes(target, truth.contents, scan, mapping))

    return Problem(
        name="muon_tomography/cargo_hodoscopes",
        start=first_design(references, start),
        build=build,
        objectives=(detection_objective(goal, score, scan, seconds),),
        constraints=CONSTRAINTS,
        metrics=(*detection_metrics(score), COST),
        source=source,
        scenarios=with_flaws(
            Scenarios(hiding, VOLUMES),
            4 * PLANES,
            scan,
        ),
        doc="something dense hidden in a steel box between movable hodoscopes",
        events=MUONS,
        references=references,
        physics=(*scan.physics(), f"map: {mapping.method}", f"a scan of {MUONS} muons takes {seconds:.0f} s"),
    )


def grid() -> Voxels:
    """The box as voxels of 10 cm, its walls as thin outer layers."""

    def edges(low: float, width: float) -> Float[Array, "edge"]:
        inner = np.linspace(0.0, width, round(width / VOXEL) + 1)[1:-1]
        return jnp.asarray(low + np.concatenate([[0.0, WALL], inner, [width - WALL, width]]))

    return Voxels(edges(0.0, WIDTH), edges(0.0, LENGTH), edges(FLOOR, HEIGHT))


def steel_box() -> Volume:
    """The empty box: walls of steel, air within."""
    voxels = grid()
    nx, ny, nz = voxels.shape
    inside = [(np.arange(n) > 0) & (np.arange(n) < n - 1) for n in (nx, ny, nz)]
    air = inside[0][:, None, None] & inside[1][:, None] & inside[2]
    return Volume.of(voxels, jnp.asarray(np.where(air, 0, 1)), [material("air"), material("steel")])


def hodoscopes(design: CargoDesign) -> tuple[Hodoscopes, Hodoscopes]:
    """The boxes above and below, whose planes spend the budget."""
    above, below = spans(design.upper.share, design.lower.share, BUDGET / (PLANES * PRICE))
    gaps = jnp.full(PLANES - 1, GAP)

    def arm(places: UpperHodoscopes | LowerHodoscopes, span: Float[Array, "box"]) -> Hodoscopes:
        return Hodoscopes(places.x, places.y, places.z, span, gaps, CASING)

    return arm(design.upper, above), arm(design.lower, below)


def hodoscope_stacks(design: CargoDesign, scan: ScanOptions) -> tuple[Panels, Panels]:
    """The planes above and below."""
    upper, lower = hodoscopes(design)
    more: dict[str, Any] = {"price": PRICE, "thickness": scan.thickness, "sampled": False}
    return (
        upper.panels("upper", RESOLUTION, scan.efficiency, **more),
        lower.panels("lower", RESOLUTION, scan.efficiency, **more),
    )


def reference_design(name: str) -> CargoDesign:
    """A layout by hand, in the folder references: "even", or "crowded", where the search starts."""
    place = files("daedalus.studies.muon_tomography.cargo") / "references" / f"{name}.json"
    table = json.loads(place.read_text())["hodoscopes"]
    column = lambda arm, axis: jnp.asarray(np.array([row[axis] for row in table[arm]]) * cm)
    arms = {arm: {axis: column(arm, axis) for axis in "xyz"} | {"share": jnp.zeros(len(table[arm]))} for arm in table}
    return CargoDesign(UpperHodoscopes(**arms["upper"]), LowerHodoscopes(**arms["lower"]))


def cargo_recipe(problem: Problem) -> Recipe:
    """How it is best optimised: one start, all parameters together, edges sharpened on the way."""
    steps = {f"{arm}.{axis}": size for arm in ("upper", "lower") for axis, size in
             (("x", 3 * cm), ("y", 6 * cm), ("z", 2 * cm), ("share", 0.05))}  # fmt: skip
    optimiser = Adam(steps=steps, softness=Geometric(1.0, 0.1))
    return Recipe(optimiser, rounds=150, events=MUONS, scenarios=VOLUMES, scoring_scenarios=400)


def _separation(design: CargoDesign) -> Float[Array, ""]:
    upper, lower = hodoscopes(design)
    return jnp.minimum(least_separation(upper), least_separation(lower))


CONSTRAINTS = (
    Constraint("separation", _separation, lower=0.0, unit="cm", scale=1 * cm, known=True, doc="gap between hodoscopes"),
)
COST = Metric(
    "cost",
    lambda design, summaries, truths: (
        PLANES * PRICE * jnp.sum(jnp.concatenate([a.span for a in hodoscopes(design)]) ** 2)
    ),
    "EUR",
    "area of all planes times price",
    always=True,
)
