"""ZDT1: its front, what lies behind it, and what the front covers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.catalogue import load, resolved
from daedalus.landscapes import hypervolume, non_dominated
from daedalus.search import check_fit
from daedalus.studies.test_functions import STUDY
from daedalus.studies.test_functions.front import objectives, zdt1

KEY = jax.random.key(5)
PROBLEM = zdt1()


def scores(x):
    """The scores of places (row, 30)."""
    return np.asarray(jax.jit(jax.vmap(objectives))(jnp.asarray(x)))


def test_the_front_is_the_published_one():
    first = np.linspace(0.0, 1.0, 4001)
    x = np.zeros((4001, 30))
    x[:, 0] = first
    found = scores(x)
    np.testing.assert_allclose(found, np.stack([first, 1 - np.sqrt(first)], 1), atol=1e-12)
    assert non_dominated(found[::40]).all()
    assert hypervolume(found, np.array([1.1, 1.1])) == pytest.approx(0.8767, abs=2e-4)


def test_the_second_objective_is_the_formula_and_nothing_lies_before_the_front():
    x = np.random.default_rng(0).uniform(size=(200, 30))
    g = 1 + 9 * np.sum(x[:, 1:], 1) / 29
    found = scores(x)
    np.testing.assert_allclose(found[:, 1], g * (1 - np.sqrt(x[:, 0] / g)), rtol=1e-12)
    assert np.all(found[:, 1] > 1 - np.sqrt(found[:, 0]))


def test_references_lie_on_the_front_and_one_has_the_least_sum():
    found = {name: PROBLEM.evaluate(design, key=KEY, gradient=True) for name, design in PROBLEM.references.items()}
    assert {name: float(e.loss) for name, e in found.items()} == pytest.approx(
        {"left": 1.0, "optimum": 0.75, "right": 1.0}
    )
    assert all(float(e.values["distance"]) == 0.0 for e in found.values())
    assert float(found["optimum"].gradient.value.cube[0]) == pytest.approx(0.0, abs=1e-12)
    assert np.isfinite(found["left"].gradient.value.cube).all()  # where the root's own derivative is infinite
    assert float(PROBLEM.evaluate(PROBLEM.start, key=KEY).values["distance"]) == pytest.approx(4.5)


@pytest.mark.parametrize("name", STUDY.offers)
def test_the_recipe_of_every_offer_fits_its_problem(name):
    problem = load(f"test_functions/{name}")
    recipe = resolved(STUDY.offers[name].recipe)(problem)
    check_fit(problem, recipe.optimiser, key=KEY)
    assert recipe.events == problem.events
