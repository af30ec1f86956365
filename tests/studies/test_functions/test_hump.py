"""The three humps: the function, its expectation, unbiased evaluations, three forms of the derivative."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit

from daedalus.core import Derivative
from daedalus.errors import ProblemError
from daedalus.studies.test_functions.hump import (
    EVENTS,
    GRADIENTS,
    OPTIMUM,
    probabilities,
    submanifold_hump_40,
    three_hump,
    three_hump_function,
    true_outcome,
)
from daedalus.studies.test_functions.submanifold import curved, layers

KEYS = jax.random.split(jax.random.key(2), 200)
PROBLEM = three_hump()
truth = jax.jit(true_outcome)


@eqx.filter_jit
def evaluations(problem, design, keys, gradient=False):
    """Evaluations of one design with several keys, mapped."""
    point, partition = problem.space.point(design), problem.partition(EVENTS)
    measure = lambda key: problem.measure(point, key=key, partition=partition, softness=None, gradient=gradient)
    return jax.vmap(measure)(keys)


def placed(q):
    """The design at a place in the plane."""
    return PROBLEM.space.filled(np.asarray(q))


def integrated(q):
    """The expectation of an event's worth by plain sums over x and over the two normal numbers, taken together."""
    first, second = q
    h = 2 * first**2 - 1.05 * first**4 + first**6 / 6 + first * second + second**2
    t = (np.arange(4000) + 0.5) / 4000
    z = np.linspace(-8, 8, 801)
    density = np.exp(-0.5 * z**2) / np.sum(np.exp(-0.5 * z**2))
    total = 0.0
    for share, low, high in ((abs(first), -2.0, 0.0), (abs(second), 2.0, 5.0)):
        y = h * (low + (high - low) * t)[:, None] + np.sqrt(2) * z
        total += share / (abs(first) + abs(second)) * np.mean((expit(y - 10) - expit(y)) @ density)
    return total


def test_the_function_has_its_three_minima():
    h, slope = three_hump_function, jax.grad(three_hump_function)
    assert float(h(jnp.array([2.0, 0.0]))) == pytest.approx(8 - 16.8 + 64 / 6)
    for place, value in (((0.0, 0.0), 0.0), ((1.747552, -0.873776), 0.298638), ((-1.747552, 0.873776), 0.298638)):
        assert float(h(jnp.array(place))) == pytest.approx(value, abs=1e-6)
        np.testing.assert_allclose(slope(jnp.array(place)), 0.0, atol=1e-5)


@pytest.mark.parametrize("q", [(2.0, 0.0), (0.3, -0.4), (1.2, -0.7), (-1.0, 0.4), (0.0, 1.1626), (2.2, 3.0), (-2.5, 2)])
def test_the_true_outcome_is_the_integral(q):
    assert float(truth(jnp.array(q, float))) == pytest.approx(integrated(q), abs=2e-7)


def test_the_true_outcome_has_the_published_start_and_two_mirrored_optima():
    assert float(truth(PROBLEM.start.p)) == pytest.approx(-0.2266, abs=5e-5)
    best = {name: float(truth(design.p)) for name, design in PROBLEM.references.items()}
    assert best == pytest.approx({"optimum": -0.9456724, "mirror_optimum": -0.9456724}, abs=1e-7)
    assert float(jax.jit(jax.grad(true_outcome))(jnp.asarray(OPTIMUM))[1]) == pytest.approx(0.0, abs=1e-6)
    space = PROBLEM.space
    axes = [np.linspace(low, high, 151) for low, high in zip(space.lower, space.upper)]
    grid = jnp.asarray(np.stack(np.meshgrid(*axes), -1).reshape(-1, 2))
    assert float(jnp.min(jax.jit(jax.vmap(true_outcome))(grid))) > -0.9456725
    assert probabilities(jnp.zeros(2)).tolist() == [0.5, 0.5]


@pytest.mark.parametrize("gradient", GRADIENTS)
@pytest.mark.parametrize("q", [(2.0, 0.0), (1.2, -0.7)])
def test_evaluations_are_unbiased_and_their_errors_right(gradient, q):
    found = evaluations(three_hump(gradient), placed(q), KEYS)
    pulls = (found.loss - found.values["truth"]) / found.loss_error
    # 200 pulls with errors from 16 groups: mean within 4 / sqrt(200), spread Student's 1.07 +- 0.06
    assert abs(float(jnp.mean(pulls))) < 0.29
    assert float(jnp.std(pulls)) == pytest.approx(1.07, abs=0.24)


def test_derivatives_are_those_of_the_true_outcome():
    q, ranges = np.array([1.2, -0.7]), PROBLEM.space.upper - PROBLEM.space.lower
    step = 1e-5 * np.eye(2)
    slope = np.array([integrated(q + s) - integrated(q - s) for s in step]) / 2e-5
    spread = {}
    for gradient in ("score", "marginal"):
        found = evaluations(three_hump(gradient), placed(q), KEYS, gradient=True)
        slopes = np.asarray(found.gradient.value.cube) / ranges
        spread[gradient] = np.std(slopes, 0)
        error = spread[gradient] / np.sqrt(len(KEYS))
        assert np.all(error < 0.03 * np.linalg.norm(slope))
        assert np.all(np.abs(np.mean(slopes, 0) - slope) < 4 * error)
        claimed = np.sqrt(np.diagonal(np.mean(found.gradient.covariance, 0))) / ranges
        np.testing.assert_allclose(claimed, spread[gradient], rtol=0.25)
    assert np.all(spread["marginal"] < spread["score"])


def test_derivatives_at_the_kink_are_the_mean_of_both_sides():
    found = evaluations(three_hump("marginal"), PROBLEM.start, KEYS, gradient=True)  # as compiled above
    step = jnp.array([0.0, 1e-6])
    q = PROBLEM.start.p
    centred = float(truth(q + step) - truth(q - step)) / 2e-6
    slopes = np.asarray(found.gradient.value.cube)[:, 1] / 15.0
    assert np.mean(slopes) == pytest.approx(centred, abs=4 * np.std(slopes) / np.sqrt(len(KEYS)))


def test_the_category_has_no_derivative_unless_asked_for():
    flags = {g: three_hump(g).derivative for g in GRADIENTS}
    assert flags == {"none": Derivative.NONE, "score": Derivative.NOISY, "marginal": Derivative.EXACT}
    with pytest.raises(ProblemError, match="expected one of none, score, marginal"):
        submanifold_hump_40("pathwise")


def test_the_curved_map_hides_the_same_humps():
    problem = submanifold_hump_40("marginal")
    first, second = layers()
    np.testing.assert_allclose(first @ first.T, np.eye(16), atol=1e-12)
    np.testing.assert_allclose(second @ second.T, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(curved(problem.references["mirror_optimum"].p), -OPTIMUM, atol=1e-12)
    space = problem.space
    assert (space.size, set(space.lower), set(space.upper)) == (40, {-5.5}, {9.5})
    for design, value in ((problem.start, -0.2073237), (problem.references["optimum"], -0.9456724)):
        found = evaluations(problem, design, KEYS[:2])
        np.testing.assert_allclose(found.values["truth"], value, atol=1e-7)
        np.testing.assert_allclose(found.loss, value, atol=0.02)
