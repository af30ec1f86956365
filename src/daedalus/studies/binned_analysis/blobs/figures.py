"""Figures of the blobs: where the bins lie in the plane, and how full they are, before and after."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key
from matplotlib.figure import Figure

from daedalus.core import Problem
from daedalus.drawing.palette import BLUE, GREY, ORANGE, VERMILION
from daedalus.studies.binned_analysis.blobs.design import BlobsDesign
from daedalus.studies.binned_analysis.blobs.problem import blobs_model, merit
from daedalus.studies.binned_analysis.blobs.source import PROCESSES

_COLOURS = (VERMILION, BLUE, ORANGE, GREY)
_NAMES = ("signal", "background", "background up", "background down")
_REACH, _NODES = 6.0, 121  # of the plane that is shown, to both sides [1]; nodes along an axis
_EVENTS, _SHOWN = 40_000, 1200  # points that are counted, and that are drawn


def blobs_figures(
    problem: Problem, before: BlobsDesign, after: BlobsDesign, *, key: Key[Array, ""]
) -> dict[str, Figure]:
    """The figures of a run by file name: bins in the plane, and their contents.

    Args:
        problem: the blobs' problem.
        before: the first design.
        after: the optimised design.
        key: decides the points; both designs see the same ones.
    """
    designs = {"before": before, "after": after}
    return {"plane": _plane(problem, designs, key), "contents": _contents(problem, designs, key)}


def _plane(problem: Problem, designs: dict[str, BlobsDesign], key: Key[Array, ""]) -> Figure:
    from daedalus.events import Observables, blank_events

    figure = Figure(figsize=(8.4, 4.2), layout="constrained")
    every = figure.subplots(1, 2, sharex=True, sharey=True)
    assert problem.source is not None
    points = np.asarray(problem.source(blank_events(jnp.arange(_SHOWN, dtype=jnp.uint32)), key=key)[Observables].values)
    line = np.linspace(-_REACH, _REACH, _NODES)
    grid = jnp.asarray(np.stack(np.meshgrid(line, line)).reshape(2, -1).T)
    for axes, (name, design) in zip(every, designs.items(), strict=True):
        precision = jax.tree.leaves(design.network)[0].dtype
        output = jax.vmap(design.network)(grid.astype(precision))[:, 0].reshape(_NODES, _NODES)
        edges = np.asarray(design.edges)
        axes.contourf(line, line, output, levels=edges, cmap="Greys", alpha=0.6)
        axes.contour(line, line, output, levels=edges[1:-1], colors="black", linewidths=0.7)
        for process, (colour, label) in enumerate(zip(_COLOURS, _NAMES, strict=True)):
            axes.scatter(*points[:, process::PROCESSES], s=3, color=colour, label=label)
        axes.set(title=name, xlabel="first observable", aspect="equal", xlim=(-_REACH, _REACH), ylim=(-_REACH, _REACH))
    every[0].set_ylabel("second observable")
    figure.legend(
        *every[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False, markerscale=3
    )
    return figure


def _contents(problem: Problem, designs: dict[str, BlobsDesign], key: Key[Array, ""]) -> Figure:
    figure = Figure(figsize=(8.4, 3.6), layout="constrained")
    every = figure.subplots(1, 2, sharey=True)
    for axes, (name, design) in zip(every, designs.items(), strict=True):
        summaries, truths = problem.summaries(
            problem.space.point(design), key=key, partition=problem.partition(_EVENTS, 1)
        )
        model = blobs_model(jax.tree.map(lambda leaf: leaf[0], summaries["templates"]))
        at = lambda mu, alpha, expected=model.expected: np.asarray(expected(jnp.array([mu, alpha])))
        edges = np.asarray(design.edges)
        rows = {"background": at(0.0, 0.0), "signal on it": at(1.0, 0.0), "up": at(0.0, 1.0), "down": at(0.0, -1.0)}
        for (label, counts), style in zip(rows.items(), ("-", "-", "--", ":"), strict=True):
            colour = VERMILION if label.startswith("signal") else BLUE
            axes.stairs(counts, edges, label=label, color=colour, ls=style, lw=1.4)
        exclusion = float(jnp.exp(merit("cls", design, summaries, truths)))
        axes.set(title=f"{name}: CLs {exclusion:.1e}", xlabel="output of the network", yscale="log")
        axes.set_ylim(bottom=0.05)
    every[0].set_ylabel("expected events")
    every[0].legend(frameon=False)
    return figure
