"""What no summary of the synthetic problem can beat, the unbinned likelihood by quadrature; and the best classifier."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from daedalus.inference.count_information import count_information
from daedalus.inference.mixture import intensity_information
from daedalus.studies.binned_analysis.inferno.truth import (
    BENCHMARKS,
    NOMINAL,
    RATE,
    SIGNAL_RATE,
    intensity,
    log_background_density,
    log_signal_density,
)

REACH = ((-17.0, 21.0), (-24.0, 24.0), (0.0, 16.0))  # beyond lies less than 1e-14 of either process [1]
NODES = (100, 70, 40)  # of the rules: bounds are then right to 1e-7, see the tests
CLASSIFIER_NODES = (400, 400)  # its integrand has kinks: uncertainties are right to 1e-4
_SLABS = 8  # the grid comes in so many pieces

_information = jax.jit(partial(intensity_information, intensity))


def unbinned_information(nodes: tuple[int, int, int] = NODES) -> Float[Array, "4 4"]:
    """Fisher information of unbinned events about (s, r, l, b) [1 / (product of the parameters' units)].

    Equal steps in the normal observables (the trapezoid rule, which converges faster than any power there) and Gauss's
    rule in the exponential one.

    Args:
        nodes: along each observable [1].
    """
    x, weight = _grid(nodes)
    parameters = jnp.asarray(NOMINAL)
    pieces = [np.array_split(each, _SLABS, -1) for each in (x, weight)]
    piece = lambda rule: _information(parameters, *map(jnp.asarray, rule))
    return sum(map(piece, zip(*pieces, strict=True)), start=jnp.zeros((4, 4)))


def classifier_information(bins: int = 10, nodes: tuple[int, int] = CLASSIFIER_NODES) -> Float[Array, "4 4"]:
    """Fisher information of a histogram of the optimal classifier p_s / (p_s + p_b) at the nominal nuisances.

    Equal bins in the classifier's output. Its logarithm of odds is linear in the exponential observable, so that an
    edge of a bin is a place there: that integral is in closed form, the other two are sums of equal steps.

    Args:
        bins: of the histogram [1].
        nodes: along each normal observable [1].

    Returns:
        The information about (s, r, l, b) [1 / (product of the parameters' units)].
    """
    x, weight = map(jnp.asarray, _grid((*nodes, 0)))
    odds = log_signal_density(x) - log_background_density(x)  # at x2 = 0; they grow by one as x2 does
    inner = jnp.linspace(0.0, 1.0, bins + 1)[1:-1]
    edges = jnp.maximum((jnp.log(inner) - jnp.log1p(-inner))[:, None] - odds / (RATE - SIGNAL_RATE), 0.0)

    def expected(parameters: Float[Array, "4"]) -> Float[Array, "bin"]:
        s, r, l, b = parameters
        signal = s * weight * jnp.exp(log_signal_density(x)) / SIGNAL_RATE
        background = b * weight * jnp.exp(log_background_density(x, r, l)) / l
        tails = jnp.exp(-SIGNAL_RATE * edges) @ signal + jnp.exp(-l * edges) @ background  # beyond each edge
        every = jnp.concatenate([(jnp.sum(signal) + jnp.sum(background))[None], tails, jnp.zeros(1)])
        return every[:-1] - every[1:]

    at = jnp.asarray(NOMINAL)
    return count_information(expected(at), jax.jit(jax.jacfwd(expected))(at).T)


def uncertainties(information: Float[Array, "4 4"]) -> Float[np.ndarray, "benchmark"]:
    """The expected standard deviation of s in every benchmark [events]."""
    return np.array([float(each.uncertainty(information)) for each in BENCHMARKS])


def _grid(nodes: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of the quadrature, shapes (3, node) and (node,); without nodes the last observable is zero."""
    rules = []
    for (low, high), count in zip(REACH[:2], nodes[:2], strict=True):
        place = np.linspace(low, high, count)
        rules.append((place, np.full(count, place[1] - place[0])))
    if nodes[2]:
        place, weight = np.polynomial.legendre.leggauss(nodes[2])
        low, high = REACH[2]
        rules.append((low + 0.5 * (high - low) * (place + 1), 0.5 * (high - low) * weight))
    else:
        rules.append((np.zeros(1), np.ones(1)))
    x = np.stack([each.ravel() for each in np.meshgrid(*[rule[0] for rule in rules], indexing="ij")])
    return x, np.einsum("i,j,k->ijk", *[rule[1] for rule in rules]).ravel()
