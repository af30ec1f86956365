"""Sources: where particles come from. What a source does not know: any detector, any study."""

from daedalus.sources.apertures import Aperture, HorizontalWindow, Start, ThroughBox, WindowAndBox
from daedalus.sources.cosmic_muons import CosmicMuons
from daedalus.sources.flux_table import FluxTable
from daedalus.sources.muon_columns import Columns, read_columns
from daedalus.sources.muon_file import MuonFile

__all__ = [
    "Aperture",
    "Columns",
    "CosmicMuons",
    "FluxTable",
    "HorizontalWindow",
    "MuonFile",
    "Start",
    "ThroughBox",
    "WindowAndBox",
    "read_columns",
]
