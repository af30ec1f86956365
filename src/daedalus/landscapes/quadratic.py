"""Quadratics: the shape of a surface round one place, with stiff and sloppy directions in the parameters' own words."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from daedalus.landscapes.errors import LandscapeError
from daedalus.landscapes.surface import Place, Surface
from daedalus.landscapes.volume import log_ball

NAMED = 0.1  # least part of a parameter in a direction that is worth its name


@dataclasses.dataclass(frozen=True, eq=False)
class Quadratic:
    """The second-order expansion of the loss at a place of the cube, averaged over several surfaces.

    Errors are standard errors of the averages, from how much the surfaces differ; NaN for a single surface.
    """

    surface: Surface  # the first one: names, units, bounds
    place: Float[np.ndarray, "param"]  # [1]
    gradient: Float[np.ndarray, "param"]  # [loss per edge of the cube]
    gradient_error: Float[np.ndarray, "param"]
    hessian: Float[np.ndarray, "param param"]  # [loss per square of the edge]
    hessian_error: Float[np.ndarray, "param param"]
    curvatures: Float[np.ndarray, "param"]  # its eigenvalues, stiffest first
    curvature_errors: Float[np.ndarray, "param"]  # along the same directions
    directions: Float[np.ndarray, "direction param"]  # its eigenvectors, one a row
    evaluations: int  # products of a Hessian with a vector

    def volume(self, allowance: float) -> float:
        """The share of the cube in the ellipsoid of loss at most ``allowance`` above the place.

        The cube's bounds do not cut it; infinite where a direction does not curve upwards.

        Args:
            allowance: [loss].
        """
        if np.any(self.curvatures <= 0):
            return np.inf
        size = len(self.curvatures)
        return float(np.exp(log_ball(size) + 0.5 * np.sum(np.log(2 * allowance / self.curvatures))))

    def alone(self, allowance: float) -> Float[np.ndarray, "param"]:
        """How far each parameter may move if no other does, sqrt(2 a / H_ii) [unit of each parameter].

        Args:
            allowance: a [loss].
        """
        return self._widths(np.diag(self.hessian), allowance)

    def reoptimised(self, allowance: float) -> Float[np.ndarray, "param"]:
        """How far each parameter may move if all others follow, sqrt(2 a inv(H)_ii) [unit of each parameter].

        Infinite where a direction does not curve upwards.

        Args:
            allowance: a [loss].
        """
        if np.any(self.curvatures <= 0):
            return np.full(len(self.place), np.inf)
        return self._widths(1 / np.sum(self.directions**2 / self.curvatures[:, None], 0), allowance)

    def extents(self, allowance: float) -> Float[np.ndarray, "direction"]:
        """How far one may go along each direction, sqrt(2 a / curvature) [edge of the cube].

        Args:
            allowance: a [loss].
        """
        curved = np.where(self.curvatures > 0, self.curvatures, 1.0)
        return np.where(self.curvatures > 0, np.sqrt(2 * allowance / curved), np.inf)

    def described(self, allowance: float, *, deviations: float = 2.0) -> tuple[str, ...]:
        """Each direction in words, stiffest first, as "z[0] +0.71, z[1] -0.70; +-0.4 cm".

        The numbers are parts of the unit vector in the cube; parts below a tenth are left out. What follows is how far
        one may go: along the direction where all ranges named are alike, else parameter by parameter. A direction
        without certain curvature is called flat.

        Args:
            allowance: [loss].
            deviations: what counts as certain [standard errors]; errors of a single surface count as none.
        """
        certain = self.curvatures > deviations * np.nan_to_num(self.curvature_errors)
        rows = zip(self.directions, self.extents(allowance), certain)
        return tuple(self._words(direction, float(extent), bool(sure)) for direction, extent, sure in rows)

    def _widths(self, curvatures: np.ndarray, allowance: float) -> np.ndarray:
        curved = np.where(curvatures > 0, curvatures, 1.0)
        widths = np.where(curvatures > 0, np.sqrt(2 * allowance / curved), np.inf)
        return (self.surface.upper - self.surface.lower) * widths

    def _words(self, direction: np.ndarray, extent: float, sure: bool) -> str:
        ranges = self.surface.upper - self.surface.lower
        units = self.surface.units or ("",) * len(ranges)
        named = [i for i in np.argsort(-np.abs(direction), kind="stable") if abs(direction[i]) >= NAMED]
        parts = ", ".join(f"{self.surface.names[i]} {direction[i]:+.2f}" for i in named)
        if not sure:
            return f"{parts}; flat"
        alike = len({(float(ranges[i]), units[i]) for i in named}) == 1
        if alike:
            return f"{parts}; +-{extent * ranges[named[0]]:.2g} {units[named[0]]}".rstrip()
        moves = (f"{abs(extent * direction[i]) * ranges[i]:.2g} {units[i]}".rstrip() for i in named)
        return f"{parts}; " + ", ".join(f"+-{move}" for move in moves)


def quadratic(surfaces: Sequence[Surface], place: Float[np.ndarray, "param"]) -> Quadratic:
    """The quadratic at a place, by automatic differentiation; one gradient and ``param`` products per surface.

    Hessians of relaxed chains are those of the relaxation. At a bound the gradient need not vanish.

    Args:
        surfaces: the same loss for events of different keys.
        place: where, in the cube [1].

    Raises:
        LandscapeError: no surface, or a derivative that is not finite.
    """
    if not surfaces:
        raise LandscapeError("no surface to expand; expected at least one, and several for errors.")
    cube = jnp.asarray(place, jnp.result_type(float))
    found = [_second(surface, cube) for surface in surfaces]
    slopes, bends = (np.stack([np.asarray(pair[i], float) for pair in found]) for i in (0, 1))
    if not (np.isfinite(slopes).all() and np.isfinite(bends).all()):
        raise LandscapeError(
            "the second derivatives at this place are not finite; expected a smooth surface. Give the surface a "
            "softness, or move the place off the bounds."
        )
    bends = (bends + np.swapaxes(bends, 1, 2)) / 2
    hessian = bends.mean(0)
    curvatures, vectors = np.linalg.eigh(hessian)
    directions = vectors.T[::-1]
    largest = np.take_along_axis(directions, np.argmax(np.abs(directions), 1)[:, None], 1)
    directions = directions * np.sign(largest)
    along = np.einsum("di,kij,dj->kd", directions, bends, directions)
    return Quadratic(
        surfaces[0],
        np.asarray(place, float),
        slopes.mean(0),
        _error(slopes),
        hessian,
        _error(bends),
        curvatures[::-1],
        _error(along),
        directions,
        len(surfaces) * len(place),
    )


def _error(rows: np.ndarray) -> np.ndarray:
    if len(rows) < 2:
        return np.full(rows.shape[1:], np.nan)
    return np.std(rows, axis=0, ddof=1) / np.sqrt(len(rows))


@eqx.filter_jit
def _second(surface: Surface, cube: Place) -> tuple[Place, Float[Array, "param param"]]:
    """The gradient and the Hessian, whose rows come one after the other so that memory stays that of one."""
    slope = jax.grad(surface.loss)
    row = lambda tangent: jax.jvp(slope, (cube,), (tangent,))[1]
    return slope(cube), jax.lax.map(row, jnp.eye(len(cube), dtype=cube.dtype))
