"""The source: masses and scores of a peak and of a falling background, as expected and with a steeper or flatter slope.

All in closed form, for the known answers: masses are normal (signal) or exponential within the window (background);
scores t between 0 and 1 have the density 2 t (signal) or 2 (1 - t) (background), whatever the mass.
"""

from __future__ import annotations

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.scipy.stats import norm
from jaxtyping import Array, Float, Key

from daedalus.core import Derivative, Stage
from daedalus.events import Events, Observables, Processes, normals, uniforms
from daedalus.studies.binned_analysis.selection.design import WINDOW
from daedalus.units import GeV

SIGNAL, NOMINAL, UP, DOWN = range(4)  # numbers of the processes
PROCESSES = 4
PEAK, RESOLUTION = 125.0 * GeV, 2.5 * GeV  # mean and standard deviation of the signal's masses
LENGTH = 30.0 * GeV  # of the background's exponential
POWER = 2.0  # of the scores [1]


class PeakOnSlope(Stage):
    """Events of the processes in turn, four in a row with common random numbers; adds mass and score, and process."""

    variation: float = eqx.field(static=True)  # relative change of the background's length, up and down [1]

    name: ClassVar[str] = "peak_on_slope"
    derivative: ClassVar[Derivative] = Derivative.EXACT

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with `Observables` (mass [GeV], score [1]) and `Processes`."""
        process, number = (events.index % PROCESSES).astype(jnp.int32), events.index // PROCESSES
        place, rank = uniforms(key, number, 2)
        length = jnp.asarray(lengths(self.variation))[process]
        slope = WINDOW[0] - length * jnp.log1p(place * jnp.expm1((WINDOW[0] - WINDOW[1]) / length))
        mass = jnp.where(process == SIGNAL, PEAK + RESOLUTION * normals(key, number, 1, lane=1)[0], slope)
        high = rank ** (1.0 / POWER)
        score = jnp.where(process == SIGNAL, high, 1.0 - high)
        values = jnp.stack([mass, score])
        return events.add(Observables(values, jnp.zeros((0, *values.shape), values.dtype))).add(Processes(process))


def lengths(variation: float) -> Float[np.ndarray, "process"]:
    """The exponential lengths of the background as expected, up and down; that of the signal means nothing [GeV].

    Args:
        variation: relative change up and down [1].
    """
    return LENGTH * (1.0 + variation * np.array([0.0, 0.0, 1.0, -1.0]))


def passing(cut: Float[Array, "*shape"] | float) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
    """The law: shares of signal and background whose score is above a cut [1]."""
    cut = jnp.asarray(cut)
    return 1.0 - cut**POWER, (1.0 - cut) ** POWER


def expected_shares(
    cut: Float[Array, ""] | float, edges: Float[Array, "edge"], variation: float
) -> Float[Array, "process bin"]:
    """The law: the share of every process that passes the cut and falls in each bin, the outermost ones open [1].

    Args:
        cut: in the score [1].
        edges: of the mass [GeV].
        variation: relative change of the background's length, up and down [1].
    """
    signal, background = passing(cut)
    inner = edges[1:-1]
    length = lengths(variation)[1:, None]
    slope = jnp.expm1((WINDOW[0] - inner) / length) / jnp.expm1((WINDOW[0] - WINDOW[1]) / length)
    below = jnp.concatenate([signal * norm.cdf((inner - PEAK) / RESOLUTION)[None], background * slope])
    whole = jnp.concatenate([signal[None], jnp.full(PROCESSES - 1, background)])[:, None]
    return jnp.diff(jnp.concatenate([0.0 * whole, below, whole], 1), axis=1)
