"""Regression: a line or a parabola through noisy rows, how certain its slope is, and how much of each row is noise.

All that is not fixed beforehand (how steep, how bent, how far from a polynomial, how much of the noise is shared) is
a weight of one matrix in the rows' covariance, and the weights are those of the greatest evidence.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy import linalg
from scipy.linalg import lapack

Matrix = Float[np.ndarray, "row row"]

LEVEL = 100.0  # prior variance of the value at the origin [squared scales]
JITTER = 1e-8  # [squared scales]; keeps the covariance of noiseless rows invertible
LEAST_ERROR = 1e-6  # [scales]; below it an error counts as this much
GUESSED_ERROR = 0.05  # [scales]; of rows whose error is not known, before the evidence is asked
ITERATIONS = 15  # of the ascent to the greatest evidence, at most
NEGLIGIBLE = 0.02  # gain in the logarithm of the evidence that ends it [1]
LONGEST = 2.0  # change of a weight's logarithm in one step [1]
SHARED_AT_MOST = 0.5  # logarithm of the weight of shared noise, whose true value is at most 0 [1]
WIDEST = 14.0  # logarithm of the largest weight, and minus that of the smallest [1]

# what a row's covariance is made of, with mean and standard deviation of the prior of the weight's logarithm [1]
COMPONENTS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "slope": (0.0, 3.0),  # a line, any direction
        "active": (-1.0, 3.0),  # a line along the active subspace
        "bowl": (-2.0, 3.0),  # one curvature, the same in all directions
        "bend": (-2.0, 3.0),  # a parabola, any Hessian
        "active bend": (-2.0, 3.0),  # a parabola of the active coordinates
        "misfit": (-4.0, 3.0),  # what no polynomial of this degree describes
        "noise": (0.0, 0.5),  # of each row, as reported
        "shared": (-3.0, 3.0),  # of all rows of a round, which see the same events
    }
)

FIRST_WEIGHTS = tuple(mean for mean, _ in COMPONENTS.values())  # logarithms, before anything is known [1]


@dataclasses.dataclass(frozen=True)
class Rows:
    """Rows to be described, as steps from an origin."""

    steps: Float[np.ndarray, "row param"]  # in units of the region: one at its edge [1]
    values: Float[np.ndarray, "row"]
    errors: Float[np.ndarray, "row"]  # standard errors; NaN where unknown
    rounds: Int[np.ndarray, "row"]  # rows of one round may share noise


class Regression(NamedTuple):
    """A polynomial level + slope·s + s·bend s / 2 and what is known about it; the unit is that of the values."""

    level: float
    level_error: float  # standard error
    slope: Float[np.ndarray, "param"]  # per step of one
    spread: Float[np.ndarray, "param param"]  # covariance of the slope
    slope_noise: float  # standard error of its components from noise and misfit alone (root mean square)
    bend: Float[np.ndarray, "param param"]  # the Hessian
    misfit: float  # standard deviation of what is not described, a step of one from the origin
    noise: float  # standard error of one row (root mean square), without what its round shares
    estimates: Float[np.ndarray, "row"]  # the rows' values without their noise
    weights: Float[np.ndarray, "component"]  # logarithms, in the order of `COMPONENTS`; prior means where unused [1]


def regression(
    rows: Rows,
    degree: int,
    *,
    basis: Float[np.ndarray, "param active"] | None = None,
    weights: Float[np.ndarray, "component"] | None = None,
) -> Regression:
    """The polynomial of degree one or two that describes some rows best, with the posterior of its slope.

    Gaussian regression in its dual form, with covariance K between rows (Rasmussen and Williams, Gaussian Processes
    for Machine Learning, 2006, equations 2.11 and 5.8): slopes and Hessians have normal priors of unknown width, hence
    few rows give the least slope and Hessian (in Frobenius' norm) that explain them, as Powell's models do (Math.
    Program. 100 (2004) 183), and many rows give least squares. A row at distance d is described up to a misfit whose
    variance grows as d^(2 degree + 2), so that far rows count less. One curvature common to all directions, "bowl", is
    always in it: without it the curvature tilts the slope wherever rows lie on one side.

    Args:
        rows: what is to be described.
        degree: of the polynomial, 1 or 2.
        basis: orthonormal directions along which slope and Hessian may be larger than elsewhere.
        weights: logarithms of the components' weights from which to seek the greatest evidence.
    """
    near = np.argsort(np.sum(rows.steps**2, 1), kind="stable")[: max((len(rows.values) + 1) // 2, 2)]
    middle = float(np.median(rows.values[near]))
    known = np.where(np.isfinite(rows.errors), rows.errors, 0.0)
    scale = max(1.5 * float(np.median(np.abs(rows.values[near] - middle))), float(np.median(known)), 1e-12)
    errors = np.where(np.isfinite(rows.errors), np.maximum(known / scale, LEAST_ERROR), GUESSED_ERROR)
    basis = np.zeros((rows.steps.shape[1], 0)) if basis is None else basis
    parts = _components(rows, errors, degree, basis)
    residual = (rows.values - middle) / scale
    logs = np.array(FIRST_WEIGHTS if weights is None else weights, float)
    logs = _greatest_evidence(parts, residual, logs, loose=not np.isfinite(rows.errors).any())
    return _posterior(rows.steps, residual, parts, logs, basis=basis, middle=middle, scale=scale)


def _components(rows: Rows, errors: np.ndarray, degree: int, basis: np.ndarray) -> dict[str, Matrix]:
    """The matrices whose weighted sum is the covariance of the rows."""
    product, square = rows.steps @ rows.steps.T, np.sum(rows.steps**2, 1)
    parts = {"slope": product, "bowl": np.outer(square, square), "misfit": np.diag(square ** (degree + 1))}
    parts["noise"] = np.diag(errors**2)
    parts["shared"] = np.where(rows.rounds[:, None] == rows.rounds, np.outer(errors, errors), 0.0)
    active = (rows.steps @ basis) @ (rows.steps @ basis).T
    if basis.shape[1]:
        parts["active"] = active
    if degree == 2:
        parts["bend"] = 0.5 * product**2
        if basis.shape[1]:
            parts["active bend"] = 0.5 * active**2
    return parts


def _greatest_evidence(
    parts: Mapping[str, Matrix], residual: np.ndarray, logs: Float[np.ndarray, "component"], *, loose: bool
) -> Float[np.ndarray, "component"]:
    """The logarithms of the weights that are most probable given the rows, from some on; absent ones stay.

    Damped Newton steps with the average information (Gilmour, Thompson and Cullis, Biometrics 51 (1995) 1440).

    Args:
        parts: the covariance's components.
        residual: the rows' values about their middle [scales].
        logs: where to begin.
        loose: the errors are guesses.
    """
    order = list(COMPONENTS)
    used = [order.index(name) for name in parts]
    mean, width = (np.array(column)[used] for column in zip(*COMPONENTS.values(), strict=True))
    width = np.where(loose & (np.array(used) == order.index("noise")), 3.0, width)
    upper = np.array([SHARED_AT_MOST if order[i] == "shared" else WIDEST for i in used])
    stack = np.stack(list(parts.values()))
    place = np.clip(logs[used], -WIDEST, upper)
    value, slope, information = _improbability(stack, residual, place, mean, width)
    damping = 0.01
    for _ in range(ITERATIONS):
        damped = information + damping * np.diag(np.diag(information))
        tried = np.clip(place - np.clip(np.linalg.solve(damped, slope), -LONGEST, LONGEST), -WIDEST, upper)
        found = _improbability(stack, residual, tried, mean, width)
        damping *= 0.25 if found[0] < value else 8.0
        gain = value - found[0]
        if gain > 0:
            place, (value, slope, information) = tried, found
        if 0 <= gain < NEGLIGIBLE or damping > 1e6:
            break
    result = logs.copy()
    result[used] = place
    return result


def _improbability(
    stack: Float[np.ndarray, "component row row"],
    residual: np.ndarray,
    logs: np.ndarray,
    mean: np.ndarray,
    width: np.ndarray,
) -> tuple[float, np.ndarray, np.ndarray]:
    """Minus the logarithm of evidence times prior, its slope, and a positive estimate of its Hessian."""
    weight, pull = np.exp(logs), (logs - mean) / width
    covariance = LEVEL + JITTER * np.eye(len(residual)) + np.tensordot(weight, stack, 1)
    root, failed = lapack.dpotrf(covariance, lower=1)  # pyright: ignore[reportAttributeAccessIssue]
    if failed:
        return np.inf, np.zeros_like(logs), np.eye(len(logs))
    triangle = lapack.dpotri(root, lower=1)[0]  # pyright: ignore[reportAttributeAccessIssue]
    inverse = np.tril(triangle) + np.tril(triangle, -1).T
    dual = inverse @ residual
    value = 0.5 * residual @ dual + np.sum(np.log(np.diag(root))) + 0.5 * pull @ pull
    slope = 0.5 * weight * np.tensordot(stack, inverse - np.outer(dual, dual), axes=([1, 2], [0, 1])) + pull / width
    moved = weight[:, None] * (stack @ dual)
    return float(value), slope, 0.5 * moved @ inverse @ moved.T + np.diag(1.0 / width**2)


def _posterior(
    steps: Float[np.ndarray, "row param"],
    residual: Float[np.ndarray, "row"],
    parts: Mapping[str, Matrix],
    logs: Float[np.ndarray, "component"],
    *,
    basis: Float[np.ndarray, "param active"],
    middle: float,
    scale: float,
) -> Regression:
    """Polynomial and errors for given weights."""
    count, size = steps.shape
    weight = {name: float(np.exp(log)) for name, log in zip(COMPONENTS, logs, strict=True) if name in parts}
    fixed = LEVEL + JITTER * np.eye(count)
    root = linalg.cho_factor(fixed + sum(weight[name] * part for name, part in parts.items()), lower=True)
    dual = linalg.cho_solve(root, residual)
    noise = weight["noise"] * parts["noise"] + weight["shared"] * parts["shared"]
    prior = weight["slope"] * np.eye(size) + weight.get("active", 0.0) * basis @ basis.T
    reach = prior @ steps.T
    gain = linalg.cho_solve(root, reach.T).T
    astray = gain @ (noise + weight["misfit"] * parts["misfit"])
    curvature = 2.0 * weight["bowl"] * float(np.sum(steps**2, 1) @ dual)
    active = steps @ basis
    bend = curvature * np.eye(size) + weight.get("bend", 0.0) * (steps.T * dual) @ steps
    bend += weight.get("active bend", 0.0) * basis @ ((active.T * dual) @ active) @ basis.T
    ones = np.ones(count)
    return Regression(
        level=middle + scale * LEVEL * float(np.sum(dual)),
        level_error=scale * float(np.sqrt(max(LEVEL - LEVEL**2 * (ones @ linalg.cho_solve(root, ones)), 0.0))),
        slope=scale * (reach @ dual),
        spread=scale**2 * (prior - gain @ reach.T),
        slope_noise=scale * float(np.sqrt(np.sum(astray * gain) / size)),
        bend=scale * bend,
        misfit=scale * float(np.sqrt(weight["misfit"])),
        noise=scale * float(np.sqrt(weight["noise"] * np.trace(parts["noise"]) / count)),
        estimates=middle + scale * (residual - noise @ dual),
        weights=logs,
    )
