"""The problem: walls buried in soil, between panels on the ground and in a tunnel; all its numbers."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from daedalus.catalogue import Recipe, takes
from daedalus.core import Metric, Objective, Pipeline, Problem, Scenarios, Summaries
from daedalus.detectors.panels import Panels
from daedalus.geometry import Voxels
from daedalus.inference.contrast_information import ContrastInformation
from daedalus.inference.fisher import exposure_for
from daedalus.optimisers import Adam, Geometric
from daedalus.physics.materials import mixture
from daedalus.sources.apertures import ThroughBox
from daedalus.sources.cosmic_muons import CosmicMuons
from daedalus.studies.muon_tomography.contents import Contents
from daedalus.studies.muon_tomography.detection import SIGMAS, typical_time
from daedalus.studies.muon_tomography.imaging import model
from daedalus.studies.muon_tomography.options import ScanOptions, first_design
from daedalus.studies.muon_tomography.scan import Scan, scan_stages, with_flaws
from daedalus.studies.muon_tomography.scanner import spans
from daedalus.studies.muon_tomography.target import Target
from daedalus.studies.muon_tomography.walls.design import GroundPanels, TunnelPanels, WallsDesign
from daedalus.transport.volume import Volume
from daedalus.units import cm, m, mm, s

SIDE, BOTTOM, DEPTH = 10.0 * m, 3.0 * m, 10.0 * m  # of the site; its lower face above the tunnel's floor
CELLS = 10  # voxels of a metre along each axis
TOP = 16.5 * m  # height of the plane on which muons start
LEAST_ENERGY = 4.0  # GeV; muons of less do not reach the tunnel through 10 m of soil of 1.6 g/cm3
SOIL = mixture("soil", {"SiO2": 1.0}, 1.6)  # dry sand
WALL = mixture("wall", {"SiO2": 0.5, "CaO": 0.5}, 2.3)  # stone and mortar
HEIGHTS = (3, 8)  # least and most voxels of a wall, from the bottom of the site
RESOLUTION = 1.0 * mm  # of each panel in x and y
BUDGET = 200.0  # EUR; nominal: two hundred square metres at the nominal price
PRICE = 1.0  # EUR/m2
MUONS = 10000  # of more than the least energy that cross the site
VOLUMES = 16  # sites per evaluation
PANELS = 4  # in each arm
GROUND_ERROR = 0.1  # relative standard deviation of the ground's density beforehand [1]
LEAST_INFORMATION = 1e-6  # of a scan that sees nothing: its time is then finite [1]


@takes(ScanOptions)
def walls(scan: ScanOptions, *, start: str = "corner") -> Problem:
    """Where to put four panels on the ground and four in a tunnel so that buried walls are found soonest.

    Args:
        scan: muons, what is known of them, flaws and risk; see `ScanOptions`.
        start: reference layout that the search starts from.

    Raises:
        ProblemError: an option out of range.
    """
    target, contents = Target(soil(), (WALL,)), Scenarios(random_walls, VOLUMES)
    low, high = (0.0, 0.0, BOTTOM), (SIDE, SIDE, BOTTOM + DEPTH)
    source = CosmicMuons(ThroughBox(low, high, TOP), scan.flux, energies=(LEAST_ENERGY, 500.0))
    references = {"even": even(5.0 * m), "corner": even(1.5 * m)}

    def build(design: WallsDesign, truth: Scan) -> Pipeline:
        arms = panel_stacks(design, scan)
        stages = scan_stages(arms, target.volume(truth.contents), truth.flaws, source, scan)
        information = ContrastInformation(
            model(target.voxels, loses=scan.energy_loss), *target.densities(truth.contents)
        )
        return Pipeline(stages, {"information": information})

    cost = lambda design, summaries, truths: sum((arm.cost for arm in panel_stacks(design, scan)), jnp.zeros(()))
    return Problem(
        name="muon_tomography/walls",
        start=first_design(references, start),
        build=build,
        objectives=(time_objective(scan, source.exposure(MUONS)),),
        metrics=(Metric("cost", cost, "EUR", "area of all panels times price", always=True),),
        source=source,
        scenarios=with_flaws(contents, 2 * PANELS, scan),
        doc="walls buried in ten metres of soil",
        events=MUONS,
        references=references,
        physics=scan.physics(),
    )


def time_objective(scan: ScanOptions, seconds: float) -> Objective:
    """The scanning time after which the walls are a three-sigma effect, the density of the ground profiled.

    See `daedalus.inference.contrast_information` and `typical_time`.

    Args:
        scan: how scans are weighed.
        seconds: a scan takes [s].
    """

    def time(design: WallsDesign, summaries: Summaries, truths: Scan) -> Float[Array, ""]:
        return typical_time(scans_to_find(summaries), summaries, scan) * seconds * s

    doc = "of scanning until walls at a known place are a three-sigma effect, geometric mean"
    return Objective("time_to_find", time, "s", 0.03 * seconds * s, doc=doc)


def scans_to_find(summaries: Summaries) -> Float[Array, "scenario"]:
    """The scanning time after which each site's walls are a three-sigma effect [scans]."""
    rate = summaries["information"] + LEAST_INFORMATION * jnp.eye(2)
    return jax.vmap(lambda each: exposure_for(each, np.array([GROUND_ERROR]), SIGMAS))(rate)


