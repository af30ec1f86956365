"""Figures of the selection: the spectrum that passes the cut in its bins, and what is known of it, before and after."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key
from matplotlib.figure import Figure

from daedalus.core import Problem
from daedalus.drawing.palette import BLUE, VERMILION
from daedalus.studies.binned_analysis.selection.design import SelectionDesign
from daedalus.studies.binned_analysis.selection.problem import YIELDS
from daedalus.studies.binned_analysis.selection.source import (
    DOWN,
    NOMINAL,
    SIGNAL,
    UP,
    PeakOnSlope,
    expected_shares,
    passing,
)
from daedalus.units import GeV

_EVENTS = 100_000


def selection_figures(
    problem: Problem, before: SelectionDesign, after: SelectionDesign, *, key: Key[Array, ""]
) -> dict[str, Figure]:
    """The figures of a run by file name: spectra, and the cut in the score.

    Args:
        problem: the selection's problem.
        before: the first design.
        after: the optimised design.
        key: decides the events; both designs see the same ones.
    """
    designs = {"before": before, "after": after}
    return {"spectrum": _spectrum(problem, designs, key), "cut": _cut(designs)}


def _spectrum(problem: Problem, designs: dict[str, SelectionDesign], key: Key[Array, ""]) -> Figure:
    figure = Figure(figsize=(8.4, 3.8), layout="constrained")
    for axes, (name, design) in zip(figure.subplots(1, 2), designs.items(), strict=True):
        found = problem.evaluate(design, key=key, events=_EVENTS)
        assert isinstance(problem.source, PeakOnSlope)
        shares = np.asarray(expected_shares(design.cut, design.edges, problem.source.variation))
        edges = np.asarray(design.edges) / GeV
        height = lambda counts, edges=edges: counts / np.diff(edges)
        background = height(YIELDS[1] * shares[NOMINAL])
        axes.stairs(background + height(YIELDS[0] * shares[SIGNAL]), edges, color=VERMILION, label="with signal")
        axes.stairs(background, edges, color=BLUE, label="background")
        low, high = (height(YIELDS[1] * shares[which]) for which in (DOWN, UP))
        axes.stairs(high, edges, baseline=low, fill=True, color=BLUE, alpha=0.3, label="its slope, up and down")
        axes.set(title=f"{name}: score above {float(design.cut):.2f}", xlabel="mass [GeV]", ylabel="events / GeV")
        objective = problem.objectives[0].name
        axes.text(
            0.97, 0.6, f"{objective} = {float(found.values[objective]):.2f}", transform=axes.transAxes, ha="right"
        )
        axes.legend(frameon=False)
    return figure


def _cut(designs: dict[str, SelectionDesign]) -> Figure:
    figure = Figure(figsize=(5.2, 3.6), layout="constrained")
    axes = figure.subplots()
    cuts = np.linspace(0.0, 0.99, 100)
    signal, background = passing(jnp.asarray(cuts))
    axes.plot(cuts, signal, color=VERMILION, label="signal")
    axes.plot(cuts, background, color=BLUE, label="background")
    for (name, design), style in zip(designs.items(), (":", "--"), strict=True):
        axes.axvline(float(design.cut), color="black", ls=style, label=name)
    axes.set(xlabel="cut in the score", ylabel="share that passes")
    axes.legend(frameon=False)
    return figure
