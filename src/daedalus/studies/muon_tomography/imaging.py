"""Maps of what is scanned: the passes of a method, and the map they end in."""

from __future__ import annotations

from typing import Any

from daedalus.core import Summaries
from daedalus.geometry import Voxels
from daedalus.inference.density_map import DensityMap
from daedalus.inference.poca_density import density_map, poca_density_passes
from daedalus.inference.scattering_likelihood import ScatteringModel, likelihood_map, scattering_passes
from daedalus.studies.muon_tomography.options import MapOptions
from daedalus.units import GeV

LOSS = 0.012 * GeV  # mean energy loss per radiation length: between lead (0.007) and iron (0.020); PDG 2024


def model(voxels: Voxels, *, loses: bool = True) -> ScatteringModel:
    """The model of scattering behind the likelihood; ``loses``: whether muons lose energy on their way."""
    return ScatteringModel(voxels, loss=LOSS if loses else 0.0)


def map_passes(voxels: Voxels, options: MapOptions, *, loses: bool = True) -> list[dict[str, Any]]:
    """The passes of a method; the last one's name is that of `final_map`'s sums."""
    shared = options.method != "poca"
    passes = list(poca_density_passes(voxels, shared=shared, loss=LOSS if loses else 0.0))
    if options.method == "likelihood":
        passes += scattering_passes(model(voxels, loses=loses), options.steps, before="density")
    return passes


def final_map(summaries: Summaries, voxels: Voxels, options: MapOptions) -> DensityMap:
    """The maps of all scenarios."""
    if options.method == "likelihood":
        return likelihood_map(model(voxels), summaries["likelihood_map"])
    return density_map(summaries["density"])
