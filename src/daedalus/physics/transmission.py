"""Integral intensities of cosmic-ray muons, in the open and behind matter: tabulated once, smooth, differentiable."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from daedalus.physics.constants import MUON_MASS
from daedalus.physics.energy_loss import stopping_power
from daedalus.physics.flux import Flux
from daedalus.physics.materials import material
from daedalus.physics.opacity import LEAST_KINETIC, minimum_energy

ENERGIES = (0.15, 1.0e6)  # GeV; range of the table's least energies
LOWEST_COSINE = 0.01  # 1; below 0.57 degrees of elevation the intensity stays at its value there
_ENERGY_NODES = 161  # even in ln E
_COSINE_NODES = 33  # even in the root of the cosine, where the laws bend
_FINE = 16  # quadrature intervals between two energy nodes
_BEYOND = 1.0e9  # GeV; where the integral ends: less than 1e-5 of the intensity above 1e6 GeV is left


class IntegralIntensity(eqx.Module):
    """The intensity of muons above an energy by zenith angle: I(E, c), the integral of Phi from E on.

    ln I as a bicubic spline in ln E and sqrt(c), made in float64 from Simpson's quadrature, with continuous second
    derivatives, so that derivatives of intensities have derivatives too. Within 0.1 % of the integral for all models of
    `daedalus.physics.flux` between 0.15 GeV and 1 PeV and cosines from 0.01. Beyond, the arguments are cut there.
    """

    cells: Float[np.ndarray, "cell 4 4"]  # values and scaled slopes at the corners of each cell of the table
    first: tuple[float, float] = eqx.field(static=True)  # ln E and sqrt(c) of the first node
    step: tuple[float, float] = eqx.field(static=True)  # between nodes
    name: str = eqx.field(static=True)  # of the flux model

    def __init__(self, flux: Flux) -> None:
        """Tabulates a flux.

        Args:
            flux: intensity by total energy and cosine of the zenith angle.
        """
        low, high = np.log(ENERGIES)
        log_energy = np.linspace(low, high, _ENERGY_NODES)
        root = np.linspace(np.sqrt(LOWEST_COSINE), 1.0, _COSINE_NODES)
        values = np.log(_integrals(flux, log_energy, root**2))
        self.first = float(log_energy[0]), float(root[0])
        self.step = float(log_energy[1] - log_energy[0]), float(root[1] - root[0])
        self.name = flux.name
        self.cells = _spline_cells(log_energy, root, values)

    def __call__(self, energy: Float[Array, "*event"], cos_zenith: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """Intensity [m^-2 s^-1 sr^-1] of muons above a total energy; area perpendicular to the direction.

        Args:
            energy: least total energy [GeV].
            cos_zenith: cosine of the zenith angle [1].
        """
        columns = _COSINE_NODES - 1
        row, along = _place((jnp.log(energy) - self.first[0]) / self.step[0], _ENERGY_NODES)
        root = jnp.sqrt(jnp.maximum(cos_zenith, LOWEST_COSINE))
        column, across = _place((root - self.first[1]) / self.step[1], _COSINE_NODES)
        corners = jnp.asarray(self.cells, energy.dtype).reshape(-1, 16)[row * columns + column]
        corners = corners.reshape(*corners.shape[:-1], 4, 4)
        return jnp.exp(jnp.einsum("...ab,a...,b...->...", corners, _hermite(along), _hermite(across)))


class Transmission(eqx.Module):
    """The intensity of muons behind an opacity: those above the least energy that crosses it.

    The derivative is exact in opacity and cosine. CSDA: see `daedalus.physics.opacity`.
    """

    intensity: IntegralIntensity
    matter: str = eqx.field(static=True, default="standard rock")  # whose losses count, a name of the table
    threshold: float = eqx.field(static=True, default=LEAST_KINETIC)  # kinetic energy left at the exit [GeV]

    def __call__(self, opacity: Float[Array, "*event"], cos_zenith: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """Intensity [m^-2 s^-1 sr^-1] behind an opacity [(g/cm3) m = m.w.e.], at a cosine of the zenith angle [1]."""
        return self.intensity(self.least_energy(opacity), cos_zenith)

    def slope(self, opacity: Float[Array, "*event"], cos_zenith: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """Derivative of the intensity by opacity [m^-2 s^-1 sr^-1 per (g/cm3) m], a smooth function.

        dI/dE at the least energy times the stopping power there, which is dE_min/dX: of the law itself, while the
        derivative of the tabulated range-energy curve has kinks at its nodes. Agrees with differences to 1e-5.

        Args:
            opacity: X [(g/cm3) m = m.w.e.].
            cos_zenith: cosine of the zenith angle [1].
        """
        energy, matter = self.least_energy(opacity), material(self.matter)
        read = lambda least: self.intensity(least, cos_zenith)
        _, by_energy = jax.jvp(read, (energy,), (jnp.ones_like(energy),))
        return by_energy * stopping_power(matter, jnp.sqrt(energy**2 - MUON_MASS**2)) / matter.density

    def least_energy(self, opacity: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """Least total energy [GeV] that crosses an opacity [(g/cm3) m = m.w.e.]."""
        return minimum_energy(opacity, self.matter, self.threshold)


def _integrals(
    flux: Flux, log_energy: Float[np.ndarray, "row"], cosine: Float[np.ndarray, "column"]
) -> Float[np.ndarray, "row column"]:
    """Integrals of a flux from each energy on [m^-2 s^-1 sr^-1]: Simpson's rule in ln E."""
    step = (log_energy[1] - log_energy[0]) / _FINE
    beyond = int(np.ceil((np.log(_BEYOND) - log_energy[-1]) / (step * _FINE)))
    nodes = log_energy[0] + step * np.arange(_FINE * (len(log_energy) - 1 + beyond) + 1)
    energy = np.exp(nodes)[:, None]
    density = np.asarray(flux.intensity(energy, cosine[None, :])) * energy
    pieces = step / 3.0 * (density[:-2:2] + 4.0 * density[1:-1:2] + density[2::2])
    tail = np.cumsum(pieces[::-1], axis=0)[::-1]
    return tail[:: _FINE // 2][: len(log_energy)]


def _spline_cells(x: np.ndarray, y: np.ndarray, values: np.ndarray) -> Float[np.ndarray, "cell 4 4"]:
    """Corner values and slopes times steps of every cell, from cubic splines along both axes."""
    from scipy.interpolate import CubicSpline

    slope = lambda at, table, axis: CubicSpline(at, table, axis=axis)(at, 1) * (at[1] - at[0])
    by_x = slope(x, values, 0)
    by_y, by_both = slope(y, values, 1), slope(y, by_x, 1)
    corner = lambda table, i, j: table[i : len(x) - 1 + i, j : len(y) - 1 + j].ravel()
    rows = [
        [corner(value, i, j) for j in (0, 1) for value in pair]
        for i in (0, 1)
        for pair in ((values, by_y), (by_x, by_both))
    ]
    return np.moveaxis(np.array(rows), -1, 0)


def _place(position: Float[Array, "*event"], nodes: int) -> tuple[Int[Array, "*event"], Float[Array, "*event"]]:
    """The cell of a position in units of steps, and the share of the cell that lies before it."""
    inside = jnp.clip(position, 0.0, nodes - 1.0)
    cell = jnp.clip(jnp.floor(inside).astype(jnp.int32), 0, nodes - 2)
    return cell, inside - cell


def _hermite(t: Float[Array, "*event"]) -> Any:
    """Weights of value and slope at the near end and at the far end of a cell, axis of the four first."""
    s = 1.0 - t
    return jnp.stack([(1.0 + 2.0 * t) * s**2, t * s**2, t**2 * (1.0 + 2.0 * s), -(t**2) * s])
