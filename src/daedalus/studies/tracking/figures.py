"""Figures of the telescope: where its planes stand, and how well it points, before and after."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key
from matplotlib.figure import Figure

from daedalus.core import Problem
from daedalus.detectors.telescope import TelescopeDesign
from daedalus.drawing.palette import BLUE, VERMILION
from daedalus.drawing.telescope_planes import draw_planes
from daedalus.studies.tracking.problem import DIVERGENCE, MOMENTA, SPAN, SPOT, BeamEnergy, build, resolution
from daedalus.units import GeV, um

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


@eqx.filter_jit
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

    return jax.vmap(one)(momenta, jax.random.split(key, len(momenta)))


def _side_view(designs: dict[str, TelescopeDesign]) -> Figure:
    figure = Figure(figsize=(7.5, 5.2), layout="constrained")
    rows = figure.subplots(2, 1, sharex=True)
    for axes, (name, design) in zip(rows, designs.items(), strict=True):
        planes = (np.asarray(each) for each in (design.z, design.pitch, design.thickness))
        draw_planes(axes, *planes, span=SPAN, spot=SPOT, divergence=DIVERGENCE, colour=_COLOURS[name])
        axes.set_title(f"{name}: pitch | thickness [um]", loc="left", color=_COLOURS[name])
    rows[-1].set_xlabel("distance from the target [cm]")
    return figure


def _resolution(designs: dict[str, TelescopeDesign], key: Key[Array, ""]) -> Figure:
    figure = Figure(figsize=(6.2, 4.4), layout="constrained")
    axes = figure.subplots()
    low, high = MOMENTA
    fine, coarse = jnp.geomspace(low, high, 60), jnp.geomspace(low, high, _POINTS)
    laws = jax.jit(jax.vmap(resolution, (None, 0)))
    for name, design in designs.items():
        law = laws(design, fine)
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
