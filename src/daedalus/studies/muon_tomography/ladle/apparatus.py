"""The apparatus: the scanner around the ladle, and the chain from a muon to the sums of a scan."""

from __future__ import annotations

from daedalus.core import Pipeline
from daedalus.detectors.edges import GaussianEdges, SigmoidEdges
from daedalus.detectors.spectrometer import Spectrometer
from daedalus.sources.apertures import HorizontalWindow, ThroughBox, WindowAndBox
from daedalus.sources.cosmic_muons import CosmicMuons
from daedalus.sources.muon_file import MuonFile
from daedalus.studies.muon_tomography.design import PricedScannerDesign, ScannerDesign
from daedalus.studies.muon_tomography.ladle.likelihood_level import LevelLikelihood
from daedalus.studies.muon_tomography.ladle.options import LadleOptions
from daedalus.studies.muon_tomography.ladle.poca_level import poca_passes
from daedalus.studies.muon_tomography.ladle.scenario import Ladle, ladle_volume
from daedalus.studies.muon_tomography.scanner import FLOOR, RIM, SIDE, TOP, panel_stacks, tracking
from daedalus.transport.multiple_scattering import MultipleScattering
from daedalus.units import cm

MUONS = 1000  # per scan, as published
SCANS = 40  # ladles per evaluation, as published
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


def scan_pipeline(design: ScannerDesign | PricedScannerDesign, truth: Ladle, options: LadleOptions) -> Pipeline:
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
    stages = (Spectrometer(options.resolution), upper, ladle, lower, *tracking(options.least_hits))
    first, *others = poca_passes()
    likelihood = LevelLikelihood(LOSS_PER_THICKNESS if options.loses else 0.0)
    return Pipeline(stages, [{**first, "likelihood": likelihood}, *others])
