"""Sensitivities: which parameters matter, at one place and over a whole region of a surface."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from daedalus.landscapes.comparison import generator_of
from daedalus.landscapes.errors import LandscapeError
from daedalus.landscapes.surface import Surface

Box = Float[np.ndarray, "2 param"]  # lower and upper corner in the cube [1]
RESAMPLED = 200  # draws of a bootstrap; the relative error of a standard error is then 5 %
STEP = 0.02  # of finite differences [share of a parameter's range]


@dataclasses.dataclass(frozen=True, eq=False)
class Sensitivities:
    """How the loss changes with every parameter at one place, with standard errors."""

    names: tuple[str, ...]
    units: tuple[str, ...]
    slope: Float[np.ndarray, "param"]  # d loss / d parameter [1 / unit of the parameter]
    slope_error: Float[np.ndarray, "param"]
    elasticity: Float[np.ndarray, "param"]  # d ln loss / d ln parameter; NaN unless both are positive [1]
    elasticity_error: Float[np.ndarray, "param"]


def sensitivities(
    surfaces: Sequence[Surface],
    cube: Float[np.ndarray, "param"],
    *,
    differences: bool = False,
    step: float = STEP,
) -> Sensitivities:
    """The slopes and elasticities of a loss at a place, with errors from several surfaces.

    Args:
        surfaces: of the same problem, each with events of its own: their scatter is the error. Of one alone the error
            is zero where its loss is exact, and else unknown (NaN).
        cube: the place.
        differences: central differences on common random numbers instead of derivatives, one-sided at a bound: for the
            real apparatus, whose edges have no derivative.
        step: of these [share of a parameter's range].

    Raises:
        LandscapeError: no surface, or surfaces of different parameters.
    """
    first = _alike(surfaces)
    place = jnp.asarray(cube, jnp.result_type(float))
    slopes = [_differences(s, np.asarray(cube), step) if differences else _derivatives(s, place) for s in surfaces]
    heights = [s.heights(np.asarray(cube)[None]) for s in surfaces]
    losses = np.array([float(height.loss[0]) for height in heights])
    value = first.values(np.asarray(cube))
    slope = np.array(slopes) / (first.upper - first.lower)
    with np.errstate(invalid="ignore", divide="ignore"):
        elastic = np.where((losses[:, None] > 0) & (value > 0), slope * value / losses[:, None], np.nan)
    exact = len(surfaces) == 1 and not np.any(heights[0].error)
    found = [part for each in (slope, elastic) for part in _mean_and_error(each, exact)]
    return Sensitivities(first.names, first.units or ("1",) * first.size, *found)


@dataclasses.dataclass(frozen=True, eq=False)
class Indices:
    """Shares of the variance of the loss over a box, with standard errors."""

    names: tuple[str, ...]
    first: Float[np.ndarray, "param"]  # of each parameter alone [1]
    first_error: Float[np.ndarray, "param"]
    total: Float[np.ndarray, "param"]  # with all that it does together with others [1]
    total_error: Float[np.ndarray, "param"]
    variance: float  # of the loss over the box [1]

    @property
    def ranking(self) -> tuple[str, ...]:
        """The names, the most important first: by the total index."""
        return tuple(self.names[number] for number in np.argsort(-self.total, kind="stable"))


def sobol_indices(
    surface: Surface,
    *,
    key: Key[Array, ""],
    samples: int = 256,
    box: Box | None = None,
    resampled: int = RESAMPLED,
) -> Indices:
    """The variance-based indices of every parameter over a box (Sobol, Math. Comput. Simul. 55 (2001) 271).

    First order after Saltelli and others, Comput. Phys. Commun. 181 (2010) 259, table 2 (b); total after Jansen,
    Comput. Phys. Commun. 117 (1999) 35, there (f). The samples are scrambled Sobol points, so that the bootstrap's
    errors are on the large side. Random events are part of the surface. Constraints are not regarded, for the
    parameters are varied independently.

    Args:
        surface: of a problem, or of a model fitted to what is known of one.
        key: decides the samples.
        samples: n, a power of two [1]; the price is n (parameters + 2) evaluations.
        box: in the cube; all of it by default. `enclosing` makes one of near-optimal places.
        resampled: draws of the bootstrap [1].

    Raises:
        LandscapeError: samples that are no power of two, a box without room, or a loss that is not finite or constant.
    """
    low, high = _room(surface, box)
    if samples < 2 or samples & (samples - 1):
        raise LandscapeError(f"{samples} samples; expected a power of two, for which Sobol points are balanced.")
    generator, size = generator_of(key), surface.size
    pairs = _even(2 * size, samples, generator)
    one, other = pairs[:, :size], pairs[:, size:]
    mixed = np.repeat(one[None], size, 0)  # each with one parameter of the other matrix
    mixed[np.arange(size), :, np.arange(size)] = other.T
    places = low + (high - low) * np.concatenate([one, other, mixed.reshape(-1, size)])
    losses = _finite(surface, places)
    a, b, ab = losses[:samples], losses[samples : 2 * samples], losses[2 * samples :].reshape(size, samples)
    rows = generator.integers(samples, size=(resampled, samples))
    again = np.array([_indices(a[row], b[row], ab[:, row]) for row in rows])
    error = np.std(again, 0, ddof=1)
    (first, total), variance = _indices(a, b, ab), float(np.var(np.concatenate([a, b])))
    return Indices(surface.names, first, error[0], total, error[1], variance)


@dataclasses.dataclass(frozen=True, eq=False)
class DerivativeMeasures:
    """Mean squares of the derivatives over a box, and what they allow the total indices to be at most."""

    names: tuple[str, ...]
    mean_square: Float[np.ndarray, "param"]  # of d loss / d parameter, ranges of the box scaled to one [1]
    bound: Float[np.ndarray, "param"]  # on the total index [1]
    bound_error: Float[np.ndarray, "param"]
    variance: float  # of the loss over the box [1]

    @property
    def ranking(self) -> tuple[str, ...]:
        """The names, the most important first: by the bound."""
        return tuple(self.names[number] for number in np.argsort(-self.bound, kind="stable"))


def derivative_measures(
    surface: Surface,
    *,
    key: Key[Array, ""],
    samples: int = 256,
    box: Box | None = None,
    resampled: int = RESAMPLED,
) -> DerivativeMeasures:
    """The derivative-based measures nu of every parameter over a box, and the bounds nu / (pi^2 V) on total indices.

    Sobol and Kucherenko, Math. Comput. Simul. 79 (2009) 3009, theorem 2: Poincaré's inequality for uniform parameters.
    They cost a gradient per sample, whatever the number of parameters, and tell what does not matter.

    Args:
        surface: differentiable; of a relaxed apparatus, or of a fitted model.
        key: decides the samples.
        samples: a power of two [1].
        box: in the cube; all of it by default.
        resampled: draws of the bootstrap [1].

    Raises:
        LandscapeError: samples that are no power of two, a box without room, a loss or slope that is not finite, or a
            constant loss.
    """
    low, high = _room(surface, box)
    if samples < 2 or samples & (samples - 1):
        raise LandscapeError(f"{samples} samples; expected a power of two, for which Sobol points are balanced.")
    generator = generator_of(key)
    places = low + (high - low) * _even(surface.size, samples, generator)
    both = jax.jit(lambda cubes: jax.lax.map(jax.value_and_grad(surface.loss), cubes))
    losses, slopes = map(np.asarray, both(jnp.asarray(places, jnp.result_type(float))))
    squares = (slopes * (high - low)) ** 2
    if not (np.all(np.isfinite(losses)) and np.all(np.isfinite(squares)) and np.var(losses) > 0):
        raise LandscapeError(_NOT_FINITE.format(np.sum(~np.isfinite(losses)), samples))
    rows = generator.integers(samples, size=(resampled, samples))
    bound = lambda row: np.mean(squares[row], 0) / (np.pi**2 * np.var(losses[row]))
    error = np.std([bound(row) for row in rows], 0, ddof=1)
    every = np.arange(samples)
    return DerivativeMeasures(surface.names, np.mean(squares, 0), bound(every), error, float(np.var(losses)))


def enclosing(cubes: Float[np.ndarray, "point param"], *, share: float = 1.0, least: float = 1e-3) -> Box:
    """The box of the cube around places, for instance near-optimal ones.

    Where these fill a bent region, much of the box lies outside it: there the indices say what matters around it.

    Args:
        cubes: the places, exchangeable parameters in canonical order.
        share: of the places along each axis that the box holds, as much left out at either end [1].
        least: width of a side [1].
    """
    low, high = np.quantile(cubes, [0.5 - 0.5 * share, 0.5 + 0.5 * share], axis=0)
    middle, half = 0.5 * (low + high), 0.5 * np.maximum(high - low, least)
    return np.clip(np.stack([middle - half, middle + half]), 0.0, 1.0)


_NOT_FINITE = (
    "the loss is constant, or the loss or its slope is not finite at some places ({} of {} losses are not); expected "
    "finite, varying ones. Give a box around places that accept events, or more events."
)


def _indices(a: np.ndarray, b: np.ndarray, ab: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First-order and total indices; the losses' mean is taken off first, which lowers the variance of the former."""
    both = np.concatenate([a, b])
    mean, variance = np.mean(both), np.var(both)
    return np.mean((b - mean) * (ab - a), 1) / variance, 0.5 * np.mean((a - ab) ** 2, 1) / variance


def _even(size: int, samples: int, generator: np.random.Generator) -> np.ndarray:
    """Scrambled Sobol points of the unit cube."""
    from scipy.stats import qmc  # heavy, and needed here only

    return qmc.Sobol(size, rng=generator).random(samples)


def _finite(surface: Surface, places: np.ndarray) -> np.ndarray:
    losses = np.asarray(surface.heights(places).loss, float)
    if not np.all(np.isfinite(losses)) or np.ptp(losses) == 0:
        raise LandscapeError(_NOT_FINITE.format(np.sum(~np.isfinite(losses)), len(losses)))
    return losses


def _room(surface: Surface, box: Box | None) -> tuple[np.ndarray, np.ndarray]:
    low, high = np.stack([np.zeros(surface.size), np.ones(surface.size)]) if box is None else np.asarray(box, float)
    if low.shape != (surface.size,) or not np.all((low >= 0) & (low < high) & (high <= 1)):
        raise LandscapeError(
            f"a box from {low.tolist()} to {high.tolist()}; expected {surface.size} lower corners of the cube below "
            "their upper ones, from 0 to 1."
        )
    return low, high


def _alike(surfaces: Sequence[Surface]) -> Surface:
    if not surfaces or any(each.names != surfaces[0].names for each in surfaces):
        raise LandscapeError(f"{len(surfaces)} surfaces; expected one or more, of the same parameters.")
    return surfaces[0]


def _derivatives(surface: Surface, cube: Array) -> np.ndarray:
    derivative: Callable[[Array], Array] = jax.jit(jax.grad(surface.loss))
    return np.asarray(derivative(cube))


def _differences(surface: Surface, cube: np.ndarray, step: float) -> np.ndarray:
    """Central differences of the loss, one-sided where a step would leave the cube."""
    steps = step * np.eye(surface.size)
    ends = np.clip(np.stack([cube - steps, cube + steps]), 0.0, 1.0)
    low, high = surface.heights(ends.reshape(-1, surface.size)).loss.reshape(2, -1)
    return (high - low) / np.diagonal(ends[1] - ends[0])


def _mean_and_error(values: np.ndarray, exact: bool) -> tuple[np.ndarray, np.ndarray]:
    if len(values) == 1:
        return values[0], np.full_like(values[0], 0.0 if exact else np.nan)
    return np.mean(values, 0), np.std(values, 0, ddof=1) / np.sqrt(len(values))
