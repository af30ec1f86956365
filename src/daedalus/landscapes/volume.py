"""Volumes of near-optimal sets from draws whose density falls with the loss."""

from __future__ import annotations

from math import lgamma, log, pi

import numpy as np
from jaxtyping import Bool

from daedalus.landscapes.sampling import Samples
from daedalus.landscapes.soundings import Soundings
from daedalus.landscapes.surface import Surface

CORE = 0.15  # share of the set's weight in the ellipsoid
PARTS = 8  # of a chain, whose differences give the error


def log_ball(size: int) -> float:
    """The logarithm of the volume of the unit ball of so many dimensions [1]."""
    return size / 2 * log(pi) - lgamma(size / 2 + 1)


def evidence_volume(
    surface: Surface,
    samples: Samples,
    draws: Soundings,
    inside: Bool[np.ndarray, "draw"],
    rng: np.random.Generator,
) -> tuple[float, float]:
    """The share of the cube inside and its error: the mean of exp(-loss / T) times that of exp(loss / T) inside.

    The error is how far the populations differ.

    Args:
        surface: not used; all volumes are called alike.
        samples: with their evidence.
        draws: the same, one after the other.
        inside: which of them belong to the set.
        rng: not used.
    """
    del surface, rng
    assert samples.log_evidence is not None
    shape = samples.losses.shape
    logs = samples.log_evidence[:, None] + draws.losses.reshape(shape) / samples.temperature
    each = np.mean(np.where(inside.reshape(shape), np.exp(np.where(inside.reshape(shape), logs, 0.0)), 0.0), 1)
    return float(np.mean(each)), float(np.std(each, ddof=1) / np.sqrt(len(each)))


def ellipsoid_volume(
    surface: Surface,
    samples: Samples,
    draws: Soundings,
    inside: Bool[np.ndarray, "draw"],
    rng: np.random.Generator,
) -> tuple[float, float]:
    """The share of the cube inside and its error, by comparison with an ellipsoid round the best draw.

    Both weights, of the set and of the ellipsoid, are sums of exp(loss / T) over draws, and the ellipsoid's volume is
    known (Robert and Wraith, AIP Conf. Proc. 1193 (2009) 251). NaN where parameters are exchangeable.

    Args:
        surface: whose draws these are.
        samples: in chains, whose parts' differences give the error.
        draws: the same, one after the other.
        inside: which of them belong to the set.
        rng: decides how the part of the ellipsoid in the cube is found.
    """
    if surface.exchangeable or inside.sum() < 10 * surface.size:
        return np.nan, np.nan
    heights = np.exp((draws.losses - np.max(draws.losses[inside])) / samples.temperature)
    within = np.where(inside, heights, 0.0)
    spread = np.atleast_2d(np.cov(draws.cubes[inside], rowvar=False, aweights=within[inside]))
    root = np.linalg.cholesky(spread)
    centre = draws.cubes[draws.best]
    far = np.linalg.norm(np.linalg.solve(root, (draws.cubes - centre).T), axis=0)
    order = np.argsort(far)
    radius = far[order][np.searchsorted(np.cumsum(within[order]), CORE * within.sum())]
    size = surface.size
    balls = rng.normal(size=(4096, size))
    balls *= (rng.random((4096, 1)) ** (1 / size)) / np.linalg.norm(balls, axis=1, keepdims=True)
    places = centre + radius * balls @ root.T
    share = float(np.mean(((places > 0) & (places < 1)).all(1)))
    whole = share * np.exp(log_ball(size) + size * np.log(radius) + np.sum(np.log(np.diag(root))))
    parts = np.array_split(np.stack([within, np.where(far <= radius, heights, 0.0)], 1), PARTS * len(samples.losses))
    sets, cores = np.array([part.sum(0) for part in parts]).T
    ratio = sets.sum() / cores.sum()
    error = np.std(sets - ratio * cores, ddof=1) * np.sqrt(len(sets)) / cores.sum()
    return float(whole * ratio), float(whole * error)
