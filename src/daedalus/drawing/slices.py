"""Slices of voxel maps side by side: true, inferred, and by how much they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import QuadMesh
from matplotlib.colors import ListedColormap, LogNorm, Normalize, TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter

from daedalus.drawing.density import density_bar, density_colours, density_scale, thinnest
from daedalus.drawing.palette import GREY, PALE
from daedalus.drawing.scene import length_unit
from daedalus.geometry import Voxels

PANEL = 1.6  # width of a slice [inch]
ERROR_COLOURS = "RdBu_r"
ERROR_LIMITS = (-1.0, 3.0)  # of the relative error that colours tell apart [1]


def slices_figure(
    voxels: Voxels,
    maps: Mapping[str, Float[np.ndarray, "nx ny nz"]],
    *,
    truth: str = "true",
    levels: Sequence[int] | None = None,
    errors: bool = True,
    scale: LogNorm | None = None,
    pad: float = 0.02,
) -> Figure:
    """Horizontal slices of maps of 1/X0: a column per map, then one per relative error, a row per height.

    All maps share one logarithmic scale, that of the truth by default. The relative error is inferred / true - 1 where
    there is matter, that is, where the truth is not below the scale. Voxels that are NaN in a map were not seen: they
    are grey.

    Args:
        voxels: the grid of all maps.
        maps: by title, the truth among them [1/m].
        truth: its title.
        levels: numbers of the layers; by default three that hold most matter [1].
        errors: whether relative errors are drawn too.
        scale: of the colours.
        pad: between slices and colour bars; titles of narrow slices need more [widths of the slices].
    """
    true = maps[truth]
    scale = density_scale(true) if scale is None else scale
    layers = list(range(true.shape[2])) if levels is None and true.shape[2] <= 3 else levels
    layers = fullest(true, scale) if layers is None else list(layers)
    wrong = [title for title in maps if title != truth] if errors else []
    columns = len(maps) + len(wrong)
    size = (PANEL * columns + (2.3 if wrong else 1.4), (PANEL + 0.42) * len(layers) + 0.6)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(len(layers), columns, squeeze=False, sharex=True, sharey=True)
    for row, level in zip(grid, layers, strict=True):
        for axes, (title, values) in zip(row, maps.items(), strict=False):
            draw_slice(axes, voxels, values, level, title=title, scale=scale)
        for axes, title in zip(row[len(maps) :], wrong, strict=True):
            error = relative_error(maps[title], true, thinnest(scale))
            draw_error_slice(axes, voxels, error, level, title=f"{title}, error")
            _draw_unseen(axes, voxels, maps[title][:, :, level])
    for axes in grid[:, 1:].flat:
        axes.set_ylabel("")
    for axes in grid[:-1].flat:
        axes.set_xlabel("")
    density_bar(figure, grid[:, : len(maps)].ravel().tolist(), scale, location="left" if wrong else "right", pad=pad)
    if wrong:
        _error_bar(figure, grid[:, len(maps) :].ravel().tolist(), pad)
    told = {"thinner than the scale": Patch(fc="white", ec=GREY, lw=0.6)}
    if any(not np.isfinite(each[:, :, layers]).all() for each in maps.values()):
        told["not seen"] = Patch(fc=PALE)
    figure.legend([*told.values()], [*told], loc="outside lower center", ncols=2, frameon=False, fontsize="small")
    return figure


def draw_slice(
    axes: Axes, voxels: Voxels, values: Float[np.ndarray, "nx ny nz"], level: int, *, title: str, scale: LogNorm
) -> QuadMesh:
    """Draws one layer of a map of 1/X0, its height in the title.

    Args:
        axes: where.
        voxels: the grid.
        values: the map [1/m].
        level: number of the layer from below [1].
        title: name of the map.
        scale: of the colours.
    """
    _draw_unseen(axes, voxels, values[:, :, level])
    return _draw_layer(axes, voxels, values[:, :, level], level, title, norm=scale, cmap=density_colours())


def draw_error_slice(
    axes: Axes, voxels: Voxels, values: Float[np.ndarray, "nx ny nz"], level: int, *, title: str
) -> QuadMesh:
    """Draws one layer of a map of relative errors [1]; arguments as for `draw_slice`."""
    return _draw_layer(axes, voxels, values[:, :, level], level, title, norm=_error_norm(), cmap=ERROR_COLOURS)


def relative_error(
    found: Float[np.ndarray, "nx ny nz"], true: Float[np.ndarray, "nx ny nz"], least: float
) -> Float[np.ndarray, "nx ny nz"]:
    """The relative error found / true - 1 [1], NaN where the truth is below ``least``, as it is in air.

    Args:
        found: the inferred map [1/m].
        true: the true one [1/m].
        least: the thinnest that counts as matter [1/m].
    """
    return np.where(true >= least, found / np.where(true >= least, true, 1.0) - 1.0, np.nan)


def fullest(true: Float[np.ndarray, "nx ny nz"], scale: LogNorm, count: int = 3) -> list[int]:
    """The numbers of the layers that hold most matter, from below, no two neighbours among them where it can be.

    Args:
        true: the map [1/m].
        scale: what is below it is no matter.
        count: of layers at most [1].
    """
    least = thinnest(scale)
    matter = np.sum(np.log(np.maximum(true, least) / least), (0, 1))
    chosen: list[int] = []
    for apart in (2, 1):
        for level in np.argsort(-matter, kind="stable"):
            if len(chosen) < count and all(abs(int(level) - other) >= apart for other in chosen):
                chosen.append(int(level))
    return sorted(chosen)


def _draw_layer(
    axes: Axes, voxels: Voxels, layer: np.ndarray, level: int, title: str, *, norm: Normalize, cmap: object
) -> QuadMesh:
    x, y, z = (np.asarray(edges, float) for edges in (voxels.x, voxels.y, voxels.z))
    name, size = length_unit(((x[0], x[-1]), (y[0], y[-1]), (z[0], z[-1])))
    mesh = axes.pcolormesh(x / size, y / size, layer.T, norm=norm, cmap=cmap)  # pyright: ignore[reportArgumentType]
    axes.set_title(f"{title}\nz = {z[level] / size:.4g} to {z[level + 1] / size:.4g} {name}", fontsize="small")
    axes.set(xlabel=f"x [{name}]", ylabel=f"y [{name}]")
    axes.set_aspect("equal")
    axes.grid(False)
    axes.tick_params(labelsize="x-small")
    for side in axes.spines.values():
        side.set(visible=True, linewidth=0.6)
    return mesh


def _draw_unseen(axes: Axes, voxels: Voxels, layer: np.ndarray) -> None:
    """Greys the voxels that were not seen."""
    x, y, z = (np.asarray(edges, float) for edges in (voxels.x, voxels.y, voxels.z))
    _, size = length_unit(((x[0], x[-1]), (y[0], y[-1]), (z[0], z[-1])))
    unseen = np.where(np.isfinite(layer), np.nan, 0.0).T
    axes.pcolormesh(x / size, y / size, unseen, cmap=ListedColormap([PALE]), vmin=0.0, vmax=1.0)


def _error_norm() -> Normalize:
    return TwoSlopeNorm(0.0, *ERROR_LIMITS)


def _error_bar(figure: Figure, axes: Sequence[Axes], pad: float) -> None:
    shown = ScalarMappable(_error_norm(), ERROR_COLOURS)
    bar = figure.colorbar(shown, ax=axes, extend="both", aspect=30, pad=pad)
    bar.set_label("inferred / true - 1 [1], where there is matter")
    bar.ax.yaxis.set_major_locator(FixedLocator([-1.0, -0.5, 0.0, 1.0, 2.0, 3.0]))
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+g}" if value else "0"))
    bar.ax.grid(False)
