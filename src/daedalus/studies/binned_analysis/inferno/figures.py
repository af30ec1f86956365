"""Figures of a summary: which bin an event goes to, the templates with their variations, before and after."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Key
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from daedalus.core import Problem
from daedalus.drawing.palette import BLUE, GREEN, GREY, VERMILION
from daedalus.events import Memberships, Observables, blank_events
from daedalus.inference.neural_summary import LABEL, NeuralSummary
from daedalus.inference.process_templates import Templates
from daedalus.studies.binned_analysis.inferno.design import SummaryDesign
from daedalus.studies.binned_analysis.inferno.problem import counts_and_slopes
from daedalus.studies.binned_analysis.inferno.truth import (
    BACKGROUND,
    BACKGROUND_EVENTS,
    OBSERVABLES,
    SIGNAL,
    SIGNAL_EVENTS,
)

EVENTS = 2**18  # behind the templates
SLICES = (0.1, 0.5, 1.2)  # of the third observable [1]
_PIXELS = 121
_REACH = (-7.0, 9.0), (-9.0, 9.0)  # of the first two observables [1]
_STEPS = (0.2, 0.5)  # of r and l: variations shown [1]


def inferno_figures(
    problem: Problem, before: SummaryDesign, after: SummaryDesign, *, key: Key[Array, ""]
) -> dict[str, Figure]:
    """The figures of a run by file name: bins in slices of the observables, and templates.

    Args:
        problem: the synthetic problem.
        before: the untrained summary.
        after: the trained one.
        key: decides the events; both see the same.
    """
    designs = {"before": before, "after": after}
    return {"bins": _bins(problem, designs, key), "templates": _templates(problem, designs, key)}


def templates_of(
    problem: Problem, design: SummaryDesign, softness: float | None, *, events: int, key: Key[Array, ""]
) -> Templates:
    """The templates of a summary with sharp bins, or with soft ones [events], scenario axis dropped.

    Args:
        problem: the synthetic problem.
        design: the network.
        softness: scale of the bins' softness [1]; None: sharp.
        events: how many are simulated [1].
        key: decides them.
    """
    cut = problem.partition(events)
    run = jax.jit(lambda point: problem.summaries(point, key=key, partition=cut, softness=softness)[0]["templates"])
    return jax.tree.map(lambda leaf: leaf[0], run(problem.space.point(design)))


def _bins(problem: Problem, designs: dict[str, SummaryDesign], key: Key[Array, ""]) -> Figure:
    """The bin of every place in slices, bins ordered by their share of signal."""
    figure = Figure(figsize=(9.6, 5.6), layout="constrained")
    rows = figure.subplots(2, len(SLICES), sharex=True, sharey=True)
    shown = None
    for row, (name, design) in zip(rows, designs.items(), strict=True):
        order = _by_purity(templates_of(problem, design, None, events=EVENTS, key=key))
        for axes, third in zip(row, SLICES, strict=True):
            place = np.argsort(order)[_bin_of(problem, design, third, key)]
            extent = (*_REACH[0], *_REACH[1])
            shown = axes.imshow(
                place, origin="lower", extent=extent, aspect="auto", cmap="cividis", vmin=0, vmax=len(order) - 1
            )
            axes.set_title(f"{name}: x2 = {third:g}", fontsize=9)
        row[0].set_ylabel("x1")
    for axes in rows[-1]:
        axes.set_xlabel("x0")
    assert shown is not None
    figure.colorbar(shown, ax=rows, label="bin, by rising share of signal")
    return figure


def _bin_of(
    problem: Problem, design: SummaryDesign, third: float, key: Key[Array, ""]
) -> Int[np.ndarray, "row column"]:
    """The number of the bin at every pixel of a slice."""
    x, y = np.meshgrid(*[np.linspace(*reach, _PIXELS) for reach in _REACH])
    values = jnp.asarray(np.stack([x.ravel(), y.ravel(), np.full(x.size, third)]))
    record = blank_events(jnp.arange(x.size, dtype=jnp.uint32))
    record = record.add(Observables(values, jnp.zeros((0, OBSERVABLES, x.size))))
    binning = problem.pipeline(design, key=key).stages[-1]
    summary = NeuralSummary(design.network, tuple(range(OBSERVABLES)), label=LABEL)
    shares = binning(summary(record, key=key), key=key)[Memberships].share
    return np.asarray(jnp.argmax(shares, 0)).reshape(x.shape)


def _by_purity(templates: Templates) -> np.ndarray:
    """Numbers of the bins by rising share of signal; empty ones first."""
    shares = np.asarray(templates.shares)
    return np.argsort(shares[SIGNAL] / np.maximum(shares[SIGNAL] + shares[BACKGROUND], 1e-12))


def _templates(problem: Problem, designs: dict[str, SummaryDesign], key: Key[Array, ""]) -> Figure:
    figure = Figure(figsize=(9.6, 6.0), layout="constrained")
    columns = figure.subplots(2, 2, sharex=True, height_ratios=(2, 1)).T
    for column, (name, design) in zip(columns, designs.items(), strict=True):
        sharp, soft = (templates_of(problem, design, s, events=EVENTS, key=key) for s in (None, 1.0))
        _draw(tuple(column), name, sharp, soft, _by_purity(sharp))
    columns[0][0].legend(frameon=False, fontsize=8)
    columns[0][0].set_ylabel("expected events")
    columns[0][1].set_ylabel("change of the\nbackground [%]")
    return figure


def _draw(column: tuple[Axes, Axes], name: str, sharp: Templates, soft: Templates, order: np.ndarray) -> None:
    """Counts of both processes, sharp as steps and soft as dots; below, what the nuisances do to the background."""
    above, below = column
    number = np.arange(len(order))
    for process, yield_, colour, label in (
        (BACKGROUND, BACKGROUND_EVENTS, GREY, "background"),
        (SIGNAL, SIGNAL_EVENTS, VERMILION, "signal"),
    ):
        above.bar(number, yield_ * sharp.shares[process][order], color=colour, alpha=0.6, label=f"{label}, sharp bins")
        above.plot(
            number, yield_ * soft.shares[process][order], "o", color=colour, mec="k", ms=5, label=f"{label}, soft bins"
        )
    above.set(
        yscale="log",
        ylim=(0.05, 1.5 * BACKGROUND_EVENTS),
        title=f"{name}: {counts_and_slopes(sharp)[0].sum():.0f} events",
    )
    base = np.maximum(np.asarray(sharp.shares[BACKGROUND])[order], 1e-9)
    for nuisance, (step, colour, letter) in enumerate(zip(_STEPS, (BLUE, GREEN), "rl", strict=True)):
        for sign, style in ((1, "-"), (-1, "--")):
            change = 100 * sign * step * np.asarray(sharp.share_slopes[BACKGROUND, nuisance])[order] / base
            shown = np.where(base > 1e-5, change, np.nan)
            below.step(number, shown, style, where="mid", color=colour, label=f"{letter} {sign * step:+g}")
    below.axhline(0.0, color="k", lw=0.6)
    below.legend(frameon=False, fontsize=7, ncols=2)
    below.set(xlabel="bin, by rising share of signal", xticks=number)
