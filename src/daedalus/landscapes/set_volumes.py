"""Volumes of near-optimal sets, from draws whose density falls with the loss."""

from __future__ import annotations

from math import inf, log

import numpy as np
from jaxtyping import Bool

from daedalus.landscapes.sampling import Samples
from daedalus.landscapes.soundings import Soundings
from daedalus.landscapes.surface import Surface
from daedalus.landscapes.volume import Volume, log_ball

CORE = 0.15  # share of the set's weight in the ellipsoid
WORTH = 5  # equally weighted draws per parameter that either half must be worth: its ellipsoid is fitted to them
PARTS = 8  # of a chain, whose differences give the error


def evidence_volume(samples: Samples, draws: Soundings, inside: Bool[np.ndarray, "draw"]) -> Volume:
    """The share of the cube inside: the mean of exp(-loss / T) times that of exp(loss / T) inside.

    The error is how far the populations differ.

    Args:
        samples: with their evidence.
        draws: the same, one after the other.
        inside: which of them belong to the set.
    """
    assert samples.log_evidence is not None
    shape = samples.losses.shape
    logs = samples.log_evidence[:, None] + draws.losses.reshape(shape) / samples.temperature
    logs = np.where(inside.reshape(shape), logs, -inf)
    largest = float(np.max(logs))
    if largest == -inf:
        return Volume(-inf)
    each = np.mean(np.exp(logs - largest), 1)
    mean = float(np.mean(each))
    return Volume(largest + log(mean), float(np.std(each, ddof=1) / np.sqrt(len(each))) / mean)


def ellipsoid_volume(
    surface: Surface,
    samples: Samples,
    draws: Soundings,
    inside: Bool[np.ndarray, "draw"],
    rng: np.random.Generator,
) -> Volume:
    """The share of the cube inside, by comparison with ellipsoids whose volume is known.

    The weights of set and ellipsoid are sums of exp(loss / T) over draws (Robert and Wraith, AIP Conf. Proc. 1193
    (2009) 251). One half of the chains says what ellipsoid, the other half counts, and the other way round: among many
    parameters an ellipsoid fits best those draws that made it. Its centre is the best draw, which is inside bent sets
    too, or the mean of the set, round which there is room in many dimensions: whichever gives the smaller error.
    Unknown where parameters are exchangeable, or draws too few.

    Args:
        surface: whose draws these are.
        samples: in chains, whose parts' differences give the error.
        draws: the same, one after the other.
        inside: which of them belong to the set.
        rng: decides how the part of the ellipsoids in the cube is found.
    """
    chains, half = len(samples.losses), inside.size // len(samples.losses) * (len(samples.losses) // 2)
    halves = np.arange(inside.size) < half
    if surface.exchangeable or not inside.any():
        return Volume()
    heights = np.exp((draws.losses - np.max(draws.losses[inside])) / samples.temperature)
    for weights in (heights[inside & halves], heights[inside & ~halves]):
        if not weights.any() or weights.sum() ** 2 < WORTH * surface.size * np.sum(weights**2):
            return Volume()
    balls = rng.normal(size=(4096, surface.size))
    balls *= (rng.random((4096, 1)) ** (1 / surface.size)) / np.linalg.norm(balls, axis=1, keepdims=True)
    kept, parts = (draws.cubes, heights, inside), PARTS * chains // 2
    found = [_compared(surface, kept, told, balls, parts) for told in (halves, ~halves)]
    logs, errors = np.array([(each.log, each.relative_error) for each in found]).T
    return Volume(float(np.mean(logs)), float(np.linalg.norm(errors)) / 2)


def _compared(
    surface: Surface,
    draws: tuple[np.ndarray, np.ndarray, np.ndarray],
    told: np.ndarray,
    balls: np.ndarray,
    parts: int,
) -> Volume:
    """The volume by those draws that did not tell the ellipsoid, in so many parts."""
    cubes, heights, inside = draws
    within, found = np.where(inside, heights, 0.0), [Volume()]
    root = np.linalg.cholesky(np.atleast_2d(np.cov(cubes[told], rowvar=False, aweights=within[told])))
    best = cubes[np.argmin(np.where(told & inside, heights, inf))]
    for centre in (best, np.average(cubes[told], 0, within[told])):
        far = np.linalg.norm(np.linalg.solve(root, (cubes - centre).T), axis=0)
        order = np.argsort(far[told])
        radius = far[told][order][np.searchsorted(np.cumsum(within[told][order]), CORE * within[told].sum())]
        core = _allowed_volume(surface, centre, float(radius) * root, balls)
        both = np.stack([within, np.where(far <= radius, heights, 0.0)], 1)[~told]
        sets, cores = np.array([part.sum(0) for part in np.array_split(both, parts)]).T
        if np.isfinite([core, cores.sum()]).all() and cores.sum() > 0:
            ratio = sets.sum() / cores.sum()
            error = np.std(sets - ratio * cores, ddof=1) * np.sqrt(parts) / sets.sum()
            found.append(Volume(core + log(ratio), float(error)))
    return min(found, key=lambda volume: np.nan_to_num(volume.relative_error, nan=inf))


def _allowed_volume(surface: Surface, centre: np.ndarray, root: np.ndarray, balls: np.ndarray) -> float:
    """The logarithm of the volume of an ellipsoid, without what is outside the cube and the known constraints."""
    places = centre + balls @ root.T
    there = ((places > 0) & (places < 1)).all(1) & (surface.known_excess(np.clip(places, 0.0, 1.0)) <= 0)
    return log_ball(len(root)) + float(np.sum(np.log(np.diag(root)))) + (log(np.mean(there)) if there.any() else -inf)
