"""Inverse cumulative tables of a flux: from two uniform numbers to a continuous zenith angle and momentum.

Built once in float64, weighted with flux x projected area x sin(theta) dE dtheta, bin widths included.
Read on uniform grids by linear interpolation, so that a muon costs two look-ups and no search. Nodes are
placed where the functions are smooth: the zenith angle against the fourth root of the remaining
probability, the momentum against the root of the logarithm of the remaining probability, which is dense at
the threshold and follows a power-law tail to the last muon.
"""

import math
from collections.abc import Callable

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from daedalus.physics.constants import MUON_MASS
from daedalus.physics.flux import Flux

_ENERGIES = 2001  # nodes of the quadrature in ln E; leaves 1e-6 of the rate for 0.5 to 500 GeV
_ZENITHS = 513  # nodes of the quadrature in zenith angle
_VERSINES = 1025  # nodes of the zenith table
_CONDITIONS = 129  # zenith nodes of the momentum table
_QUANTILES = 257  # momentum nodes at each zenith node
_STEEPEST = 2.7  # 1; index of the integral spectrum beyond the range, used to place nodes only

ProjectedArea = Callable[[Float[np.ndarray, "bin"]], Float[np.ndarray, "bin"]]


class FluxTable(eqx.Module):
    """Tables that turn uniform numbers into zenith angles and momenta of muons crossing an aperture.

    The zenith angle theta has the density A(theta) sin(theta) I(theta), I = integral of Phi dE, A the
    aperture's area perpendicular to the direction, averaged over azimuth; the momentum has the conditional
    density Phi(E | theta). The rate is 2 pi times the integral of that density. No derivative with respect
    to the flux's constants.
    """

    # 1 - cos(theta) [1], uniform in the fourth root of the remaining probability
    versines: Float[np.ndarray, "node"]
    # [GeV], rows as above, columns uniform in the root of -ln of the remaining probability
    momenta: Float[np.ndarray, "condition quantile"]
    rest: float = eqx.field(static=True)  # share of a tail beyond the range, which sets the last column [1]
    rate: float = eqx.field(static=True)  # of muons through the aperture [1/s]

    def __init__(
        self,
        flux: Flux,
        energies: tuple[float, float],
        zeniths: tuple[float, float],
        projected_area: ProjectedArea,
    ) -> None:
        """Tabulates a flux.

        Args:
            flux: intensity by total energy and cosine of the zenith angle.
            energies: least and largest total energy [GeV].
            zeniths: least and largest zenith angle [rad].
            projected_area: area [m2] perpendicular to a direction, averaged over azimuth, by zenith angle
                [rad].
        """
        energy = np.geomspace(*energies, _ENERGIES)
        zenith = np.linspace(*zeniths, _ZENITHS)
        spectra = np.asarray(flux.intensity(energy[None, :], np.cos(zenith)[:, None])) * energy
        density = np.trapezoid(spectra, np.log(energy), axis=1) * projected_area(zenith) * np.sin(zenith)
        self.rate = float(2.0 * np.pi * simpson(density, zenith))
        self.versines = _versine_quantiles(zenith, density)
        cosines = 1.0 - self.versines[:: (_VERSINES - 1) // (_CONDITIONS - 1)]
        self.rest = _rest(spectra[0], energy)
        self.momenta = _momentum_quantiles(flux, energy, cosines, self.rest)

    def versine(self, uniform: Float[Array, "event"]) -> Float[Array, "event"]:
        """1 - cos(theta) [1] of muons, by the remaining probability of the zenith angle in (0, 1)."""
        return _read(self.versines, jnp.sqrt(jnp.sqrt(uniform)))

    def momentum(self, uniform_zenith: Float[Array, "event"], uniform: Float[Array, "event"]) -> Float[Array, "event"]:
        """Momenta [GeV] of muons.

        Args:
            uniform_zenith: the number in (0, 1) the zenith angle was made from.
            uniform: remaining probability of the momentum given the zenith angle, in (0, 1).

        Returns:
            Momenta of the range's total energies, largest where ``uniform`` is near 0.
        """
        rows, columns = self.momenta.shape
        row, across = _cell(jnp.sqrt(jnp.sqrt(uniform_zenith)), rows)
        depth = jnp.log(self.rest + (1.0 - self.rest) * uniform) / math.log(self.rest)
        column, along = _cell(jnp.sqrt(jnp.maximum(depth, 0.0)), columns)
        table = jnp.asarray(self.momenta.ravel(), uniform.dtype)
        first = row * columns + column
        low = _between(table, first, along)
        high = _between(table, first + columns, along)
        return low + across * (high - low)


def simpson(values: Float[np.ndarray, "bin"], at: Float[np.ndarray, "bin"]) -> float:
    """Simpson's integral of values on a uniform grid with an odd number of nodes."""
    weights = np.full(at.size, 2.0)
    weights[1::2] = 4.0
    weights[[0, -1]] = 1.0
    return float(values @ weights * (at[1] - at[0]) / 3.0)


def _rest(spectrum: Float[np.ndarray, "bin"], energy: Float[np.ndarray, "bin"]) -> float:
    """Share of a power-law tail that starts at the last energy: where the logarithmic grid ends [1]."""
    tail = spectrum[-1] / _STEEPEST / np.trapezoid(spectrum, np.log(energy))
    return float(np.clip(tail / (1.0 + tail), 1e-6, 0.5))


def _remaining(density: Float[np.ndarray, "*row bin"], at: Float[np.ndarray, "bin"]) -> Float[np.ndarray, "*row bin"]:
    """Normalised integral from each node to the last by the trapezium rule, from 1 down to 0."""
    steps = 0.5 * (density[..., 1:] + density[..., :-1]) * np.diff(at)
    beyond = np.flip(np.cumsum(np.flip(steps, -1), axis=-1), -1)
    return np.concatenate([beyond, np.zeros_like(beyond[..., :1])], axis=-1) / beyond[..., :1]


def _versine_quantiles(
    zenith: Float[np.ndarray, "bin"], density: Float[np.ndarray, "bin"]
) -> Float[np.ndarray, "node"]:
    """1 - cos(theta) [1] where the 4th root of the remaining probability takes uniform values from 0 to 1."""
    fine = np.linspace(zenith[0], zenith[-1], 32 * (_ZENITHS - 1) + 1)
    remaining = _remaining(np.interp(fine, zenith, density), fine)
    versine = 2.0 * np.sin(fine / 2.0) ** 2
    return np.interp(np.linspace(0.0, 1.0, _VERSINES), remaining[::-1] ** 0.25, versine[::-1])


def _momentum_quantiles(
    flux: Flux, energy: Float[np.ndarray, "bin"], cosines: Float[np.ndarray, "condition"], rest: float
) -> Float[np.ndarray, "condition node"]:
    """Momenta [GeV] where the root of -ln(rest + (1 - rest) x remaining probability) takes uniform values."""
    spectra = np.asarray(flux.intensity(energy[None, :], cosines[:, None])) * energy
    remaining = _remaining(spectra, np.log(energy))
    depth = -np.log(rest + (1.0 - rest) * remaining)
    momentum = np.sqrt(np.maximum(energy**2 - MUON_MASS**2, 0.0))
    nodes = -math.log(rest) * np.linspace(0.0, 1.0, _QUANTILES) ** 2
    return np.stack([np.interp(nodes, row, momentum) for row in depth])


def _cell(position: Float[Array, "event"], nodes: int) -> tuple[Int[Array, "event"], Float[Array, "event"]]:
    """Index of the interval and fraction within it, for positions 0 to 1 on a uniform grid of nodes."""
    scaled = position * (nodes - 1)
    index = jnp.clip(scaled.astype(jnp.int32), 0, nodes - 2)
    return index, scaled - index


def _between(
    table: Float[Array, "node"], index: Int[Array, "event"], fraction: Float[Array, "event"]
) -> Float[Array, "event"]:
    """Linear interpolation from node ``index`` to the next."""
    low = table.at[index].get(mode="promise_in_bounds")
    return low + fraction * (table.at[index + 1].get(mode="promise_in_bounds") - low)


def _read(
    table: Float[Array, "node"] | Float[np.ndarray, "node"], position: Float[Array, "event"]
) -> Float[Array, "event"]:
    """Linear interpolation in a table at positions 0 to 1."""
    index, fraction = _cell(position, table.size)
    return _between(jnp.asarray(table, position.dtype), index, fraction)
