"""Sampling: places drawn with a density that falls with the loss, exp(-loss / temperature) on the open cube."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from daedalus.landscapes.charts import LOGITS, Chart
from daedalus.landscapes.descents import penalised
from daedalus.landscapes.surface import Scalar, Surface

LOWEST = -1e30  # logarithm of a density that is none


@dataclasses.dataclass(frozen=True, eq=False)
class Samples:
    """Draws of several chains, or of several populations, and how far they can be trusted.

    R-hat and the effective numbers are the rank-normalised ones of split chains (Vehtari et al., Bayesian Anal. 16
    (2021) 667) as BlackJAX makes them, in the chains' coordinates; R-hat above 1.01 says that the chains disagree. The
    members of a population are no chain in time: their effective number is that of their weights before the last
    resampling, and R-hat compares the populations.
    """

    method: str
    cubes: Float[np.ndarray, "chain draw param"]
    losses: Float[np.ndarray, "chain draw"]
    excess: Float[np.ndarray, "chain draw"]  # beyond the worst constraint [scales]
    temperature: float  # [loss]
    rhat: Float[np.ndarray, "param"]
    effective: Float[np.ndarray, "param"]  # draws, of all chains
    acceptance: float
    divergent: int  # transitions whose energy was lost
    evaluations: int
    log_evidence: Float[np.ndarray, "chain"] | None = None  # of the mean of exp(-loss / temperature) over the cube


def temperature(allowance: float, size: int) -> float:
    """The temperature whose draws fill the places within an allowance [loss].

    In a quadratic bowl of d parameters (loss - best) / T is a gamma variable of shape d / 2; T = allowance / (d / 2 +
    1) puts the bulk of the draws inside, and the reweighted ones are worth 2 / sqrt(pi d) of their number.

    Args:
        allowance: above the best loss [loss].
        size: number of parameters [1].
    """
    return allowance / (size / 2 + 1)


def log_density(
    surface: Surface, heat: Scalar, pressure: Scalar, chart: Chart = LOGITS
) -> Callable[[Float[Array, "param"]], Float[Array, ""]]:
    """The logarithm of the density in the coordinates of the cube: -penalised loss / T + log Jacobian; traceable.

    In the cube the density is exp(-penalised loss / T). Where the constraints are met the penalty is zero, and draws
    reweighted by exp(loss / T) are uniform there.

    Args:
        surface: whose loss is meant.
        heat: the temperature T [loss].
        pressure: of the constraints [loss per scale].
        chart: which coordinates.
    """
    value = penalised(surface, pressure)

    def density(coordinates: Float[Array, "param"]) -> Float[Array, ""]:
        found = -value(chart.cube(coordinates))[0] / heat
        return jnp.where(jnp.isfinite(found), found, LOWEST) + chart.log_jacobian(coordinates)

    return density


def samples_of(
    method: str,
    surface: Surface,
    path: Array | np.ndarray,
    densities: np.ndarray | None,
    *,
    heat: float,
    facts: tuple[float, int, int],
    chart: Chart = LOGITS,
) -> Samples:
    """The draws with their heights and diagnostics.

    Where no constraint can have pressed, losses follow from the densities; else the draws are measured once more.

    Args:
        method: its name.
        surface: what was sampled.
        path: coordinates of the draws.
        densities: their logarithms, of the coordinates; None: to be measured.
        heat: the temperature [loss].
        facts: acceptance, divergences, evaluations so far.
        chart: which coordinates.
    """
    coordinates = np.asarray(path, float).reshape(-1, path.shape[-1])
    cubes, jacobian = chart.placed(coordinates)
    acceptance, divergent, made = facts
    excess = surface.known_excess(cubes)
    if densities is not None and not surface.measured and np.all(excess <= 0):
        losses = -heat * (np.asarray(densities, float).ravel() - jacobian)
    else:
        heights = surface.heights(cubes)
        losses, excess, made = np.asarray(heights.loss, float), np.asarray(heights.excess, float), made + len(cubes)
    rhat, effective = _diagnostics(jnp.asarray(path))
    return Samples(
        method,
        cubes.reshape(path.shape),
        losses.reshape(path.shape[:2]),
        excess.reshape(path.shape[:2]),
        heat,
        np.atleast_1d(np.asarray(rhat, float)),
        np.atleast_1d(np.asarray(effective, float)),
        acceptance,
        divergent,
        made,
    )


@jax.jit
def _diagnostics(path: Array) -> tuple[Array, Array]:
    from blackjax.diagnostics import ess_bulk, rhat

    return rhat(path), ess_bulk(path)
