"""Smoothing: the loss that is to be expected where a design is built with tolerances, and what it does to the best."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from daedalus.landscapes.batches import mapped
from daedalus.landscapes.descents import Descents, descents
from daedalus.landscapes.errors import LandscapeError
from daedalus.landscapes.soundings import soundings
from daedalus.landscapes.surface import Height, Place, Surface
from daedalus.optimisers.sobol import sobol_points

Tolerances = Mapping[str, float] | float


def smoothed(
    surface: Surface, tolerances: Tolerances, *, key: Key[Array, ""], draws: int = 32, batch: int = 8
) -> Surface:
    """The surface of E[loss(u + scale * eps)], eps standard normal: ``draws`` evaluations per place.

    The same normals serve all places. They come in pairs of opposite sign from a Sobol sequence and are brought to unit
    covariance exactly, so that quadratic losses are smoothed exactly. What would leave the cube is mirrored at its
    bounds. A constraint is the mean over the draws, too: it is met on average, not by every piece that is built.

    Args:
        surface: what is smoothed.
        tolerances: standard deviation per parameter, "z" for all z[...], others exact; or one for all
            [unit of each parameter].
        key: decides the normals.
        draws: evaluations per place, even, and at least twice the parameters that vary [1].
        batch: draws side by side [1].

    Raises:
        LandscapeError: an unknown or negative tolerance, or too few draws.
    """
    scale = scales(surface, tolerances)
    varied = np.flatnonzero(scale)
    if draws % 2 or draws < 2 * max(len(varied), 1):
        raise LandscapeError(
            f"{draws} draws for {len(varied)} parameters with a tolerance; expected an even number, at least "
            f"{2 * max(len(varied), 1)}."
        )
    shifts = np.zeros((draws, surface.size))
    if len(varied):
        shifts[:, varied] = _normals(len(varied), draws, key) * scale[varied]

    def height(cube: Place) -> Height:
        there = lambda shift: surface.height(_mirrored(cube + shift))
        return jax.tree.map(lambda leaf: jnp.mean(leaf, 0), mapped(there, batch)(jnp.asarray(shifts, cube.dtype)))

    return dataclasses.replace(surface, height=height)


def scales(surface: Surface, tolerances: Tolerances) -> Float[np.ndarray, "param"]:
    """The tolerance of each parameter [edge of the cube].

    Args:
        surface: whose parameters they are.
        tolerances: per parameter, "z" for all z[...], or one for all [unit of each parameter].

    Raises:
        LandscapeError: an unknown name, or a negative tolerance.
    """
    given = dict.fromkeys(surface.names, float(tolerances)) if isinstance(tolerances, (int, float)) else tolerances
    found = np.zeros(surface.size)
    for name, amount in given.items():
        rows = [
            i for i, known in enumerate(surface.names) if known == name or known.startswith((name + "[", name + "."))
        ]
        if not rows or not amount >= 0:
            raise LandscapeError(
                f"a tolerance of {amount:g} for {name!r}; expected one of {', '.join(surface.names[:12])}, and a "
                "tolerance not below zero."
            )
        found[rows] = amount
    return found / (surface.upper - surface.lower)


def _normals(size: int, draws: int, key: Key[Array, ""]) -> np.ndarray:
    from scipy.special import ndtri

    half = ndtri(np.clip(sobol_points(size, draws // 2, key=key), 1e-6, 1 - 1e-6))
    root = np.linalg.cholesky(np.atleast_2d(half.T @ half / len(half)))
    half = np.linalg.solve(root, half.T).T
    return np.concatenate([half, -half])


def _mirrored(cube: Place) -> Place:
    folded = jnp.mod(cube, 2.0)
    return jnp.where(folded > 1, 2 - folded, folded)


@dataclasses.dataclass(frozen=True, eq=False)
class Robustness:
    """The best place of the loss, which may be fragile, beside the best one of the smoothed loss."""

    surface: Surface
    smoothed: Surface
    fragile: Float[np.ndarray, "param"]  # [1]
    robust: Float[np.ndarray, "param"]  # [1]
    losses: Float[np.ndarray, "2"]  # at the fragile and at the robust place [1]
    expected: Float[np.ndarray, "2"]  # the smoothed losses there [1]
    searches: tuple[Descents, Descents]  # on the surface, on the smoothed one
    evaluations: int  # of the loss

    @property
    def gain(self) -> float:
        """How much less loss is to be expected of the robust place than of the fragile one [1]."""
        return float(self.expected[0] - self.expected[1])


def robustness(
    surface: Surface,
    tolerances: Tolerances,
    *,
    key: Key[Array, ""],
    draws: int = 32,
    starts: int = 16,
    steps: int = 40,
    batch: int = 8,
    begun: Float[np.ndarray, "start param"] | None = None,
) -> Robustness:
    """The robust optimum compared with the fragile one; at most starts * steps * (draws + 1) evaluations, and a few.

    Args:
        surface: with derivatives.
        tolerances: standard deviation per parameter, or one for all [unit of each parameter].
        key: decides the normals and the starts.
        draws: evaluations per place of the smoothed surface [1].
        starts: of each search [1].
        steps: most evaluations of a descent [1].
        batch: descents, and draws, side by side [1].
        begun: places to start from.

    Raises:
        LandscapeError: an unknown or negative tolerance, too few draws, or no place that meets the constraints.
    """
    where, how = jax.random.split(key)
    soft = smoothed(surface, tolerances, key=how, draws=draws, batch=batch)
    first = descents(surface, key=where, starts=starts, steps=steps, batch=batch, begun=begun)
    fragile = first.ends.cubes[first.ends.best]
    more = fragile[None] if begun is None else np.concatenate([fragile[None], begun])
    second = descents(soft, key=where, starts=starts, steps=steps, batch=batch, begun=more)
    robust = second.ends.cubes[second.ends.best]
    both = np.stack([fragile, robust])
    made = first.evaluations + draws * second.evaluations + 2 + 2 * draws
    losses, expected = soundings(surface, both).losses, soundings(soft, both).losses
    return Robustness(surface, soft, fragile, robust, losses, expected, (first, second), made)
