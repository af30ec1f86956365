"""Noisy expected improvement: what a further evaluation promises, given that the best so far is known with errors.

What the measured places (and those still to be measured) are truly worth is drawn several times from the processes;
given one such draw, the improvement that a place promises has a closed form, also under constraints; the promise is
its mean (Letham, Karrer, Ottoni, Bakshy, Bayesian Anal. 14 (2019) 495, equation 7). All is done in logarithms, whose
slopes do not vanish where little is promised (Ament et al., NeurIPS 2023, section 4.1). Several objectives are brought
down to one by the weighted largest of them (Knowles, IEEE Trans. Evol. Comput. 10 (2006) 50, without the augmentation),
applied to the objectives' own processes, with new weights for every point.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import cho_solve, solve_triangular
from jax.scipy.special import log_ndtr, logsumexp
from jaxtyping import Array, Bool, Float

from daedalus.optimisers.processes import Data, Process, Rows

NUGGET = 1e-6  # of the variance; drawn functions are known to its root [1]
UNSEEN = 1.0  # how far above the worst drawn value a place without a feasible rival is aimed at [standard deviations]
BACK_OFF = 0.1  # weight of the logarithm of feasibility where the mean is minimised [standard deviations]
LEVELS = np.geomspace(1e-4, 4.0, 40)  # improvements at which several objectives are integrated [ranges]

Samples = Float[Array, "place sample"]


class Scalar(eqx.Module):
    """One number from several objectives: the largest of weight * (objective - ideal) / range."""

    weight: Float[Array, "objective"]
    ideal: Float[Array, "objective"]
    range: Float[Array, "objective"]

    def __call__(self, objectives: Float[Array, "objective *shape"]) -> Float[Array, "*shape"]:
        """The number."""
        ones = (1,) * (objectives.ndim - 1)
        shaped = lambda vector: vector.reshape(-1, *ones)
        if len(objectives) == 1:
            return objectives[0]
        return jnp.max(shaped(self.weight / self.range) * (objectives - shaped(self.ideal)), 0)

    def log_improvement(self, best: Float[Array, "draw"], means: Array, deviations: Array) -> Samples:
        """The logarithm of the expected improvement over the best of each draw, for independent objectives.

        The integral of P(number <= best - t) over t >= 0, which for one objective is Ament's equation 9.
        """
        if len(means) == 1:
            scale = deviations[0][:, None]
            return log_improvement((best - means[0]) / scale) + jnp.log(scale)
        level = best[:, None] - LEVELS
        shaped = lambda vector: vector[:, None, None, None]
        limit = level * shaped(self.range / self.weight) + shaped(self.ideal)
        chance = jnp.sum(log_ndtr((limit - means[..., None]) / deviations[..., None, None]), 0)
        return logsumexp(chance, axis=-1, b=np.gradient(LEVELS))


class Fantasies(eqx.Module):
    """Draws of what all processes are worth at some places, and the processes given each draw.

    The first column of the weights is not a draw: it is the processes' mean given the measurements.
    """

    rows: Rows
    processes: tuple[Process, ...]  # objectives, then constraints
    placed: tuple[Bool[Array, "row"], ...]  # which rows were drawn
    roots: tuple[Float[Array, "row row"], ...]  # of the covariance of what was drawn
    weights: tuple[Float[Array, "row sample"], ...]
    best: Float[Array, "draw"]  # scalar of the best feasible place, of each draw
    scalar: Scalar
    some: Bool[Array, ""]  # whether a measured place is thought feasible

    def __call__(self, points: Float[Array, "place param"]) -> tuple[Array, Array]:
        """The means given each draw [output, place, sample], and the deviations [output, place]."""
        found = [self._given(output, points) for output in range(len(self.processes))]
        return jnp.stack([mean for mean, _ in found]), jnp.stack([deviation for _, deviation in found])

    def _given(self, output: int, points: Array) -> tuple[Array, Array]:
        process = self.processes[output]
        axes = None if self.rows.axes is None else jnp.full(points.shape[:1], -1)
        cross = jnp.where(self.placed[output], process.covariance.between(Rows(points, axes), self.rows), 0.0)
        explained = solve_triangular(self.roots[output], cross.T, lower=True)
        variance = process.covariance.amplitude - jnp.sum(explained**2, 0)
        least = NUGGET * process.covariance.amplitude
        return process.mean + cross @ self.weights[output], jnp.sqrt(jnp.maximum(variance, least))


def fantasies(
    processes: tuple[Process, ...],
    data: tuple[Data, ...],
    pending: Bool[Array, "row"],
    scalar: Scalar,
    normals: Float[Array, "output sample row"],
) -> Fantasies:
    """Draws from the processes at all measured and pending places.

    Args:
        processes: objectives, then constraints.
        data: of each, in the same rows.
        pending: rows that will be measured.
        scalar: of the objectives.
        normals: standard normal numbers.
    """
    rows, count = data[0].rows, len(scalar.weight)
    somewhere = jnp.any(jnp.stack([datum.known for datum in data]), 0) | pending
    value = jnp.ones_like(pending) if rows.axes is None else rows.axes < 0
    placed = tuple(somewhere & (value | datum.known) for datum in data)
    drawn = [_drawn(*output) for output in zip(processes, data, placed, normals, strict=True)]
    worth = jnp.stack([values for values, _, _ in drawn])
    feasible = jnp.all(worth[count:] <= 0, 0) & value & placed[0]
    number = scalar(worth[:count])
    worst = jnp.max(jnp.where(value & placed[0], number, -jnp.inf), 1) + UNSEEN
    best = jnp.min(jnp.where(feasible, number, worst[:, None]), 1)
    roots, weights = tuple(root for _, root, _ in drawn), tuple(weight for _, _, weight in drawn)
    return Fantasies(rows, processes, placed, roots, weights, best[1:], scalar, jnp.any(feasible[0]))


def _drawn(process: Process, data: Data, placed: Array, normals: Array) -> tuple[Array, Array, Array]:
    """The mean and draws [sample, row], the root of the covariance, and the weights [row, sample]."""
    rows, spread = data.rows, process.spread(data.rows)
    both = placed[:, None] & placed
    matrix = jnp.where(both, process.covariance.between(rows, rows), 0.0)
    nugget = jnp.diag(jnp.where(placed, NUGGET * spread, 1.0))
    observed, level = process.observed(data), process.level(rows)
    explained = observed.solver.solve_triangular(jnp.where(data.known[:, None], matrix, 0.0))
    surprise = observed.solver.solve_triangular(jnp.where(data.known, data.values - level, 0.0))
    certain = observed.solver.solve_triangular(surprise, transpose=True)
    left = jnp.linalg.cholesky(matrix - explained.T @ explained + nugget)
    mean = jnp.where(placed, level + explained.T @ surprise, 0.0)
    draws = jnp.where(placed, mean + normals @ left.T, 0.0)
    root = jnp.linalg.cholesky(matrix + nugget)
    weights = cho_solve((root, True), jnp.where(placed, draws - level, 0.0).T)
    return jnp.concatenate([mean[None], draws]), root, jnp.concatenate([certain[:, None], weights], 1)


class Shunned(eqx.Module):
    """Places whose surroundings were searched before."""

    points: Float[Array, "basin param"]
    live: Bool[Array, "basin"]  # the rest fills the buffer
    radius: Float[Array, ""]  # [share of range]

    def __call__(self, points: Float[Array, "place param"]) -> Float[Array, "place"]:
        """The logarithm of a factor that is zero at these places and one far away.

        A local penalty as in González et al., AISTATS 2016, with a Gaussian profile.
        """
        square = jnp.sum(((points[:, None] - self.points) / self.radius) ** 2, -1)
        return jnp.sum(jnp.where(self.live, jnp.log(-jnp.expm1(-0.5 * square - NUGGET)), 0.0), 1)


class Outlook(eqx.Module):
    """What is thought of some places."""

    promise: Float[Array, "place"]  # the logarithm of the noisy expected improvement
    mean: Float[Array, "place"]  # of the scalar of the objectives' means
    feasible: Float[Array, "place"]  # the logarithm of the probability that all constraints are met
    met: Bool[Array, "place"]  # whether the means of all constraints are


def outlook(fantasies: Fantasies, points: Float[Array, "place param"]) -> Outlook:
    """What is thought of some places."""
    means, deviations = fantasies(points)
    count = len(fantasies.scalar.weight)
    feasible = jnp.sum(log_ndtr(-means[count:] / deviations[count:, :, None]), 0)
    gain = fantasies.scalar.log_improvement(fantasies.best, means[:count, :, 1:], deviations[:count])
    promise = logsumexp(gain + feasible[:, 1:], axis=1) - jnp.log(gain.shape[1])
    met = jnp.all(means[count:, :, 0] <= 0, 0)
    return Outlook(promise, fantasies.scalar(means[:count, :, 0]), feasible[:, 0], met)


def score(
    fantasies: Fantasies, shunned: Shunned, greedy: Bool[Array, ""], points: Float[Array, "place param"]
) -> Float[Array, "place"]:
    """How much places are wanted: for their promise, or, greedily, for a low mean where constraints are likely met.

    As long as no place is thought feasible the objectives do not count for the greedy.
    """
    thought = outlook(fantasies, points)
    merit = jnp.where(fantasies.some, -thought.mean, 0.0) + BACK_OFF * thought.feasible
    return jnp.where(greedy, merit, thought.promise) + shunned(points)


def log_improvement(z: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The logarithm of phi(z) + z Phi(z), the expected improvement of a standard normal number.

    Directly above -1; below by Mills' ratio, and below -10 by its asymptotic series, good to 2e-6.
    """
    near, middle, far = jnp.maximum(z, -1.0), jnp.clip(z, -10.0, -1.0), jnp.minimum(z, -10.0)
    log_density = lambda x: -0.5 * x**2 - 0.5 * np.log(2 * np.pi)
    direct = jnp.log(jnp.exp(log_density(near)) + near * jax.scipy.special.ndtr(near))
    mills = jnp.log1p(middle * jnp.exp(log_ndtr(middle) - log_density(middle)))
    inverse = far**-2
    series = jnp.log(inverse) + jnp.log1p(-inverse * (3 - inverse * (15 - inverse * (105 - inverse * 945))))
    tail = jnp.where(z > -10, log_density(middle) + mills, log_density(far) + series)
    return jnp.where(z > -1, direct, tail)
