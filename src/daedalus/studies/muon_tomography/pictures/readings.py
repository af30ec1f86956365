"""Readings: what several layouts make of the same scans, and the pictures of one scan that every problem shares."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Key
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from daedalus.core import Point, Problem, Summaries
from daedalus.drawing.density import density_scale
from daedalus.drawing.palette import BLUE, GREEN, PURPLE, VERMILION
from daedalus.drawing.scene import Contents as Seen
from daedalus.drawing.scene import Scene
from daedalus.drawing.slices import fullest, slices_figure
from daedalus.drawing.space import space_figure
from daedalus.drawing.views import Plane, views_figure
from daedalus.geometry import Element, Voxels
from daedalus.inference.density_map import DensityMap
from daedalus.physics.materials import material, names
from daedalus.studies.muon_tomography.contents import DENSE_SCRAP, SCRAP
from daedalus.studies.muon_tomography.detection import block_score
from daedalus.studies.muon_tomography.imaging import final_map
from daedalus.studies.muon_tomography.options import MapOptions
from daedalus.studies.muon_tomography.paths import (
    SCANNER,
    Heights,
    Passages,
    deflection_points,
    paths,
    scanned_volume,
    with_passages,
)
from daedalus.transport.volume import Volume

EXAMPLE = 2  # number of the scan that is drawn: of imaging it has three blocks, of detection a hidden one
HIDDEN = 3  # number of the hidden block's material
TRACKS, POINTS, FIRST = 24, 150, 2000  # that are drawn of an example, and muons they are taken from
BLOCK = 8192  # least of the muons in memory at once; all those of a scan are
MOST_KINDS = 12  # densities of a volume up to which each is looked up by name
COLOURS = {"start": VERMILION, "optimised": BLUE, "human 1": GREEN, "human 2": PURPLE, "even": GREEN}
LABELS = {"upper": "upper panels", "lower": "lower panels", "tracks": "accepted muons"}

Quantity = Callable[[Summaries, Volume], Any]  # of all scans, from their sums and what stood in them


class Measured(NamedTuple):
    """What one layout measured in many scans."""

    volume: Volume  # of the scans
    contents: Any  # the same as numbers of materials
    accepted: Float[np.ndarray, ""]  # share of the muons [1]
    passages: Passages  # of the example
    found: Any  # what was asked for


class Reading(NamedTuple):
    """What one layout made of many scans."""

    maps: DensityMap  # inferred 1/X0, axis scenario first [1/m]
    accepted: Float[np.ndarray, ""]  # share of the muons [1]
    passages: Passages  # of the example
    by_exposure: Sequence[DensityMap]  # inferred after shorter or longer scans [1/m]

    @property
    def known(self) -> Bool[np.ndarray, "scenario nx ny nz"]:
        """Whether a voxel was seen."""
        return np.isfinite(self.maps.error)


class Truth(NamedTuple):
    """What stood in the scans, which all layouts share."""

    voxels: Voxels
    density: Float[np.ndarray, "scenario nx ny nz"]  # 1/X0 [1/m]
    present: Bool[np.ndarray, "scenario"]
    size: int  # of the hidden block's sides, 0 where there is none [voxels]
    block: Bool[np.ndarray, "nx ny nz"]  # where it is hidden in the example


def readings(
    problem: Problem,
    designs: Mapping[str, Any],
    *,
    key: Key[Array, ""],
    scans: int,
    after: Sequence[Callable[[Summaries], Summaries]] = (lambda summaries: summaries,),
) -> tuple[Truth, dict[str, Reading]]:
    """The readings of several layouts with hard panel edges, on the same volumes and muons.

    Args:
        problem: one that ends in a map: x0_imaging, block_detection or cargo_hodoscopes.
        designs: layouts by name.
        key: decides volumes and muons.
        scans: volumes [1].
        after: the sums of a scan, and those of shorter or longer ones where maps of these are wanted too.
    """

    def maps(summaries: Summaries, volume: Volume) -> Any:
        method = "likelihood" if "likelihood_map" in summaries.sums else "shared"
        voxels = jax.tree.map(lambda edges: edges[EXAMPLE], volume.voxels)
        return [final_map(take(summaries), voxels, MapOptions(method=method)) for take in after]

    found = measured(problem, designs, maps, key=key, scans=scans)
    first = next(iter(found.values()))
    hidden, present = first.contents.kind == HIDDEN, first.contents.present
    voxels = jax.tree.map(jnp.asarray, jax.tree.map(lambda edges: edges[EXAMPLE], first.volume.voxels))
    true = np.asarray(first.volume.inverse_radiation_length)
    size = round(float(np.sum(hidden, (1, 2, 3))[present].max()) ** (1 / 3)) if present.any() else 0
    read = {}
    for name, each in found.items():
        own, *others = each.found
        read[name] = Reading(own, each.accepted, each.passages, others)
    return Truth(voxels, true, present, size, hidden[EXAMPLE]), read


def measured(
    problem: Problem, designs: Mapping[str, Any], quantity: Quantity, *, key: Key[Array, ""], scans: int
) -> dict[str, Measured]:
    """What several layouts with hard panel edges measure, on the same volumes and muons.

    Args:
        problem: whose chain ends in tracks of both arms and closest approaches.
        designs: layouts by name.
        quantity: what is asked for; traceable.
        key: decides volumes and muons.
        scans: volumes [1].
    """
    muons = problem.events
    partition = problem.partition(muons, scans, block=max(BLOCK, muons))
    partition = dataclasses.replace(partition, devices=jax.local_device_count())
    traced = with_passages(problem, min(FIRST, muons))

    @jax.jit  # once for all layouts: compilation takes most of the time
    def measure(point: Point) -> tuple[Any, ...]:
        summaries, truths = traced.summaries(point, key=key, partition=partition)
        volume = jax.vmap(lambda truth: scanned_volume(problem, problem.space.design(point), truth))(truths)
        accepted, seen = jnp.mean(summaries.accepted) / muons, summaries["passages"].of(EXAMPLE)
        return volume, truths.contents, accepted, seen, quantity(summaries, volume)

    found = {name: measure(problem.space.point(design)) for name, design in designs.items()}
    return {name: Measured(*jax.tree.map(np.asarray, each)) for name, each in found.items()}


def block_scores(maps: DensityMap, truth: Truth) -> Float[np.ndarray, "scenario"]:
    """The score of a hidden block in every map; see `daedalus.studies.muon_tomography.detection.block_score`.

    Args:
        maps: inferred 1/X0, axis scenario first [1/m].
        truth: how large a block is.
    """
    return np.asarray(block_score(jax.tree.map(jnp.asarray, maps), truth.size))


def block_levels(truth: Truth) -> list[int]:
    """The numbers of the example's layers with the hidden block: below it, its lowest and its highest."""
    heights = np.flatnonzero(truth.block.any((0, 1)))
    return sorted({max(int(heights[0]) - 1, 0), int(heights[0]), int(heights[-1])})


