"""Figures of a telescope and its analysis: where the planes stand, and the histogram that is fitted."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from daedalus.core import Problem
from daedalus.drawing.palette import BLUE, GREEN, GREY, VERMILION
from daedalus.drawing.telescope_planes import draw_planes
from daedalus.inference.histfactory.model import BinnedModel
from daedalus.inference.histfactory.uncertainties import expected_uncertainty
from daedalus.studies.binned_analysis.telescope.impact import UNIT
from daedalus.studies.binned_analysis.telescope.problem import DIVERGENCE, PROCESSES, SPAN, TelescopeAnalysis, model
from daedalus.units import um

EVENTS = 12_000  # behind a histogram, per momentum
_COLOURS = {"before": VERMILION, "after": BLUE}


def telescope_figures(
    problem: Problem, before: TelescopeAnalysis, after: TelescopeAnalysis, *, key: Key[Array, ""]
) -> dict[str, Figure]:
    """The figures of a run by file name: the telescope from the side, and the histogram that is fitted.

    Args:
        problem: the telescope's problem.
        before: the first design.
        after: the optimised design.
        key: decides the simulated particles; both designs see the same ones.
    """
    designs = {"before": before, "after": after}
    return {"side_view": _side_view(designs), "histogram": _histogram(problem, designs, key)}


def fitted_model(problem: Problem, design: TelescopeAnalysis, *, events: int, key: Key[Array, ""]) -> BinnedModel:
    """The statistical model of a design, with sharp bins and real strips.

    Args:
        problem: the telescope's problem.
        design: the design.
        events: particles per momentum [1].
        key: decides them.
    """
    cut = problem.partition(events)
    run = jax.jit(lambda point: model(*problem.summaries(point, key=key, partition=cut, softness=None)))
    return run(problem.space.point(design))


def _side_view(designs: dict[str, TelescopeAnalysis]) -> Figure:
    figure = Figure(figsize=(7.5, 5.2), layout="constrained")
    rows = figure.subplots(2, 1, sharex=True)
    for axes, (name, design) in zip(rows, designs.items(), strict=True):
        planes = (np.asarray(getattr(design.telescope, field)) for field in ("z", "pitch", "thickness"))
        draw_planes(axes, *planes, span=SPAN, spot=0.0, divergence=DIVERGENCE, colour=_COLOURS[name])
        axes.set_title(f"{name}: pitch | thickness [um]", loc="left", color=_COLOURS[name])
    rows[-1].set_xlabel("distance from the vertex [cm]")
    return figure


def _histogram(problem: Problem, designs: dict[str, TelescopeAnalysis], key: Key[Array, ""]) -> Figure:
    figure = Figure(figsize=(9.0, 4.2), layout="constrained")
    columns = figure.subplots(1, 2, sharey=True)
    for axes, (name, design) in zip(columns, designs.items(), strict=True):
        fitted = fitted_model(problem, design, events=EVENTS, key=key)
        _stack(axes, design, fitted)
        axes.set_title(f"{name}: charm yield to {float(expected_uncertainty(fitted)):.2%}", loc="left")
    columns[0].set_ylabel("tracks per bin")
    columns[0].legend(frameon=False, fontsize=8)
    return figure


def _stack(axes: Axes, design: TelescopeAnalysis, fitted: BinnedModel) -> None:
    """The expected counts of every process bin by bin, and what an error larger by a deviation changes."""
    counts = np.asarray(fitted.rates.cells(fitted.start)).reshape(len(PROCESSES), -1)
    wider = fitted.expected(fitted.start.at[fitted.number("blur")].add(1.0))
    edges = np.exp(np.sort(np.asarray(design.edges))) * UNIT / um
    places = np.arange(counts.shape[1])
    for row, label, colour in zip(counts, PROCESSES, (BLUE, GREY, GREEN), strict=True):
        axes.step(places, np.maximum(row, 1e-2), where="mid", color=colour, label=label)
    axes.step(places, np.asarray(jnp.maximum(wider, 1e-2)), where="mid", color="k", ls=":", label="all, errors +5 %")
    axes.set_xticks(places[:-1] + 0.5, [f"{edge:.0f}" for edge in edges], fontsize=7)
    axes.set_xlabel(f"impact [um], over its error to the power of {float(design.exponent):.2f}")
    axes.set_yscale("log")