def site() -> Voxels:
    """The grid of the site."""
    side = jnp.linspace(0.0, SIDE, CELLS + 1)
    return Voxels(side, side, jnp.linspace(BOTTOM, BOTTOM + DEPTH, CELLS + 1))


def soil() -> Volume:
    """The site without a wall."""
    return Volume.of(site(), jnp.zeros((CELLS,) * 3, int), [SOIL])


def random_walls(key: Key[Array, ""], index: Int[Array, ""], count: int) -> Contents:
    """A wall along x and one along y, a metre thick, each of random place, length and height from the bottom."""
    first, second = (_wall(own, axis) for axis, own in enumerate(jax.random.split(key)))
    kind = jnp.where(first | second, 1, 0)
    return Contents(kind, jnp.asarray(True), jnp.zeros_like(kind))


def _wall(key: Key[Array, ""], axis: int) -> Array:
    """The voxels of a wall across a horizontal axis."""
    place, ends, height = jax.random.split(key, 3)
    cell = jnp.arange(CELLS)
    across = cell == jax.random.randint(place, (), 1, CELLS - 1)
    first, last = jnp.sort(jax.random.randint(ends, (2,), 0, CELLS))
    along = (cell >= first) & (cell <= last)
    up = cell < jax.random.randint(height, (), HEIGHTS[0], HEIGHTS[1] + 1)
    x, y = (across, along) if axis == 0 else (along, across)
    return x[:, None, None] & y[:, None] & up


def panel_stacks(design: WallsDesign, scan: ScanOptions) -> tuple[Panels, Panels]:
    """The panels on the ground and in the tunnel, whose areas spend the budget."""
    above, below = spans(design.upper.share, design.lower.share, BUDGET / PRICE)

    def stack(arm: GroundPanels | TunnelPanels, span: Float[Array, "plane"], label: str) -> Panels:
        make = partial(Panels, edges=None, label=label, sampled=False, price=PRICE, thickness=scan.thickness)
        return make(arm.x, arm.y, arm.z, span, RESOLUTION, efficiency=scan.efficiency)

    return stack(design.upper, above, "upper"), stack(design.lower, below, "lower")


def even(middle: float) -> WallsDesign:
    """A layout by hand: equal panels evenly spaced in height, centred at x = y = ``middle`` [m]."""
    column = lambda low, high: jnp.asarray(np.linspace(low, high, PANELS))
    place = {"x": jnp.full(PANELS, middle), "y": jnp.full(PANELS, middle), "share": jnp.zeros(PANELS)}
    return WallsDesign(
        GroundPanels(z=column(13.2 * m, 15.8 * m), **place), TunnelPanels(z=column(0.2 * m, 2.8 * m), **place)
    )


def walls_recipe(problem: Problem) -> Recipe:
    """How it is best optimised: one start, all parameters together, edges sharpened on the way."""
    steps = {f"{arm}.{axis}": size for arm in ("upper", "lower") for axis, size in
             (("x", 30 * cm), ("y", 30 * cm), ("z", 5 * cm), ("share", 0.05))}  # fmt: skip
    optimiser = Adam(steps=steps, softness=Geometric(1.0, 0.1))
    return Recipe(optimiser, rounds=80, events=MUONS, scenarios=VOLUMES, scoring_scenarios=200)
