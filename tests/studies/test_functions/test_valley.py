"""Rosenbrock's valleys: closed forms, the noise of an evaluation, exact gradients, a mixed space."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.core import Derivative
from daedalus.errors import ProblemError
from daedalus.search import optimise
from daedalus.studies.test_functions.design import BENDS
from daedalus.studies.test_functions.submanifold import directions
from daedalus.studies.test_functions.valley import (
    EVENTS,
    rosenbrock,
    rosenbrock_10,
    submanifold_rosenbrock_100,
    valley_recipe,
    whole_rosenbrock,
)

KEYS = jax.random.split(jax.random.key(3), 400)
FACTORIES = (rosenbrock_10, submanifold_rosenbrock_100, whole_rosenbrock)


@eqx.filter_jit
def evaluations(problem, design, keys, gradient=False, events=EVENTS):
    """Evaluations of one design with several keys, mapped."""
    point, partition = problem.space.point(design), problem.partition(events)
    measure = lambda key: problem.measure(point, key=key, partition=partition, softness=None, gradient=gradient)
    return jax.vmap(measure)(keys)


def noise_of_an_evaluation():
    """The standard deviation of the mean of 3000 readings: latent of variance V, reading of 0.1 + 0.5 |latent|."""
    x, z = 10 * ((np.arange(2000) + 0.5) / 1000 - 1)[:, None], np.linspace(-8, 8, 401)
    size = np.mean(np.abs(x + z) @ (np.exp(-0.5 * z**2) / np.sum(np.exp(-0.5 * z**2))))
    variance = 100 / 3 + 1
    return np.sqrt((variance + 0.01 + 0.1 * size + 0.25 * variance) / EVENTS)


def test_the_valley_is_the_textbooks_without_its_hundred():
    assert float(rosenbrock(jnp.array([3.0, 5.0]))) == (5 - 9) ** 2 + (1 - 3) ** 2
    assert float(rosenbrock(jnp.array([3.0, 5.0]), -1.0, 0.5)) == (5 + 9) ** 2 + (1 - 3) ** 2 + 0.5


@pytest.mark.parametrize(("factory", "value"), list(zip(FACTORIES, (45.0, 9.0, 74.0))))
def test_without_noise_start_and_optimum_have_their_values(factory, value):
    problem = factory(noise=False)
    for design, expected in ((problem.start, value), (problem.references["optimum"], 0.0)):
        found = problem.evaluate(design, key=KEYS[0])
        assert float(found.loss) == pytest.approx(expected, abs=1e-12)
        assert float(found.values["truth"]) == float(found.values["outcome"])
        assert float(found.loss_error) == 0.0


def test_an_evaluation_is_unbiased_and_as_noisy_as_the_peers_found():
    problem = rosenbrock_10()
    found = evaluations(problem, problem.start, KEYS)
    noise = noise_of_an_evaluation()
    assert noise == pytest.approx(0.120, abs=0.0005)
    # 400 evaluations: the mean within four errors, a standard deviation is known to 3.5 %
    assert float(jnp.mean(found.loss)) == pytest.approx(45.0, abs=4 * noise / 20)
    assert float(jnp.std(found.loss)) == pytest.approx(noise, rel=0.14)
    assert float(jnp.sqrt(jnp.mean(found.loss_error**2))) == pytest.approx(noise, rel=0.05)


def test_gradients_are_exact_in_every_evaluation():
    problem = rosenbrock_10()
    design = problem.space.filled(np.linspace(-1.0, 2.0, 10))
    found = evaluations(problem, design, KEYS[:3], gradient=True, events=320)  # sixteen equal groups
    expected = np.broadcast_to(15.0 * jax.grad(rosenbrock)(design.p), (3, 10))
    np.testing.assert_allclose(found.gradient.value.cube, expected, rtol=1e-10)
    np.testing.assert_allclose(found.gradient.covariance, 0.0, atol=1e-15)
    assert problem.derivative == Derivative.EXACT


def test_the_submanifold_is_the_published_one():
    matrix = np.linalg.qr(np.random.RandomState(1337).randn(100, 10))[0]
    np.testing.assert_array_equal(directions(), matrix)
    p = np.random.default_rng(0).uniform(-7.5, 7.5, 100)
    q = p @ matrix
    problem = submanifold_rosenbrock_100(noise=False)
    found = problem.evaluate(problem.space.filled(p), key=KEYS[0])
    assert float(found.loss) == pytest.approx(np.sum((q[1:] - q[:-1] ** 2) ** 2 + (1 - q[:-1]) ** 2), rel=1e-10)


def test_every_choice_of_the_mixed_valley_has_a_minimum_and_one_is_best():
    problem = whole_rosenbrock(noise=False)
    space = problem.space
    assert [entry.kind for entry in space.entries] == ["continuous", "continuous", "whole", "choice"]
    fine = np.linspace(-3.0, 3.0, 121)  # holds 0.5 and 1
    first, second, steps = np.meshgrid(fine, fine, np.arange(-5, 10), indexing="ij")
    best = {}
    for number, (bend, curvature, height) in enumerate(zip(BENDS, (-1, 1, 0), (0, 0, 0.5))):
        valley = (second - curvature * first**2) ** 2 + (1 - first) ** 2
        valley = valley + (steps - curvature * second**2) ** 2 + (1 - second) ** 2 + height
        place = np.unravel_index(np.argmin(valley), valley.shape)
        values = [first[place], second[place], steps[place], number]
        found = problem.evaluate(space.filled(np.array(values, float)), key=KEYS[0])
        assert float(found.loss) == pytest.approx(valley[place], abs=1e-10)
        best[bend] = values[:3], float(valley[place])
    assert best["bent"] == ([1.0, 1.0, 1.0], 0.0)
    assert best["straight"][1] == pytest.approx(1.0)  # (1, 0.5, 0) has one half, and the valley's height another
    assert best["mirrored"][1] > 1.0


def test_whole_numbers_have_no_derivative_unless_asked_for():
    assert Derivative.NONE in whole_rosenbrock().derivative
    assert whole_rosenbrock(gradient="straight_through").derivative == Derivative.BIASED
    problem = whole_rosenbrock(noise=False, gradient="straight_through")
    found = problem.evaluate(problem.start, key=KEYS[0], gradient=True)
    # by steps at q = (2, 2, 2), curvature -1: 2 (2 + 4), times a range of 14; by bend: the line to the next choice
    assert float(found.gradient.value.cube[2]) == pytest.approx(14 * 12)
    assert float(found.gradient.value.cube[3]) == pytest.approx(2 * 2 * (-2) * (2 * 4 * 6))
    with pytest.raises(ProblemError, match="expected one of none, straight_through"):
        whole_rosenbrock(gradient="score")


def test_a_short_descent_follows_the_valley_and_its_truth_is_in_every_row():
    problem = rosenbrock_10()
    history = optimise(problem, valley_recipe(problem).optimiser, key=KEYS[0], rounds=20)
    truth = np.asarray(history.columns["truth"])
    assert truth[0] == pytest.approx(45.0)
    assert np.all(np.isfinite(truth))
    assert truth[-1] < 0.5
    off = (np.asarray(history.columns["loss"]) - truth) / np.asarray(history.columns["loss_error"])
    assert np.max(np.abs(off)) < 6
