"""Sensitivities with known answers: powers, the Ishigami function, and bounds that hold."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import sobol_indices as reference
from scipy.stats import uniform

from daedalus.landscapes import LandscapeError, derivative_measures, enclosing, sensitivities, sobol_indices
from daedalus.landscapes.surface import analytic, surface
from landscapes.trials import sizes, task

KEY = jax.random.key(2)
A, B = 7.0, 0.1
POWERS = (2.0, -1.0, 0.5)

ISHIGAMI = analytic(
    lambda x: jnp.sin(x[0]) + A * jnp.sin(x[1]) ** 2 + B * x[2] ** 4 * jnp.sin(x[0]), ("x", "y", "z"), (-np.pi, np.pi)
)
PROBLEM = task()
SEVERAL = [surface(PROBLEM, key=jax.random.fold_in(KEY, number)) for number in range(4)]
PRODUCT = analytic(lambda x: 3.0 * x[0] ** 2 / x[1] * jnp.sqrt(x[2]), ("x", "y", "z"), (0.5, 4.0))


def variances():
    """The parts of the Ishigami function's variance, integrated by hand (Ishigami and Homma 1990)."""
    alone = 0.5 * (1 + B * np.pi**4 / 5) ** 2
    second = A**2 / 8
    together = B**2 * np.pi**8 * (1 / 18 - 1 / 50)
    return alone, second, together, alone + second + together


def test_indices_of_the_ishigami_function_by_value():
    alone, second, together, whole = variances()
    first = np.array([alone, second, 0.0]) / whole
    total = np.array([alone + together, second, together]) / whole
    np.testing.assert_allclose(first, [0.3139, 0.4424, 0.0], atol=5e-5)
    np.testing.assert_allclose(total, [0.5576, 0.4424, 0.2437], atol=5e-5)
    found = sobol_indices(ISHIGAMI, key=KEY, samples=4096)
    assert np.all(np.abs(found.first - first) < 4 * found.first_error)
    assert np.all(np.abs(found.total - total) < 4 * found.total_error)
    assert np.all(found.first_error < 0.04)
    assert found.variance == pytest.approx(whole, rel=0.01)
    assert found.ranking == ("x", "y", "z")


def test_indices_are_those_of_scipy():
    function = lambda x: np.array(jax.vmap(ISHIGAMI.loss)(jnp.asarray(x.T / (2 * np.pi) + 0.5)))
    dists = [uniform(-np.pi, 2 * np.pi)] * 3
    there = reference(func=function, n=1024, dists=dists, rng=np.random.default_rng(5))
    here = sobol_indices(ISHIGAMI, key=KEY, samples=1024)
    np.testing.assert_allclose(here.first, there.first_order, atol=5 * here.first_error.max())
    np.testing.assert_allclose(here.total, there.total_order, atol=5 * here.total_error.max())


def test_the_bootstrap_errors_are_not_too_small():
    alone, second, together, whole = variances()
    total = np.array([alone + together, second, together]) / whole
    every = [sobol_indices(ISHIGAMI, key=jax.random.fold_in(KEY, n), samples=256, resampled=60) for n in range(30)]
    pulls = np.array([(each.total - total) / each.total_error for each in every])
    assert np.all(np.std(pulls, 0) < 1.4)  # scrambled points are more even than random ones
    assert np.all(np.abs(np.mean(pulls, 0)) < 4 / np.sqrt(30))


def test_a_box_changes_what_matters():
    box = np.array([[0.5, 0.5 + 0.5 / np.pi, 0.0], [0.5 + 1e-3, 0.5 + 0.75 / np.pi, 1.0]])  # sin(x) nearly zero
    assert sobol_indices(ISHIGAMI, key=KEY, samples=512, box=box).ranking[0] == "y"
    places = np.array([[0.2, 0.5, 0.5], [0.4, 0.5, 1.0], [0.3, 0.5, 0.7]])
    np.testing.assert_allclose(enclosing(places, least=0.1), [[0.2, 0.45, 0.5], [0.4, 0.55, 1.0]])


def test_derivatives_bound_the_total_indices():
    alone, second, together, whole = variances()
    found = derivative_measures(ISHIGAMI, key=KEY, samples=2048)
    assert np.all(found.bound + 4 * found.bound_error > np.array([alone + together, second, together]) / whole)
    # mean squares of the derivatives, by hand, times the square of the range
    squares = [0.5 * (1 + 2 * B * np.pi**4 / 5 + B**2 * np.pi**8 / 9), A**2 / 2, 8 * B**2 * np.pi**6 / 7]
    np.testing.assert_allclose(found.mean_square, 4 * np.pi**2 * np.array(squares), rtol=0.05)
    sine = analytic(lambda x: jnp.cos(np.pi * x[0]) + 0 * x[1], ("x", "y"))  # of which Poincaré's inequality is sharp
    sharp = derivative_measures(sine, key=KEY, samples=512)
    np.testing.assert_allclose(sharp.bound, [1.0, 0.0], atol=0.02)
    assert sharp.ranking == ("x", "y")


@pytest.mark.parametrize("differences", [False, True])
def test_elasticities_of_a_product_of_powers_are_the_powers(differences):
    cube = np.array([0.3, 0.6, 0.5])
    found = sensitivities([PRODUCT], cube, differences=differences)
    np.testing.assert_allclose(found.elasticity, POWERS, rtol=2e-3 if differences else 1e-9)
    np.testing.assert_array_equal(found.elasticity_error, 0.0)
    x = PRODUCT.values(cube)
    np.testing.assert_allclose(found.slope, np.array(POWERS) * float(PRODUCT.loss(jnp.asarray(cube))) / x, rtol=2e-3)


def test_differences_at_a_bound_are_one_sided():
    line = analytic(lambda x: 2.0 * x[0] - x[1], ("x", "y"), (0.0, 2.0))
    np.testing.assert_allclose(sensitivities([line], np.array([0.0, 1.0]), differences=True).slope, [2.0, -1.0])
    assert np.isnan(sensitivities([line], np.array([0.0, 1.0])).elasticity).all()


@pytest.mark.parametrize("differences", [False, True])
def test_errors_come_from_surfaces_of_other_events(differences):
    cube = np.asarray(PROBLEM.space.cube(sizes(1.0, 2.0)))
    found = sensitivities(SEVERAL, cube, differences=differences, step=0.01)
    assert found.units == ("cm", "cm")
    assert np.all(np.abs(found.slope - [-1.0, -1.0]) < 5 * found.slope_error + 2e-3)
    assert np.all(np.abs(found.elasticity - [-1 / 3, -2 / 3]) < 5 * found.elasticity_error + 2e-3)
    assert np.all((found.slope_error > 0.001) & (found.slope_error < 0.05))
    assert np.isnan(sensitivities(SEVERAL[:1], cube).slope_error).all()


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: sobol_indices(ISHIGAMI, key=KEY, samples=100), "power of two"),
        (lambda: derivative_measures(ISHIGAMI, key=KEY, samples=100), "power of two"),
        (lambda: sobol_indices(ISHIGAMI, key=KEY, box=np.array([[0.5] * 3, [0.5] * 3])), "expected 3 lower corners"),
        (lambda: sobol_indices(analytic(lambda x: 0 * x[0], ("x",)), key=KEY), "the loss is constant"),
        (lambda: sensitivities([], np.zeros(3)), "0 surfaces"),
    ],
)
def test_what_cannot_be_answered_is_refused(act, message):
    with pytest.raises(LandscapeError, match=message):
        act()
