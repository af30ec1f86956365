"""Responses: a quadratic fitted to noisy losses and gradients at many places, each with random events of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from daedalus.landscapes.comparison import generator_of
from daedalus.landscapes.errors import LandscapeError
from daedalus.landscapes.surface import Height, Place, Surface

ROUNDS = 4  # each of as many places as all before, in a region that those have shaped
FIRST, WIDEST = 0.02, 0.15  # half widths of the first region and of any direction of the others [edge of the cube]
REACH = 3.0  # rise of the loss at the places of a region [allowances]: farther out slopes stand out more, but bend
FOLDS = 16  # parts of the places that are left out in turn, for errors
FLAT = 0.05  # least curvature, as a share of the mean one: no direction is flatter than can be told
BATCH = 32  # places per call of the compiled program


class Fit(NamedTuple):
    """A quadratic: value + gradient (u - middle) + (u - middle)^T hessian (u - middle) / 2."""

    middle: Float[np.ndarray, "*fold param"]  # [1]
    value: Float[np.ndarray, "*fold"]  # [loss]
    gradient: Float[np.ndarray, "*fold param"]  # [loss per edge of the cube]
    hessian: Float[np.ndarray, "*fold param param"]  # without downward curvature [loss per square of the edge]


@dataclasses.dataclass(frozen=True, eq=False)
class Response:
    """The fitted quadratic as a surface, and how well it agrees with the losses that it was not fitted to."""

    surface: Surface  # its heights' errors come from fits without one part of the places each
    fit: Fit
    shrinkage: float  # share of the Hessian that was replaced by a round bowl, for it cannot be told from noise [1]
    slope: float  # of the measured losses by the fitted ones: 1 where the quadratic holds [1]
    slope_error: float
    evaluations: int  # with gradients


def response(
    make: Callable[[Key[Array, ""]], Surface],
    centre: Float[np.ndarray, "param"],
    *,
    rise: float,
    key: Key[Array, ""],
    places: int = 1024,
) -> Response:
    """The loss near a place as a quadratic surface, without what the random events of any one key add to it.

    A surface of fixed events has a shape of its own, in which a sampler finds places that are good for these events
    only. Here every place has new events, and the shape is what their gradients agree on: gradients are regressed
    linearly on the place (a response surface, Box and Wilson, JRSS B 13 (1951) 1, of slopes instead of values), the
    Hessian is made symmetric, shrunk towards a round bowl as far as it is noise (as Ledoit and Wolf, J. Multivar. Anal.
    88 (2004) 365, do it for covariances), and its downward directions are flattened. The places lie where the last fit
    thinks that the loss rises by a few allowances, in regions of `ROUNDS` rounds.

    Args:
        make: the surface of the events of a key, of the same parameters for every key; traceable. Known constraints are
            kept, measured ones are left out.
        centre: where to look [1].
        rise: how much the loss may rise, which sets the size of the region [loss].
        key: decides places and events.
        places: evaluations with gradients in all [1]; at least four per parameter.

    Raises:
        LandscapeError: too few places, no rise, or losses that are not finite.
    """
    first = make(key)
    size = first.size
    if places < 4 * size or not rise > 0:
        raise LandscapeError(
            f"{places} places for {size} parameters and a rise of {rise:g}; expected at least {4 * size} places, and a "
            "rise above zero."
        )
    rng, slopes, admitted = generator_of(key), _slopes(make), jax.jit(jax.vmap(first.admitted))
    root, shape = FIRST * np.eye(size), _Data(*(np.zeros((0, *end)) for end in ((size,), (), (size,))))
    fitted, shrinkage = Fit(centre, np.zeros(()), np.zeros(size), np.zeros((size, size))), 1.0
    for number in range(ROUNDS):
        count = places // 2 ** (ROUNDS - max(number, 1))
        wished = np.clip(centre + rng.normal(size=(count, size)) @ root.T, 0.0, 1.0)
        cubes = np.asarray(admitted(jnp.asarray(wished, jnp.result_type(float))), float)
        shape = shape.more(cubes, *slopes(cubes, jax.random.split(jax.random.fold_in(key, number), count)))
        fitted, shrinkage = _fitted(shape, root)
        root = _region(fitted.hessian, REACH * rise)
    folds = [_fitted(shape.without(fold), root)[0] for fold in range(FOLDS)]
    slope, error = _agreement(shape, folds)
    height = _height(fitted, Fit(*map(np.stack, zip(*folds, strict=True))), first)
    bounds, rules = (first.lower, first.upper, first.units), {"admitted": first.admitted, "known": first.known}
    surface = Surface(height, first.names, *bounds, **rules)  # exchangeable parts stay in the order of the centre
    return Response(surface, fitted, shrinkage, slope, error, len(shape.losses))


class _Data(NamedTuple):
    cubes: np.ndarray
    losses: np.ndarray
    slopes: np.ndarray

    def more(self, *parts: np.ndarray) -> _Data:
        return _Data(*(np.concatenate(pair) for pair in zip(self, parts, strict=True)))

    def without(self, fold: int) -> _Data:
        return _Data(*(part[np.arange(len(part)) % FOLDS != fold] for part in self))


def _slopes(make: Callable[[Array], Surface]) -> Callable[[np.ndarray, Array], tuple[np.ndarray, np.ndarray]]:
    """Losses and gradients at places, one key each."""
    one = lambda cube, key: jax.value_and_grad(lambda place: make(key).loss(place))(cube)
    batch = jax.jit(lambda cubes, keys: jax.lax.map(lambda pair: one(*pair), (cubes, keys)))

    def all_of(cubes: np.ndarray, keys: Array) -> tuple[np.ndarray, np.ndarray]:
        rows = np.resize(np.arange(len(cubes)), (-(-len(cubes) // BATCH), BATCH))
        places = jnp.asarray(cubes, jnp.result_type(float))
        found = [batch(places[row], keys[row]) for row in rows]
        losses, slopes = (np.concatenate([np.asarray(pair[i], float) for pair in found])[: len(cubes)] for i in (0, 1))
        if not (np.isfinite(losses).all() and np.isfinite(slopes).all()):
            raise LandscapeError(
                f"{np.sum(~np.isfinite(losses))} of {len(losses)} losses near the place are not finite; expected none. "
                "Use more events, so that every design nearby sees some."
            )
        return losses, slopes

    return all_of


def _fitted(data: _Data, root: np.ndarray) -> tuple[Fit, float]:
    """The quadratic of the data, in coordinates in which the last region is round, and the share of shrinkage."""
    middle = data.cubes.mean(0)
    around = data.cubes - middle
    round_places = np.linalg.solve(root, around.T).T
    terms = np.concatenate([np.ones((len(around), 1)), round_places], 1)
    slopes = data.slopes @ root
    found = np.linalg.lstsq(terms, slopes, rcond=None)[0]
    left = slopes - terms @ found
    noise = np.sum(left**2, 0) / (len(left) - len(found))
    spread = np.diag(np.linalg.inv(terms.T @ terms))[1:]
    bend = 0.5 * (found[1:] + found[1:].T)
    variance = np.outer(spread, noise)
    variance = 0.25 * (variance + variance.T)  # of an entry off the diagonal; on it twice as much
    mean = np.trace(bend) / len(bend)
    apart = bend - mean * np.eye(len(bend))
    share = min(1.0, float((np.sum(variance) + np.trace(variance)) / max(np.sum(apart**2), 1e-9 * mean**2)))
    level, axes = np.linalg.eigh(mean * np.eye(len(bend)) + (1 - share) * apart)
    back = np.linalg.inv(root)
    hessian = back.T @ (axes * np.maximum(level, FLAT * max(mean, 0.0)) @ axes.T) @ back
    gradient = back.T @ found[0]
    value = np.asarray(np.mean(data.losses - _rise(around, gradient, hessian)))
    return Fit(middle, value, gradient, hessian), share


def _rise(around: np.ndarray, gradient: np.ndarray, hessian: np.ndarray) -> np.ndarray:
    return around @ gradient + 0.5 * np.einsum("ni,ij,nj->n", around, hessian, around)


def _region(hessian: np.ndarray, rise: float) -> np.ndarray:
    """A root of the covariance of places at which the quadratic has risen by so much, on average."""
    level, axes = np.linalg.eigh(hessian)
    widths = np.sqrt(2 * rise / (len(level) * np.maximum(level, 1e-30)))
    return axes * np.minimum(widths, WIDEST)


def _agreement(data: _Data, folds: list[Fit]) -> tuple[float, float]:
    """The slope of losses by those of fits to the other places, and its standard error; both less their fold's mean."""
    thought, losses = np.zeros((2, len(data.losses)))
    for fold, fit in enumerate(folds):
        part = np.arange(len(losses)) % FOLDS == fold
        rise = _rise(data.cubes[part] - fit.middle, fit.gradient, fit.hessian)
        thought[part], losses[part] = rise - rise.mean(), data.losses[part] - data.losses[part].mean()
    slope = np.sum(thought * losses) / np.sum(thought**2)
    left = losses - slope * thought
    return float(slope), float(np.sqrt(np.sum((thought * left) ** 2)) / np.sum(thought**2))


def _height(fit: Fit, folds: Fit, first: Surface) -> Callable[[Place], Height]:
    """The quadratic, as its error the jackknife's over the fits without one part, and the known constraints."""

    def loss(part: Any, cube: Place) -> Array:
        around = cube - part.middle
        return part.value + around @ part.gradient + 0.5 * around @ part.hessian @ around

    def height(cube: Place) -> Height:
        cast = lambda parts: jax.tree.map(lambda leaf: jnp.asarray(leaf, cube.dtype), parts)
        rest = jax.vmap(loss, (0, None))(cast(folds), cube)
        error = jnp.sqrt((FOLDS - 1) * jnp.var(rest))
        return Height(loss(cast(fit), cube), error, first.known(cube))

    return height
