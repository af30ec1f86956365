"""The apparatus: eight panels of a fixed price around the ladle, and the chain from a muon to the sums of a scan."""

from __future__ import annotations

import json
from importlib.resources import files

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from daedalus.core import Pipeline
from daedalus.detectors.edges import Edges, GaussianEdges, SigmoidEdges
from daedalus.detectors.panels import Panels
from daedalus.detectors.spectrometer import Spectrometer
from daedalus.objectives import budget_shares
from daedalus.reconstruction.closest_approach import ClosestApproach
from daedalus.reconstruction.line_fit import LineFit
from daedalus.sources.apertures import HorizontalWindow, ThroughBox, WindowAndBox
from daedalus.sources.cosmic_muons import CosmicMuons
from daedalus.sources.muon_file import MuonFile
from daedalus.studies.muon_tomography.design import LadleDesign, LowerPanels, PricedLadleDesign, UpperPanels
from daedalus.studies.muon_tomography.likelihood_level import LevelLikelihood
from daedalus.studies.muon_tomography.options import LadleOptions
from daedalus.studies.muon_tomography.poca_level import poca_passes
from daedalus.studies.muon_tomography.scenario import FLOOR, RIM, SIDE, Ladle, ladle_volume
from daedalus.transport.multiple_scattering import MultipleScattering
from daedalus.units import cm, mm

MUONS = 1000  # per scan, as published
SCANS = 40  # ladles per evaluation, as published
BUDGET = 6.0  # EUR; nominal sum of the published set-up
PRICE = 1.0  # EUR/m2; nominal price of panel area in the published set-up
RESOLUTION = 0.1 * mm  # of each panel in x and y
TOP = 180 * cm  # height of the plane on which muons start
MARGIN = 40.2 * cm  # of the window beyond the ladle, tan(15 deg) * 1.5 m, as in the reference code
LOSS_PER_THICKNESS = 0.0203  # GeV per radiation length of iron: 1.451 MeV cm2/g * 13.84 g/cm2 (PDG 2024)


def muon_source(options: LadleOptions) -> CosmicMuons | MuonFile:
    """The muons of a scan: all that cross the ladle, the published sample, or those of a file."""
    if options.muon_file:
        return MuonFile(options.muon_file, events=MUONS * SCANS)
    low, high = (0.0, 0.0, FLOOR), (SIDE, SIDE, RIM)
    if not options.published:
        return CosmicMuons(ThroughBox(low, high, TOP), options.flux)
    reach = (-MARGIN, SIDE + MARGIN)
    window = WindowAndBox(HorizontalWindow(reach, reach, TOP), low, high)
    return CosmicMuons(window, "shukla_sankrith", momentum=5.0)


def scan_pipeline(design: LadleDesign, truth: Ladle, options: LadleOptions) -> Pipeline:
    """The chain of one scan: momentum, upper panels, ladle, lower panels, tracks, closest approach, two estimates."""
    form = SigmoidEdges() if options.edges == "sigmoid" else GaussianEdges()
    upper, lower = panel_stacks(design, form, sampled=options.sampled_edges, efficiency=options.efficiency)
    ladle = MultipleScattering(
        ladle_volume(truth.level),
        law=options.scattering,
        segments=options.segments,
        energy_loss=options.loses,
        tail_fraction=options.tail_fraction,
    )
    stages = (
        Spectrometer(options.resolution),
        upper,
        ladle,
        lower,
        LineFit("upper", options.least_hits),
        LineFit("lower", options.least_hits),
        ClosestApproach(),
    )
    first, *others = poca_passes()
    likelihood = LevelLikelihood(LOSS_PER_THICKNESS if options.loses else 0.0)
    return Pipeline(stages, [{**first, "likelihood": likelihood}, *others])


def panel_stacks(
    design: LadleDesign | PricedLadleDesign,
    edges: Edges | None = None,
    *,
    sampled: bool = False,
    efficiency: float = 1.0,
) -> tuple[Panels, Panels]:
    """The panels above and below the ladle, sharp; ``edges`` is the form of their relaxed ones."""
    spans, above = panel_spans(design), len(design.upper.z)

    def stack(arm: UpperPanels | LowerPanels, span: Float[Array, "plane"], label: str) -> Panels:
        form = SigmoidEdges() if edges is None else edges
        return Panels(arm.x, arm.y, arm.z, span, RESOLUTION, efficiency, None, label, form, sampled, PRICE)

    return stack(design.upper, spans[:above], "upper"), stack(design.lower, spans[above:], "lower")


def panel_spans(design: LadleDesign | PricedLadleDesign) -> Float[Array, "plane"]:
    """The widths of all panels, upper ones first, that spend the budget [m]."""
    logits = jnp.concatenate([design.upper.share, design.lower.share])
    budget = design.budget if isinstance(design, PricedLadleDesign) else BUDGET
    return jnp.sqrt(budget_shares(logits, budget) / PRICE)


def panel_cost(design: LadleDesign | PricedLadleDesign) -> Float[Array, ""]:
    """The price of all panels [EUR]."""
    upper, lower = panel_stacks(design)
    return upper.cost + lower.cost


def reference_design(name: str, spending: str = "fixed") -> LadleDesign | PricedLadleDesign:
    """A published layout, "initial", "human_1" or "human_2", or one of ours in the folder references."""
    table = json.loads((files("daedalus.studies.muon_tomography") / "references" / f"{name}.json").read_text())[
        "panels"
    ]
    places = lambda rows, axis: jnp.asarray(np.array([row[axis] for row in rows]) * cm)  # rounded once
    columns = {arm: {axis: places(rows, axis) for axis in "xyz"} for arm, rows in table.items()}
    shares = {arm: jnp.array([row.get("share", 0.0) for row in table[arm]]) for arm in table}
    upper = UpperPanels(**columns["upper"], share=shares["upper"])
    lower = LowerPanels(**columns["lower"], share=shares["lower"])
    return LadleDesign(upper, lower) if spending == "fixed" else PricedLadleDesign(upper, lower, jnp.asarray(BUDGET))