def material_names(density: Float[np.ndarray, "..."]) -> dict[str, float]:
    """The inverse radiation lengths [1/m] of a volume's materials by name; none where it holds others or too many."""
    kinds = np.unique(density)
    known = {each.name: 1.0 / each.X0 for each in (SCRAP, DENSE_SCRAP, *map(material, names()))}
    found = {}
    for kind in kinds if len(kinds) <= MOST_KINDS else ():
        name = next((name for name, value in known.items() if np.isclose(value, kind, rtol=1e-5)), None)
        if name is None:
            return {}
        found[name] = known[name]
    return found


def scene_of(
    elements: Sequence[Element], seen: Seen, read: Measured | Reading, scale: LogNorm, heights: Heights = SCANNER
) -> Scene:
    """One layout with a scan that it saw: paths of accepted muons, and where they were deflected.

    Args:
        elements: of the layout.
        seen: what stood in the example.
        read: what the layout saw.
        scale: of the colours.
        heights: where paths bend and end.
    """
    tracks = paths(read.passages, TRACKS, heights)
    points = deflection_points(read.passages, POINTS, seen.voxels.box)
    return Scene(elements, seen, tracks, points, LABELS, scale)


def layout_views(
    scenes: Mapping[str, Scene], read: Mapping[str, Measured | Reading], planes: Sequence[Plane] = ("xz", "xy")
) -> Figure:
    """The layouts from the side and from the top.

    Args:
        scenes: by name of the layout.
        read: what each of them saw, whose acceptance is told.
        planes: the views.
    """
    return views_figure({_title(name, read[name]): scene for name, scene in scenes.items()}, planes=planes)


def layout_space(scenes: Mapping[str, Scene], read: Mapping[str, Measured | Reading]) -> Figure:
    """The layouts in space, without closest approaches, which would hide what they are in; see `layout_views`."""
    bare = {_title(n, read[n]): dataclasses.replace(scene, points=None) for n, scene in scenes.items()}
    return space_figure(bare)


def _title(name: str, read: Measured | Reading) -> str:
    return f"{name}: {100 * read.accepted:.1f} % of muons accepted"


def example_slices(
    truth: Truth, read: Mapping[str, Reading], levels: Sequence[int] | None = None, **options: Any
) -> Figure:
    """Slices of the example's true map and of the inferred ones.

    Args:
        truth: what stood in it.
        read: what the layouts made of it, by name.
        levels: numbers of layers; those that hold most matter by default.
        options: of `daedalus.drawing.slices.slices_figure`.
    """
    true, scale = truth.density[EXAMPLE], density_scale(truth.density)
    found = {name: np.where(each.known, each.maps.density, np.nan)[EXAMPLE] for name, each in read.items()}
    levels = fullest(true, scale) if levels is None else levels
    return slices_figure(truth.voxels, {"true": true, **found}, scale=scale, levels=levels, **options)
