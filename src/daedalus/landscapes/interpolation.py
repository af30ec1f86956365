"""Interpolation: a smooth function through scattered places, with the error it makes where one of them is left out."""

from __future__ import annotations

import dataclasses
from itertools import combinations_with_replacement

import numpy as np
from jaxtyping import Float
from scipy.spatial.distance import cdist

from daedalus.landscapes.errors import LandscapeError

ROWS = 4096  # places at a time, so that memory stays flat
RIDGE = 1e-9  # added to the kernel's diagonal [its largest entry]: two places may almost coincide


@dataclasses.dataclass(frozen=True, eq=False)
class Interpolator:
    """A cubic radial basis function with a polynomial, through given values.

    f(u) = sum_i c_i |L(u - u_i)|^3 + p(u), p of first or second degree, with the coefficients of Fasshauer, Meshfree
    Approximation Methods with Matlab (2007), chapter 6. L brings the places to a common scale.
    """

    places: Float[np.ndarray, "point param"]  # brought to scale
    centre: Float[np.ndarray, "param"]
    scale: Float[np.ndarray, "param param"]  # L, acting from the right
    weights: Float[np.ndarray, "point"]
    polynomial: Float[np.ndarray, "term"]
    degree: int
    left_out: Float[np.ndarray, "point"]  # value minus what the others say of it (Rippa 1999, eq. 8)

    def __call__(self, cubes: Float[np.ndarray, "row param"]) -> Float[np.ndarray, "row"]:
        """The function at places."""
        parts = []
        for first in range(0, max(len(cubes), 1), ROWS):
            near = (cubes[first : first + ROWS] - self.centre) @ self.scale
            apart = cdist(near, self.places)
            parts.append((apart * apart * apart) @ self.weights + _terms(near, self.degree) @ self.polynomial)
        return np.concatenate(parts)


@dataclasses.dataclass(frozen=True, eq=False)
class Scattering:
    """Places that any values can be interpolated through, once their kernel is inverted.

    Leaving one out at a time: Rippa, Adv. Comput. Math. 11 (1999) 193.
    """

    places: Float[np.ndarray, "point param"]  # brought to scale
    centre: Float[np.ndarray, "param"]
    scale: Float[np.ndarray, "param param"]
    inverse: Float[np.ndarray, "point point"]

    def through(self, values: Float[np.ndarray, "point"], degree: int = 1) -> Interpolator:
        """The interpolator of values at the places.

        Args:
            values: there.
            degree: of the polynomial, 1 or 2.

        Raises:
            LandscapeError: fewer places than the polynomial has terms.
        """
        terms = _terms(self.places, degree)
        count, extra = terms.shape
        if count <= extra:
            raise LandscapeError(
                f"{count} places for an interpolation with {extra} polynomial terms; expected more. Evaluate more "
                "places."
            )
        bent = self.inverse @ terms
        polynomial = np.linalg.solve(terms.T @ bent, bent.T @ values)
        weights = self.inverse @ values - bent @ polynomial
        diagonal = np.diag(self.inverse) - np.sum(bent * np.linalg.solve(terms.T @ bent, bent.T).T, 1)
        return Interpolator(self.places, self.centre, self.scale, weights, polynomial, degree, weights / diagonal)


def scattering(
    cubes: Float[np.ndarray, "point param"],
    centre: Float[np.ndarray, "param"],
    scale: Float[np.ndarray, "param param"],
) -> Scattering:
    """Places ready for interpolation.

    Args:
        cubes: places, all different [1].
        centre: what becomes the origin [1].
        scale: brings places to scale, from the right.
    """
    near = (cubes - centre) @ scale
    kernel = cdist(near, near) ** 3
    kernel[np.diag_indices(len(near))] += RIDGE * kernel.max()
    return Scattering(near, centre, scale, np.linalg.inv(kernel))


def _terms(places: np.ndarray, degree: int) -> np.ndarray:
    columns = [np.ones(len(places)), *places.T]
    if degree == 2:
        columns += [a * b for a, b in combinations_with_replacement(places.T, 2)]
    return np.stack(columns, 1)
