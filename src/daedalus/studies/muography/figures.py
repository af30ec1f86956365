"""Figures of the placement: the map, what the telescopes would see, and significance against exposure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from daedalus.core import Problem
from daedalus.inference.fisher import covariance, significance
from daedalus.studies.muography.campaign import Campaign
from daedalus.studies.muography.crossing import RockCrossing
from daedalus.studies.muography.design import TelescopeSites
from daedalus.studies.muography.rays import Rays
from daedalus.studies.muography.scenario import Interior
from daedalus.units import day, deg

VOIDS, RAYS = 128, 128  # hills and directions behind the curves of significance
PIXELS = 81  # of an image along each side
# Okabe and Ito, "Color Universal Design" (2008)
_COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00")
_INK = "#333333"


def telescope_figures(
    problem: Problem, before: TelescopeSites, after: TelescopeSites, *, key: Key[Array, ""]
) -> Mapping[str, Figure]:
    """The figures of a run by file name: map, images of transmission and signal, significance against exposure.

    Args:
        problem: the placement's problem.
        before: the first design.
        after: the optimised design.
        key: decides voids and rays; all designs see the same ones.
    """
    campaign = getattr(problem.build, "__self__", None)
    assert isinstance(campaign, Campaign)  # the problem's pipelines are a campaign's
    best: Any = problem.space.canonical(after)
    designs: dict[str, TelescopeSites] = {"start": before, "optimised": best}
    references: Any = problem.references
    truths = jax.vmap(lambda i: campaign.truth(jax.random.fold_in(key, i), i, VOIDS))(jnp.arange(VOIDS))
    return {
        "map": _map(campaign, designs, truths),
        "images": _images(campaign, designs["optimised"], truths),
        "exposure": _exposure(problem, campaign, {**designs, **references}, key),
    }


def _map(campaign: Campaign, designs: Mapping[str, TelescopeSites], truths: Interior) -> Figure:
    """Contours of the terrain, telescopes with their fields of view, and voids."""
    reach, (axis_x, axis_y, _) = 1.1 * campaign.options.reach, campaign.surface.summit
    figure = Figure(figsize=(9.0, 4.9), layout="constrained")
    line = np.linspace(-reach, reach, 161)
    x, y = np.meshgrid(line, line)
    heights = np.asarray(campaign.surface.elevation(jnp.asarray(axis_x + x), jnp.asarray(axis_y + y)))
    for axes, (name, design) in zip(figure.subplots(1, 2, sharey=True), designs.items(), strict=True):
        levels = np.linspace(heights.min(), heights.max(), 10)[1:-1].round()
        lines = axes.contour(x, y, heights, levels=levels, colors="#8c7b64", linewidths=0.7)
        axes.clabel(lines, fontsize=6, fmt="%g")
        if campaign.options.goal == "void":
            place = np.asarray(truths.x) - axis_x, np.asarray(truths.y) - axis_y
            axes.scatter(*place, s=4, color=_INK, alpha=0.5, lw=0, label="suspected voids")
        ring = np.linspace(0, 2 * np.pi, 200)
        for radius in (campaign.options.keep_out, campaign.options.reach):
            axes.plot(radius * np.cos(ring), radius * np.sin(ring), ":", color="grey", lw=0.8)
        for number, row in enumerate(zip(*map(np.asarray, _columns(design)), strict=True)):
            _telescope(axes, campaign, row, _COLOURS[number % len(_COLOURS)], number + 1)
        axes.set_title(name, loc="left", fontsize="medium")
        axes.set(xlabel="east of the axis [m]", xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    figure.axes[0].set_ylabel("north of the axis [m]")
    if campaign.options.goal == "void":
        figure.axes[1].legend(frameon=False, fontsize="small", loc="lower left")
    return figure


def _columns(design: TelescopeSites) -> tuple[Array, ...]:
    return design.x, design.y, design.azimuth, design.elevation


def _telescope(axes: Axes, campaign: Campaign, row: tuple[Any, ...], colour: str, number: int) -> None:
    """A telescope and the directions it accepts with at least half of its largest overlap."""
    x, y, azimuth, elevation = row
    towards, half = np.arctan2(-y, -x) + azimuth, np.arctan(0.5 * campaign.tracker.widest)
    turn = towards + np.linspace(-half, half, 20)
    long = 0.55 * campaign.options.reach
    axes.fill(
        np.r_[x, x + long * np.cos(turn)], np.r_[y, y + long * np.sin(turn)], color=colour, alpha=0.15, lw=0, zorder=1
    )
    axes.plot([x, x + long * np.cos(towards)], [y, y + long * np.sin(towards)], color=colour, lw=0.8)
    axes.plot(x, y, "s", color=colour, ms=5)
    spot = (-18, -12) if number % 2 else (6, 6)
    text = f"{number}: {elevation / deg:.1f}° up"
    axes.annotate(text, (x, y), spot, textcoords="offset points", fontsize=7, color=colour)


def _images(campaign: Campaign, design: TelescopeSites, truths: Interior) -> Figure:
    """Transmission through the rock, and the signal of one void, by direction, telescope by telescope."""
    middle = int(np.argsort(np.asarray(truths.radius))[len(truths.radius) // 2])
    truth = jax.tree.map(lambda leaf: leaf[middle], truths)
    chain = campaign.build(design, truth)
    rock = chain.stages[1]
    assert isinstance(rock, RockCrossing)
    towards = np.arctan2(-np.asarray(design.y), -np.asarray(design.x)) + np.asarray(design.azimuth)
    wide, high = np.linspace(-35, 35, PIXELS), np.linspace(0.5, 35, PIXELS)
    side, up = (grid.ravel() * deg for grid in np.meshgrid(wide, high))
    azimuth = towards[:, None] - side
    fields = np.cos(up) * np.cos(azimuth), np.cos(up) * np.sin(azimuth), np.broadcast_to(np.sin(up), azimuth.shape)
    ux, uy, uz = map(jnp.asarray, fields)
    rays = Rays(ux, uy, uz, jnp.ones(azimuth.shape))
    seen, run = jax.jit(lambda own: (rock.expected(own), rock.rock(own)))(rays)
    shape = (len(towards), PIXELS, PIXELS)
    open_sky = campaign.transmission(jnp.zeros_like(rays.uz), rays.uz)
    through = np.asarray(seen.intensity / open_sky).reshape(shape)
    signal = 100 * np.asarray(seen.slopes[0] / seen.intensity).reshape(shape)
    outside = np.asarray(run).reshape(shape) <= 0
    figure = Figure(figsize=(2.2 + 2.7 * len(towards), 5.4), layout="constrained")
    grid = figure.subplots(2, len(towards), sharex=True, sharey=True, squeeze=False)
    extent = (wide[0], wide[-1], high[0], high[-1])
    rows = ((np.log10(through), "log10 of transmission", {"cmap": "viridis"}),)
    if campaign.options.goal == "void":
        rows = (*rows, (np.ma.array(signal, mask=outside), "change by the void [%]", {"cmap": "magma"}))
    for line, (image, label, look) in zip(grid, rows, strict=False):
        low, high_ = float(image.min()), float(image.max())
        for axes, picture in zip(line, image, strict=True):
            shown = axes.imshow(picture, origin="lower", extent=extent, vmin=low, vmax=high_, aspect="auto", **look)
            axes.grid(False)
        figure.colorbar(shown, ax=list(line), label=label)
    for number, axes in enumerate(grid[0]):
        axes.set_title(f"telescope {number + 1}", loc="left", fontsize="medium", color=_COLOURS[number % 5])
    for axes in grid[-1]:
        axes.set_xlabel("right of the pointing [deg]")
    for line in grid:
        line[0].set_ylabel("elevation [deg]")
    return figure


def _exposure(
    problem: Problem, campaign: Campaign, designs: Mapping[str, TelescopeSites], key: Key[Array, ""]
) -> Figure:
    """Significance of voids, or relative error of densities, against exposure: median and central 68 %."""
    void = campaign.options.goal == "void"
    partition = problem.partition(RAYS, VOIDS)
    rates = jax.jit(lambda point: campaign.rate(problem.summaries(point, key=key, partition=partition)[0]))
    days = jnp.geomspace(0.5, 300.0, 40)
    widths = campaign.widths

    def curve(rate: Float[Array, "row row"], exposure: Float[Array, ""]) -> Float[Array, ""]:
        if void:
            return significance(rate, widths[1:], exposure)
        return 100.0 * jnp.sqrt(0.5 * jnp.trace(covariance(rate, widths, exposure)[:2, :2]))

    curves = jax.jit(jax.vmap(lambda rate: jax.vmap(lambda T: curve(rate, T))(days)))
    figure = Figure(figsize=(6.6, 4.4), layout="constrained")
    axes = figure.subplots()
    for (name, design), colour in zip(designs.items(), _COLOURS):
        found = np.asarray(curves(rates(problem.space.point(design))))
        low, median, high = np.quantile(found, (0.16, 0.5, 0.84), axis=0)
        axes.plot(days, median, color=colour, label=name.replace("_", " "))
        axes.fill_between(days, low, high, color=colour, alpha=0.12, lw=0)
    axes.axhline(campaign.options.significance, color=_INK, lw=0.8, ls=":") if void else None
    axes.axvline(campaign.options.exposure / day, color=_INK, lw=0.8, ls=":") if not void else None
    label = "significance of a void [standard deviations]" if void else "relative error of a half's density [%]"
    axes.set(xscale="log", yscale="log", xlabel="exposure of all telescopes together [days]", ylabel=label)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.grid(alpha=0.3, which="both", lw=0.5)
    axes.legend(frameon=False, title="median and central 68 % of voids" if void else None, fontsize="small")
    return figure
