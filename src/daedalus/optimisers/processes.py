"""Gaussian processes: what measured values and slopes of a function say about it elsewhere, with errors.

The linear algebra is tinygp's. The covariance is our own for two reasons: slopes among the data need the covariance
of values with slopes and of slopes with each other, which for the Matérn process automatic derivatives of a distance
get wrong at distance zero; and with all pairs in one product of matrices it is twenty times faster in a hundred
dimensions than pair by pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import tinygp
from jaxtyping import Array, Bool, Float, Int
from scipy.optimize import minimize

Profile = Literal["squared_exponential", "matern"]
KERNELS = get_args(Profile)
JITTER = 1e-8  # of the variance, on the diagonal [1]
ITERATIONS = 60  # of the ascent to the most probable parameters
REACH = 6.0  # standard deviations of the prior within which these are looked for


class Rows(eqx.Module):
    """Places, and which derivative of the function is meant there."""

    points: Float[Array, "*row param"]  # in the cube [1]
    axes: Int[Array, "*row"] | None = None  # the parameter of a slope, -1 for the value; None: values only


class Data(eqx.Module):
    """What was measured, in buffers of fixed length."""

    rows: Rows
    values: Float[Array, "row"]
    noise: Float[Array, "row"] | Float[Array, "row row"]  # variances or covariance
    known: Bool[Array, "row"]  # measured, unlike the rest of the buffer


class Covariance(tinygp.kernels.Kernel):
    """The covariance of a function's values and slopes: amplitude * profile(squared distance in length scales).

    Two different choices are one length scale apart, whichever they are. With s = sum(d_i^2 / l_i^2), d = x - x' and
    k = a p(s), cov(f, f'_j) = -2 a p'(s) d_j / l_j^2 and cov(f'_i, f'_j) = -4 a p''(s) d_i d_j / (l_i l_j)^2
    - 2 a p'(s) / l_i^2 [i = j] (Solak et al., NeurIPS 2002, equations 3 and 4).
    """

    lengths: Float[Array, "param"]  # [share of range]
    amplitude: Float[Array, ""]
    profile: Profile = eqx.field(static=True)
    choices: tuple[int, ...] = eqx.field(static=True, default=())

    def evaluate(self, X1: Rows, X2: Rows) -> Float[Array, ""]:
        """The covariance of one row with another."""
        single = lambda rows: jax.tree.map(lambda leaf: leaf[None], rows)
        return self.between(single(X1), single(X2))[0, 0]

    def between(self, one: Rows, other: Rows) -> Float[Array, "row other"]:
        """The covariances of some rows with others."""
        scale = jnp.asarray([0.0 if i in self.choices else 1.0 for i in range(len(self.lengths))]) / self.lengths
        a, b = one.points * scale, other.points * scale
        square = jnp.maximum(jnp.sum(a**2, 1)[:, None] + jnp.sum(b**2, 1) - 2 * a @ b.T, 0.0)
        for choice in self.choices:
            differ = jnp.abs(one.points[:, choice, None] - other.points[:, choice]) > 1e-6
            square = square + jnp.where(differ, self.lengths[choice] ** -2, 0.0)
        if one.axes is None or other.axes is None:
            return self.amplitude * profile(self.profile, 0, square)
        return self.amplitude * self._with_slopes(one, other, square)

    def _with_slopes(self, one: Rows, other: Rows, square: Array) -> Array:
        assert one.axes is not None
        assert other.axes is not None
        i, j = jnp.maximum(one.axes, 0), jnp.maximum(other.axes, 0)
        steep, steep_other = one.axes >= 0, other.axes >= 0
        left = 2 * (jnp.take_along_axis(one.points, i[:, None], 1) - other.points[:, i].T) / self.lengths[i, None] ** 2
        right = 2 * (jnp.take_along_axis(other.points, j[:, None], 1).T - one.points[:, j]) / self.lengths[j] ** 2
        factor = jnp.where(steep[:, None], left, 1.0) * jnp.where(steep_other, right, 1.0)
        order = steep[:, None].astype(int) + steep_other
        shape = [profile(self.profile, k, square) for k in range(3)]
        both = (order == 2) & (i[:, None] == j)
        return factor * jnp.choose(order, shape, mode="clip") - jnp.where(both, 2 * shape[1] / self.lengths[j] ** 2, 0)


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def profile(kind: Profile, order: int, square: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The derivative of some order (0 to 3) of a correlation with respect to the squared distance s.

    exp(-s / 2), or Matérn's with smoothness 5/2, (1 + r + r^2 / 3) exp(-r) with r = sqrt(5 s) (Rasmussen and Williams
    2006, equation 4.17); the third derivative of the latter is infinite at zero, and cut there.
    """
    if kind == "squared_exponential":
        return (-0.5) ** order * jnp.exp(-0.5 * square)
    r = jnp.sqrt(5 * square)
    polynomial = [1 + r + r**2 / 3, -5 / 6 * (1 + r), 25 / 12 + 0 * r, -125 / 24 / jnp.maximum(r, 1e-6)][order]
    return polynomial * jnp.exp(-r)


@profile.defjvp
def _(kind: Profile, order: int, primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    return profile(kind, order, *primals), profile(kind, order + 1, *primals) * tangents[0]


class Process(eqx.Module):
    """A Gaussian process: its covariance, its mean, and the noise beyond what is reported."""

    covariance: Covariance
    mean: Float[Array, ""]
    floor: Float[Array, ""]  # variance of values; of slopes per squared length scale

    @staticmethod
    def of(vector: Float[Array, "coefficient"], kind: Profile, choices: tuple[int, ...]) -> Process:
        """The process of a vector: logarithms of length scales, amplitude and floor, and the mean."""
        size = len(vector) - 3
        covariance = Covariance(jnp.exp(vector[:size]), jnp.exp(vector[size]), kind, choices)
        return Process(covariance, vector[size + 2], jnp.exp(vector[size + 1]))

    def level(self, rows: Rows) -> Float[Array, "row"]:
        """The mean of values and slopes."""
        flat = jnp.broadcast_to(self.mean, rows.points.shape[:1])
        return flat if rows.axes is None else jnp.where(rows.axes < 0, flat, 0.0)

    def spread(self, rows: Rows) -> Float[Array, "row"]:
        """The variances of values and slopes."""
        flat = jnp.ones(rows.points.shape[:1])
        if rows.axes is not None:
            slope = -2 * profile(self.covariance.profile, 1, jnp.zeros(())) / self.covariance.lengths**2
            flat = jnp.where(rows.axes < 0, flat, slope[jnp.maximum(rows.axes, 0)])
        return self.covariance.amplitude * flat

    def observed(self, data: Data) -> tinygp.GaussianProcess:
        """The joint distribution of what was measured; rows that were not are independent and of unit variance."""
        rows, known = data.rows, data.known
        spread = self.spread(rows)
        extra = jnp.where(known, (self.floor / self.covariance.amplitude + JITTER) * spread, 1.0)
        both = known[:, None] & known
        if data.noise.ndim == 1:
            noise = tinygp.noise.Diagonal(jnp.where(known, data.noise, 0.0) + extra)
        else:
            noise = tinygp.noise.Dense(jnp.where(both, data.noise, 0.0) + jnp.diag(extra))
        matrix = jnp.where(both, self.covariance.between(rows, rows), 0.0) + noise
        mean = jnp.where(known, self.level(rows), 0.0)
        places: Any = rows  # tinygp takes any tree of arrays, though it does not say so
        return tinygp.GaussianProcess(self.covariance, places, noise=noise, mean_value=mean, covariance_value=matrix)


class Prior(eqx.Module):
    """Independent normal distributions of a process's coefficients."""

    centre: Float[Array, "coefficient"]
    deviation: Float[Array, "coefficient"]


@partial(jax.jit, static_argnames=("kind", "choices"))
def evidence(
    vector: Float[Array, "coefficient"], data: Data, prior: Prior, kind: Profile, choices: tuple[int, ...] = ()
) -> Float[Array, ""]:
    """The logarithm of likelihood times prior, up to constants (Rasmussen and Williams 2006, equation 2.30)."""
    likelihood = Process.of(vector, kind, choices).observed(data).log_probability(jnp.where(data.known, data.values, 0))
    return likelihood - 0.5 * jnp.sum(((vector - prior.centre) / prior.deviation) ** 2)


_steepest = jax.jit(jax.value_and_grad(evidence), static_argnames=("kind", "choices"))


def most_probable(
    data: Data,
    prior: Prior,
    starts: Sequence[Float[np.ndarray, "coefficient"]],
    *,
    kind: Profile,
    choices: tuple[int, ...] = (),
) -> tuple[Float[np.ndarray, "coefficient"], float]:
    """The coefficients of greatest evidence that are found from some starts, and their evidence."""
    centre, deviation = np.asarray(prior.centre), np.asarray(prior.deviation)
    bounds = np.stack([centre - REACH * deviation, centre + REACH * deviation], 1)

    def descent(vector: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = _steepest(jnp.asarray(vector), data, prior, kind=kind, choices=choices)
        sound = bool(jnp.isfinite(value)) and bool(jnp.all(jnp.isfinite(slope)))
        return (-float(value), -np.asarray(slope)) if sound else (1e10, np.zeros_like(vector))

    options = {"maxiter": ITERATIONS}
    ends = [minimize(descent, s, jac=True, bounds=bounds, method="L-BFGS-B", options=options) for s in starts]
    best = min(ends, key=lambda end: end.fun)
    return np.asarray(best.x), -float(best.fun)
