"""Figures of the telescope: where its planes stand, and how well it points, before and after."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from daedalus.core import Problem
from daedalus.drawing.palette import BLUE, GREY, VERMILION
from daedalus.studies.tracking.design import TelescopeDesign
from daedalus.studies.tracking.problem import DIVERGENCE, MOMENTA, SPAN, SPOT, BeamEnergy, build, resolution
from daedalus.units import GeV, cm, mm, um

_COLOURS = {"before": VERMILION, "after": BLUE}
_EVENTS = 2000  # particles per simulated point
_POINTS = 8  # momenta that are simulated


def telescope_figures(
    problem: Problem, before: TelescopeDesign, after: TelescopeDesign, *, key: Key[Array, ""]
) -> dict[str, Figure]:
    """The figures of a run by file name: side view, and resolution against momentum.

    Args:
        problem: the telescope's problem.
        before: the first design.
        after: the optimised design.
        key: decides the simulated particles; both designs see the same ones.
    """
    designs = {"before": before, "after": problem.space.canonical(after)}
    return {"side_view": _side_view(designs), "resolution": _resolution(designs, key)}


def simulated_resolution(
    design: TelescopeDesign, momenta: Float[Array, "point"], *, events: int, key: Key[Array, ""]
) -> Float[Array, "point"]:
    """Root-mean-square error of the position in the target [m] with real strips, momentum by momentum.

    Args:
        design: the telescope.
        momenta: of the beam [GeV].
        events: particles per momentum [1].
        key: decides the particles.
    """

    def one(momentum: Array, own: Array) -> Array:
        chain = build(design, BeamEnergy(momentum)).softened(None)
        found = chain.sums(chain.events(jnp.arange(events), events, key=own), 0, {})
        return jnp.sqrt(found["squared_error"] / found["accepted"][0])

    return jax.jit(jax.vmap(one))(momenta, jax.random.split(key, len(momenta)))


def _side_view(designs: dict[str, TelescopeDesign]) -> Figure:
    figure = Figure(figsize=(7.5, 5.2), layout="constrained")
    rows = figure.subplots(2, 1, sharex=True)
    for axes, (name, design) in zip(rows, designs.items(), strict=True):
        _planes(axes, design, _COLOURS[name])
        axes.set_title(f"{name}: pitch | thickness [um]", loc="left", color=_COLOURS[name])
        axes.set_ylabel("x [mm]")
    rows[-1].set_xlabel("distance from the target [cm]")
    return figure


def _planes(axes: Axes, design: TelescopeDesign, colour: str) -> None:
    """Planes with pitch and thickness written on them, and the beam's envelope of one and two deviations."""
    half = 0.5 * SPAN / mm
    rows = sorted(zip(*map(np.asarray, _fields(design)), strict=True))
    for number, (z, pitch, thickness) in enumerate(rows):
        axes.plot([z / cm] * 2, [-half, half], color=colour, lw=thickness / (100 * um))
        axes.annotate(
            f"{pitch / um:.0f} | {thickness / um:.0f}",
            (z / cm, half if number % 2 else -half),
            xytext=(0, 9 if number % 2 else -9),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=8,
        )
    z = np.linspace(0.0, 62.0, 50)
    for deviations in (1, 2):
        width = deviations * np.hypot(SPOT, DIVERGENCE * z * cm) / mm
        axes.fill_between(z, -width, width, color=GREY, alpha=0.15, lw=0)
    axes.plot(0, 0, "k*", ms=10)
    axes.annotate("target", (0, 0), xytext=(0, 12), textcoords="offset points", ha="center", fontsize=8)
    axes.set_ylim(-1.45 * half, 1.45 * half)


def _fields(design: TelescopeDesign) -> tuple[Array, Array, Array]:
    return design.z, design.pitch, design.thickness


def _resolution(designs: dict[str, TelescopeDesign], key: Key[Array, ""]) -> Figure:
    figure = Figure(figsize=(6.2, 4.4), layout="constrained")
    axes = figure.subplots()
    low, high = MOMENTA
    fine, coarse = jnp.geomspace(low, high, 60), jnp.geomspace(low, high, _POINTS)
    for name, design in designs.items():
        law = jax.vmap(lambda p, d=design: resolution(d, p))(fine)
        found = simulated_resolution(design, coarse, events=_EVENTS, key=key)
        error = found / np.sqrt(4 * _EVENTS)  # of a root mean square of n = 2 _EVENTS numbers: 1 / sqrt(2 n)
        axes.plot(fine / GeV, law / um, color=_COLOURS[name], label=f"{name}, closed form")
        axes.errorbar(coarse, found / um, error / um, fmt="o", ms=4, color=_COLOURS[name], label=f"{name}, real strips")
    axes.set(xscale="log", yscale="log", xlabel="momentum [GeV]", ylabel="error of the position in the target [um]")
    axes.set_xticks([1, 2, 5, 10], ["1", "2", "5", "10"])
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:.0e}"[0] in "25" else "")
    axes.xaxis.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    return figure
