"""Maps of what is scanned: the passes of a method, the map they end in, and how wrong it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from daedalus.core import Metric, Objective, Summaries
from daedalus.geometry import Voxels
from daedalus.inference.density_map import DensityMap
from daedalus.inference.ordered_classes import class_probability
from daedalus.inference.poca_density import density_map, poca_density_passes
from daedalus.inference.scattering_likelihood import ScatteringModel, likelihood_map, scattering_passes
from daedalus.objectives import ordered_distance, risk, squared_log_error
from daedalus.physics.materials import Material
from daedalus.studies.muon_tomography.options import MapOptions, ScanOptions
from daedalus.studies.muon_tomography.scan import Scan
from daedalus.studies.muon_tomography.target import Target
from daedalus.units import GeV, m

LOSS = 0.012 * GeV  # mean energy loss per radiation length: between lead (0.007) and iron (0.020); PDG 2024
LEAST_DENSITY = 3.0 / m  # inverse radiation length that is too small to matter, about water's
IMAGE_SCALE = 0.01  # a change of the squared logarithmic error that matters, 10 % of the radiation length


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


def image_objective(target: Target, scan: ScanOptions, mapping: MapOptions) -> Objective:
    """The squared error of the map on the logarithmic scale, mean over voxels, at the options' risk over scans."""

    def error(design: Any, summaries: Summaries, truths: Scan) -> Float[Array, ""]:
        found = final_map(summaries, target.voxels, mapping).density
        squares = squared_log_error(found, target.density(truths.contents), LEAST_DENSITY)
        return risk(jnp.mean(squares, (-3, -2, -1)), summaries.weight, scan.risk, tail=scan.tail)

    doc = f"squared error of ln(1/X0 + {LEAST_DENSITY:g}/m), mean over voxels"
    return Objective("x0_error", error, "1", IMAGE_SCALE, doc=doc)


def class_metric(target: Target, materials: Sequence[Material], mapping: MapOptions) -> Metric:
    """The distance between a voxel's class and the inferred one, the classes being materials by radiation length."""
    values = jnp.log(jnp.asarray([1.0 / material.X0 for material in materials]) + LEAST_DENSITY)

    def distance(design: Any, summaries: Summaries, truths: Scan) -> Float[Array, ""]:
        found = final_map(summaries, target.voxels, mapping)
        seen = jnp.maximum(found.density, 0.0) + LEAST_DENSITY
        probability = class_probability(jnp.log(seen), found.error / seen, values)
        true = jnp.log(target.density(truths.contents) + LEAST_DENSITY)
        nearest = jnp.argmin(jnp.abs(true[..., None] - values), -1)
        return summaries.mean(jnp.mean(ordered_distance(probability, nearest), (-3, -2, -1)))

    return Metric("class_distance", distance, doc="classes between a voxel's material and the inferred one")
