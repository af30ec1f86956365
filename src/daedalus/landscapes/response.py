"""Responses: a quadratic fitted to noisy losses and gradients at many places, each with random events of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key
from scipy.optimize import minimize

from daedalus.landscapes.comparison import generator_of
from daedalus.landscapes.errors import LandscapeError
from daedalus.landscapes.surface import Height, Place, Surface

ROUNDS = 4  # each of as many places as all before, in a region that those have shaped
FIRST, WIDEST = 0.02, 0.15  # half widths of the first region and of any direction of the others [edge of the cube]
REACH = 3.0  # rise of the loss at the places of a region [allowances]: farther out slopes stand out more, but bend
FOLDS = 16  # parts of the places that are left out in turn, for errors
FLAT = 0.05  # least curvature, as a share of the mean one: no direction is flatter than can be told
CHECKED = 8  # one pair of losses checks the set for so many gradients
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
    slope: tuple[float, float]  # of the measured losses by the fitted ones and its error: 1 where the quadratic holds
    stiffness: tuple[float, float]  # by how much more than the fit says losses rise in its set, and its error [1]
    evaluations: int  # with gradients, but for the last ones, which check the set


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
    thinks that the loss rises by a few allowances, in regions of `ROUNDS` rounds. Last, losses of a set drawn from the
    fit are measured: where they rise by more than it says, for flat directions are partly chance, all of it is made
    stiffer by that ratio, so that designs of the set are as good as they should be, on average.

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
    rng = generator_of(key)
    drawn = lambda middle, root, count: first.allowed(middle + rng.normal(size=(count, size)) @ root.T)
    slopes = _batched(lambda cube, key: jax.value_and_grad(lambda place: make(key).loss(place))(cube))
    root, data = FIRST * np.eye(size), _Data(*(np.zeros((0, *end)) for end in ((size,), (), (size,))))
    fitted, shrinkage = Fit(centre, np.zeros(()), np.zeros(size), np.zeros((size, size))), 1.0
    for number in range(ROUNDS):
        cubes = drawn(centre, root, places // 2 ** (ROUNDS - max(number, 1)))
        data = data.more(cubes, *slopes(cubes, jax.random.fold_in(key, number)))
        fitted, shrinkage = _fitted(data, root)
        root = _region(fitted.hessian, REACH * rise)
    least = _least(fitted)
    cubes = drawn(least, _region(fitted.hessian, rise), places // CHECKED)
    pairs = _batched(lambda cube, key: (make(key).loss(cube), make(key).loss(jnp.asarray(least, cube.dtype))))
    stiffness = _stiffness(fitted, least, cubes, *pairs(cubes, jax.random.fold_in(key, ROUNDS)))
    folds = [_fitted(data.without(fold), root)[0] for fold in range(FOLDS)]
    height = _height(fitted, folds, first, (least, stiffness))
    bounds = (first.lower, first.upper, first.units)
    rules = {"admitted": first.admitted, "known": first.known, "walled": first.walled, "measured": False}
    surface = Surface(height, first.names, *bounds, **rules)  # exchangeable parts stay in the order of the centre
    made = len(data.losses) + 2 * len(cubes)
    return Response(surface, fitted, shrinkage, _agreement(data, folds), stiffness, made)


class _Data(NamedTuple):
    cubes: np.ndarray
    losses: np.ndarray
    slopes: np.ndarray

    def more(self, *parts: np.ndarray) -> _Data:
        return _Data(*(np.concatenate(pair) for pair in zip(self, parts, strict=True)))

    def without(self, fold: int) -> _Data:
        return _Data(*(part[np.arange(len(part)) % FOLDS != fold] for part in self))


def _batched(
    one: Callable[[Array, Array], tuple[Array, Array]],
) -> Callable[[np.ndarray, Array], tuple[np.ndarray, ...]]:
    """What is evaluated at places, each with a key of its own."""
    batch = jax.jit(lambda cubes, keys: jax.lax.map(lambda pair: one(*pair), (cubes, keys)))

    def all_of(cubes: np.ndarray, key: Array) -> tuple[np.ndarray, ...]:
        keys = jax.random.split(key, len(cubes))
        rows = np.resize(np.arange(len(cubes)), (-(-len(cubes) // BATCH), BATCH))
        places = jnp.asarray(cubes, jnp.result_type(float))
        parts = zip(*(batch(places[row], keys[row]) for row in rows), strict=True)
        found = tuple(np.concatenate([np.asarray(each, float) for each in part])[: len(cubes)] for part in parts)
        wrong = sum(int(np.sum(~np.isfinite(part))) for part in found)
        if wrong:
            raise LandscapeError(
                f"{wrong} of the losses and derivatives near the place are not finite; expected none. Use more events, "
                "so that every design nearby sees some."
            )
        return found

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


def _least(fit: Fit) -> Float[np.ndarray, "param"]:
    """The place of the least fitted loss within the bounds."""

    def value(cube: np.ndarray) -> tuple[float, np.ndarray]:
        around = cube - fit.middle
        return float(_rise(around[None], fit.gradient, fit.hessian)[0]), fit.gradient + fit.hessian @ around

    found = minimize(value, np.clip(fit.middle, 0.0, 1.0), jac=True, bounds=[(0.0, 1.0)] * len(fit.middle))
    return np.asarray(found.x, float)


def _stiffness(
    fit: Fit, least: np.ndarray, cubes: np.ndarray, there: np.ndarray, here: np.ndarray
) -> tuple[float, float]:
    """The ratio of the mean rises above the least place, measured and fitted, and its standard error.

    Flat directions of a noisy fit are partly chance: a set drawn from it lies where the loss rises by more.
    """
    rise = lambda places: _rise(places - fit.middle, fit.gradient, fit.hessian)
    thought, measured = rise(cubes) - rise(least[None]), there - here
    mean = max(float(np.mean(thought)), 1e-300)  # a loss that is flat rises by nothing
    ratio = float(np.mean(measured)) / mean
    return ratio, float(np.std(measured - ratio * thought) / np.sqrt(len(cubes))) / mean


def _height(
    fit: Fit, folds: list[Fit], first: Surface, scaled: tuple[np.ndarray, tuple[float, float]]
) -> Callable[[Place], Height]:
    """The quadratic, stiffened about its least place; errors of the fits without one part each and of the stiffness."""
    rest, (least, (ratio, unsure)) = Fit(*map(np.stack, zip(*folds, strict=True))), scaled
    ratio = max(ratio, 1.0)

    def height(cube: Place) -> Height:
        cast = lambda parts: jax.tree.map(lambda leaf: jnp.asarray(leaf, cube.dtype), parts)
        at = lambda place, part: place - part.middle
        rise = lambda part, around: around @ part.gradient + 0.5 * around @ part.hessian @ around
        loss = lambda part, place: part.value + rise(part, at(place, part))
        bottom = jnp.asarray(least, cube.dtype)
        stiff = lambda part: ratio * loss(part, cube) + (1.0 - ratio) * loss(part, bottom)
        whole = cast(fit)
        variance = (FOLDS - 1) * jnp.var(jax.vmap(stiff)(cast(rest)))
        error = jnp.sqrt(variance + (unsure * (loss(whole, cube) - loss(whole, bottom))) ** 2)
        return Height(stiff(whole), error, first.known(cube))

    return height
