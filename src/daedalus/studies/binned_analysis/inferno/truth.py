"""What nature does in INFERNO's synthetic problem: densities, yields and nuisances.

de Castro and Dorigo, Comput. Phys. Commun. 244 (2019) 170, section 5, with the constants of their published code: its
signal is centred at (0, 0), while the paper prints (1, 1), with which its table of analytic results is not met.
"""

from __future__ import annotations

import dataclasses

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from daedalus.errors import ProblemError
from daedalus.inference.count_information import prior_information, profiled_uncertainty

SIGNAL, BACKGROUND = 0, 1  # numbers of the processes [1]
SIGNAL_EVENTS, BACKGROUND_EVENTS = 50.0, 1000.0  # s and b, expected [events]
SIGNAL_RATE = 2.0  # of the exponential of the signal's third observable [1]
SHIFT, RATE = 0.0, 3.0  # r and l, of the background: mean of the first observable is 2 + r, rate of the third l [1]
MEAN, VARIANCES = 2.0, (5.0, 9.0)  # of the background's first two observables: mean of the first, both variances [1]
PARAMETERS = ("s", "r", "l", "b")  # in the order of all information matrices here
NOMINAL = np.array([SIGNAL_EVENTS, SHIFT, RATE, BACKGROUND_EVENTS])
OBSERVABLES = 3


class Nuisances(eqx.Module):
    """The truth of a scenario: the nuisances at which events are simulated."""

    shift: Float[Array, "*scenario"]  # r [1]
    rate: Float[Array, "*scenario"]  # l [1]


def nominal(key: Key[Array, ""], index: Int[Array, ""], count: int) -> Nuisances:
    """The nuisances of every scenario: information is that at the nominal ones."""
    return Nuisances(jnp.asarray(SHIFT, jnp.result_type(float)), jnp.asarray(RATE, jnp.result_type(float)))


@dataclasses.dataclass(frozen=True)
class Benchmark:
    """Which parameters beside s are not known, and how well they are known beforehand."""

    free: tuple[int, ...]  # numbers in `PARAMETERS`; s comes first
    widths: tuple[float, ...]  # of their Gaussian constraints, infinite without one [the parameters' units]
    bound: float  # least uncertainty of s, that of unbinned events, see `bounds` [events]

    def uncertainty(self, information: Float[Array, "param param"]) -> Float[Array, ""]:
        """The expected standard deviation of s [events] from the information of the counts about all `PARAMETERS`."""
        rows = np.array(self.free)
        own = information[jnp.ix_(rows, rows)]
        return profiled_uncertainty(own + prior_information(np.array(self.widths)).astype(own.dtype))


_FREE = np.inf
BENCHMARKS = (  # as the paper numbers them
    Benchmark((0,), (_FREE,), 14.7046),
    Benchmark((0, 1), (_FREE, _FREE), 15.5026),
    Benchmark((0, 1, 2), (_FREE, _FREE, _FREE), 15.6344),
    Benchmark((0, 1, 2), (_FREE, 0.4, 1.0), 15.6051),
    Benchmark((0, 1, 2, 3), (_FREE, 0.4, 1.0, 100.0), 16.8770),
)


def benchmark(number: int) -> Benchmark:
    """One of the five benchmarks.

    Raises:
        ProblemError: there is none of that number.
    """
    if number not in range(len(BENCHMARKS)):
        raise ProblemError(f"benchmark {number}; expected 0 to {len(BENCHMARKS) - 1}: choose one of these.")
    return BENCHMARKS[number]


def log_signal_density(x: Float[Array, "3 event"]) -> Float[Array, "event"]:
    """Logarithm of the signal's density: standard normals and an exponential; x[2] must not be negative [1]."""
    return -0.5 * (x[0] ** 2 + x[1] ** 2) - np.log(2 * np.pi) + np.log(SIGNAL_RATE) - SIGNAL_RATE * x[2]


def log_background_density(
    x: Float[Array, "3 event"],
    shift: Float[Array, ""] | float = SHIFT,
    rate: Float[Array, ""] | float = RATE,
) -> Float[Array, "event"]:
    """Logarithm of the background's density; x[2] must not be negative [1].

    Args:
        x: the observables [1].
        shift: r [1].
        rate: l [1].
    """
    squares = (x[0] - MEAN - shift) ** 2 / VARIANCES[0] + x[1] ** 2 / VARIANCES[1]
    return -0.5 * squares - np.log(2 * np.pi * np.sqrt(np.prod(VARIANCES))) + jnp.log(rate) - rate * x[2]


def intensity(parameters: Float[Array, "4"], x: Float[Array, "3 event"]) -> Float[Array, "event"]:
    """Expected events per volume at x, for the `PARAMETERS` (s, r, l, b)."""
    s, r, l, b = parameters
    return s * jnp.exp(log_signal_density(x)) + b * jnp.exp(log_background_density(x, r, l))
