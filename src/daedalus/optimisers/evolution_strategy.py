"""Evolution strategies: one run of covariance matrix adaptation, in a cube where some axes have levels.

The package ``cmaes`` does the work. A *draw* is what a distribution yields: continuous numbers may lie beyond the cube
and whole ones between their levels; `placed` gives the point it stands for.
"""

from __future__ import annotations

import cmaes
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from daedalus.optimisers.levels import Levels

Draws = Float[np.ndarray, "start param"]


class Normal:
    """A normal distribution of continuous parameters: of full covariance, or of variances only.

    Hansen, arXiv:1604.00772; Ros and Hansen, PPSN X (2008) 296.
    """

    def __init__(self, strategy: cmaes.CMA | cmaes.SepCMA) -> None:
        self._strategy = strategy

    def drawn(self, count: int, *, seed: int) -> Draws:
        """So many draws; from the same distribution with the same seed they are the same."""
        self._strategy.reseed_rng(seed)
        return np.array([self._strategy.ask() for _ in range(count)])

    def tell(self, draws: Draws) -> None:
        """Learns from the draws of a generation, best first."""
        self._strategy.tell([(draw, float(rank)) for rank, draw in enumerate(draws)])

    @property
    def finished(self) -> bool:
        """Whether the distribution has shrunk or degenerated, so that the run is over."""
        return bool(self._strategy.should_stop())


class MixedNormal:
    """A normal distribution of numbers, some of them whole, times probabilities of choices.

    CatCMA with margin, which keeps every value possible: Hamano et al., arXiv:2504.07884. A choice is drawn as the
    place of its level; a parameter with a single level stays.
    """

    def __init__(self, levels: Levels, mean: np.ndarray, sigma: float, population: int) -> None:
        count, unordered = np.asarray(levels.count), np.asarray(levels.unordered)
        first, step = np.asarray(levels.first, float), np.asarray(levels.step, float)
        continuous, whole = np.flatnonzero(count == 0), np.flatnonzero((count > 1) & ~unordered)
        self._choices = np.flatnonzero((count > 1) & unordered)
        self._numbers = np.concatenate([continuous, whole])
        self._mean, self._any_continuous = mean, len(continuous) > 0
        self._first, self._step, self._count = (each[self._choices] for each in (first, step, count))
        self._strategy = cmaes.CatCMAwM(
            x_space=[[-np.inf, np.inf]] * len(continuous) or None,
            z_space=[(first[axis] + step[axis] * np.arange(count[axis])).tolist() for axis in whole] or None,
            c_space=self._count.tolist() or None,
            population_size=population,
            mean=mean[self._numbers],
            sigma=sigma,
            cov=np.eye(len(self._numbers)),
        )

    def drawn(self, count: int, *, seed: int) -> Draws:
        """So many draws; from the same distribution with the same seed they are the same."""
        self._strategy.reseed_rng(seed)
        draws = np.tile(self._mean, (count, 1))
        for draw in draws:
            solution = self._strategy.ask()
            if solution._v_raw is not None:
                draw[self._numbers] = solution._v_raw  # what it learns from: not yet rounded
            if solution.c is not None:
                draw[self._choices] = self._first + self._step * np.argmax(solution.c, 1)
        return draws

    def tell(self, draws: Draws) -> None:
        """Learns from the draws of a generation, best first."""
        index = np.round((draws[:, self._choices] - self._first) / self._step)
        chosen = index[..., None] == np.arange(self._count.max(initial=1))
        raw = draws[:, self._numbers]
        given = [cmaes.CatCMAwM.Solution(c=c, _v_raw=v) for c, v in zip(chosen, raw, strict=True)]
        self._strategy.tell([(solution, float(rank)) for rank, solution in enumerate(given)])

    @property
    def finished(self) -> bool:
        """Whether the run is over; the margin keeps whole numbers alive, so continuous ones decide."""
        return self._any_continuous and bool(self._strategy.should_stop())


EvolutionStrategy = Normal | MixedNormal


def evolution_strategy(
    levels: Levels, mean: np.ndarray, sigma: float, *, population: int, separable: bool
) -> EvolutionStrategy:
    """A distribution that has seen nothing.

    Args:
        levels: of the whole numbers and choices.
        mean: middle of the first draws [1].
        sigma: their standard deviation [1].
        population: points of a generation [1].
        separable: learn variances only; not where there are whole numbers or choices.
    """
    start = np.array(mean, float)
    if np.any(np.asarray(levels.whole)):
        return MixedNormal(levels, start, sigma, population)
    kind = cmaes.SepCMA if separable and len(start) > 1 else cmaes.CMA
    return Normal(kind(mean=start, sigma=sigma, population_size=population))


@jax.jit
def placed(draws: Float[Array, "start param"], levels: Levels) -> Float[Array, "start param"]:
    """The points of the cube that draws stand for: reflected at the bounds, whole numbers on their nearest level."""
    folded = jnp.mod(draws, 2.0)
    inside = jnp.where(folded > 1, 2 - folded, folded)
    return levels.snapped(jnp.where(levels.whole, draws, inside))


@jax.jit
def shifted(
    draws: Float[Array, "start param"], found: Float[Array, "start param"], levels: Levels
) -> Float[Array, "start param"]:
    """The draws that stand for the points found instead of their own, on the same side of a mirror."""
    mirrored = (jnp.mod(draws, 2.0) > 1) & ~levels.whole
    return draws + jnp.where(mirrored, -1, 1) * (found - placed(draws, levels))
